// SPDX-License-Identifier: MIT
#include "ring/session.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "ring/owner.hpp"

namespace coord::ring {

void Session::add(const std::string& key, const Dot& dot) {
  std::uint64_t& number = seen_[key].dots[dot.host];
  number = std::max(number, dot.number);
}

void Session::carry(Known& known, const Dependency& what) {
  std::uint64_t& number = known.carried[{what.key, what.dot.host}];
  number = std::max(number, what.dot.number);
}

void Session::add_carried(const std::string& key, const Dependency& what) {
  add(what.key, what.dot);
  carry(seen_[key], what);
}

void Session::forget(const std::string& key) {
  const auto known = seen_.find(key);
  if (known == seen_.end()) return;
  if (COORD_RULE(ring_what_is_forgotten_was_followed, known->second.is_followed)) seen_.erase(known);
}

void Session::read(const std::string& key, const Found& found) {
  if (found.seen.empty()) return read_nothing(key);
  for (const Dot& dot : found.seen) add(key, dot);
  Known& known = seen_.at(key);
  known.is_followed = true;
  const std::vector<Dependency> none;
  for (const Dependency& each : COORD_RULE_OR(ring_reader_takes_over_dependencies, found.after, none)) {
    carry(known, each);
    Known& other = seen_[each.key];
    const auto seen = other.dots.find(each.dot.host);
    if (seen != other.dots.end() && seen->second >= each.dot.number) continue;
    other.dots[each.dot.host] = each.dot.number;
    other.is_followed = COORD_RULE_OR(ring_reader_follows_dependencies, false, true);
  }
}

void Session::read_nothing(const std::string& key) {
  if (const auto known = seen_.find(key); known != seen_.end()) known->second.is_followed = true;
}

void Session::wrote(const std::string& key, const Dot& dot, const std::vector<Dependency>& after) {
  seen_.erase(key);
  add(key, dot);
  for (const Dependency& each : after) carry(seen_.at(key), each);
}

std::vector<Dot> Session::at_least(const std::string& key) const {
  std::vector<Dot> dots;
  const auto found = seen_.find(key);
  if (found == seen_.end()) return dots;
  for (const auto& [host, number] : found->second.dots) dots.push_back({host, number});
  return dots;
}

std::vector<Dependency> Session::all() const {
  std::vector<Dependency> all;
  for (const auto& [key, known] : seen_) {
    for (const auto& [host, number] : known.dots) all.push_back({key, {host, number}});
  }
  return all;
}

std::vector<Dependency> Session::carried_by(const std::string& key) const {
  std::vector<Dependency> all;
  const auto found = seen_.find(key);
  if (found == seen_.end()) return all;
  for (const auto& [what, number] : found->second.carried) all.push_back({what.first, {what.second, number}});
  return all;
}

std::vector<Dependency> Session::nearest(const std::string& key) const {
  std::map<std::pair<std::string, NodeId>, std::uint64_t> led_to;
  for (const auto& [other, known] : seen_) {
    const bool is_replaced = COORD_RULE_OR(ring_replaced_versions_lead_nowhere, other == key, false);
    const std::string owner = owner_of(other);
    const bool is_readable =
        COORD_RULE(ring_hidden_keys_lead_nowhere, owner.empty() || owner == owner_of(key));
    if (is_replaced || !is_readable) continue;
    for (const auto& [what, number] : known.carried) {
      std::uint64_t& most = led_to[what];
      most = std::max(most, number);
    }
  }
  std::vector<Dependency> nearest;
  for (const Dependency& each : all()) {
    const auto by_another = led_to.find({each.key, each.dot.host});
    const bool is_led_to = by_another != led_to.end() && by_another->second >= each.dot.number;
    if (each.key != key && !is_led_to) nearest.push_back(each);
  }
  return nearest;
}

std::vector<std::string> Session::to_follow() const {
  std::vector<std::string> keys;
  for (const auto& [key, known] : seen_) {
    if (!known.is_followed) keys.push_back(key);
  }
  return keys;
}

bool fits_one_version(const std::vector<Dependency>& after) {
  std::size_t bytes = 0;
  for (const Dependency& each : after) bytes += each.key.size();
  return after.size() <= most_dependencies && bytes <= dependency_bytes;
}

}  // namespace coord::ring
