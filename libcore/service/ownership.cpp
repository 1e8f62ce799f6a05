// SPDX-License-Identifier: MIT
#include "service/ownership.hpp"

#include <algorithm>
#include <set>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "service/families.hpp"

namespace coord::service {

std::string owner_name(std::uint32_t uid, const std::string& user) {
  const std::string number = std::to_string(uid);
  const bool is_name = !user.empty() && user != number && user.front() != '#' &&
                       user.find('/') == std::string::npos && user.find('\0') == std::string::npos;
  return is_name ? user : fmt::format("#{}", number);
}

std::string_view owner_in(std::string_view name) {
  if (name.empty() || name.front() != '@') return {};
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(1, slash - 1);
}

bool may_use(std::string_view name, std::uint32_t uid, const std::string& user) {
  const std::string_view owner = owner_in(name);
  if (owner.data() == nullptr) return true;
  if (owner.empty()) return false;  // nobody's: a peer has expanded it, if it came from a tool
  return COORD_RULE(name_is_its_users, uid == 0 || owner == owner_name(uid, user));
}

std::vector<std::string> owned_names(const State& state, std::size_t most) {
  std::set<std::string> owned;
  const auto note = [&](const std::string& name) {
    if (owner_in(name).data() != nullptr) owned.insert(name);
  };
  for_each_family([&]<class F>() { F::for_each_name(state, note); });
  std::vector<std::string> names(owned.begin(), owned.end());
  if (names.size() > most) names.resize(most);
  return names;
}

std::string expand_own(std::string_view name, std::uint32_t uid, const std::string& user) {
  if (!name.starts_with("@/")) return std::string(name);
  return fmt::format("@{}{}", owner_name(uid, user), name.substr(1));
}

}  // namespace coord::service
