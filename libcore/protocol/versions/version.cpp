// SPDX-License-Identifier: MIT
#include "protocol/versions/version.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::ring {

std::string text(const Dot& dot) {
  return fmt::format("{}@{:016x}", dot.number, dot.host.value);
}

std::optional<Dot> read_dot(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || text.size() - at != 17) return std::nullopt;
  const auto read = [](std::string_view digits, std::uint64_t& number, int base) {
    const char* const end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, number, base);
    return result.ec == std::errc() && result.ptr == end;
  };
  Dot dot;
  if (!read(text.substr(0, at), dot.number, 10) || !read(text.substr(at + 1), dot.host.value, 16))
    return std::nullopt;
  return dot;
}

bool Entry::has_heard_of(const Dot& dot) const {
  const auto known = context.find(dot.host);
  return known != context.end() && dot.number <= known->second;
}

const Version* Entry::find(const Dot& dot) const {
  const auto found = std::ranges::lower_bound(versions, dot, {}, &Version::dot);
  return found == versions.end() || found->dot != dot ? nullptr : &*found;
}

std::vector<Version> Entry::values() const {
  std::vector<Version> all;
  for (const Version& version : versions) {
    if (!version.removed) all.push_back({version.dot, version.time, false, version.size, {}});
  }
  return all;
}

bool Entry::has_heard_of_all(const std::vector<Dot>& dots) const {
  return std::ranges::all_of(dots, [this](const Dot& dot) { return has_heard_of(dot); });
}

std::vector<Dependency> Entry::dependencies() const {
  std::set<Dependency> all;
  for (const Version& version : versions) all.insert(version.after.begin(), version.after.end());
  return {all.begin(), all.end()};
}

namespace {

// Of each key and host the newest.
void inherit(std::vector<Dependency>& after, const std::vector<Dependency>& more) {
  std::map<std::pair<std::string, NodeId>, std::uint64_t> all;
  after.insert(after.end(), more.begin(), more.end());
  for (const Dependency& each : after) {
    std::uint64_t& number = all[{each.key, each.dot.host}];
    number = std::max(number, each.dot.number);
  }
  after.clear();
  for (const auto& [what, number] : all) after.push_back({what.first, {what.second, number}});
}

}  // namespace

void write(Entry& entry, Version version, const std::optional<std::vector<Dot>>& replaces,
           const std::vector<Dot>& seen, const Hidden& is_hidden) {
  COORD_CHECK(!entry.has_heard_of(version.dot));
  const auto is_replaced = [&](const Version& old) {
    return COORD_RULE_OR(ring_sibling_is_kept,
                         !replaces || std::ranges::find(*replaces, old.dot) != replaces->end(), true);
  };
  for (const Version& old : entry.versions) {
    const bool is_seen = std::ranges::any_of(
        seen, [&](const Dot& dot) { return dot.host == old.dot.host && dot.number >= old.dot.number; });
    if (old.after.empty() || !is_replaced(old)) continue;
    if (!COORD_RULE_OR(ring_replaced_leaves_its_dependencies, true, false)) continue;
    std::vector<Dependency> untold = old.after;
    std::erase_if(untold, [&](const Dependency& each) {
      const bool is_told =
          COORD_RULE_OR(ring_untold_dependencies_are_inherited, !is_hidden || !is_hidden(each.key), true);
      return is_seen && is_told;
    });
    inherit(version.after, untold);
  }
  std::erase_if(entry.versions, is_replaced);
  const auto place = std::ranges::lower_bound(entry.versions, version.dot, {}, &Version::dot);
  entry.versions.insert(place, version);
  entry.context[version.dot.host] = version.dot.number;
}

Entry merged(const Entry& a, const Entry& b) {
  Entry both;
  const auto take = [&both](const Entry& from, const Entry& other) {
    for (const Version& version : from.versions) {
      const bool stays = other.find(version.dot) != nullptr ||
                         COORD_RULE_OR(ring_replaced_stays_replaced, !other.has_heard_of(version.dot), true);
      if (stays && both.find(version.dot) == nullptr) {
        both.versions.insert(std::ranges::lower_bound(both.versions, version.dot, {}, &Version::dot),
                             version);
      }
    }
  };
  take(a, b);
  take(b, a);
  both.context = a.context;
  for (const auto& [host, number] : b.context) both.context[host] = std::max(both.context[host], number);
  return both;
}

}  // namespace coord::ring
