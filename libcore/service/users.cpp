// SPDX-License-Identifier: MIT
// How much of the names in use each user has.
#include "base/check.hpp"
#include "service/core.hpp"

namespace coord::service {

void Core::count_names(const Owner& owner, const std::vector<std::string>& names) {
  name_bytes_ += bytes_of_names(names);
  names_of_user_[owner.user] += names.size();
}

void Core::uncount_names(const Owner& owner, const std::vector<std::string>& names) {
  name_bytes_ -= bytes_of_names(names);
  const auto of_user = names_of_user_.find(owner.user);
  COORD_CHECK(of_user != names_of_user_.end() && of_user->second >= names.size());
  of_user->second -= names.size();
  if (of_user->second == 0) names_of_user_.erase(of_user);
}

std::size_t Core::names_of(const Owner& owner) const {
  const auto taken = names_of_user_.find(owner.user);
  return taken == names_of_user_.end() ? 0 : taken->second;
}

}  // namespace coord::service
