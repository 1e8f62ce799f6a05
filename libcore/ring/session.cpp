// SPDX-License-Identifier: MIT
#include "ring/session.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::ring {

void Session::add(const std::string& key, const Dot& dot) {
  std::uint64_t& number = seen_[key][dot.host];
  number = std::max(number, dot.number);
}

void Session::read(const std::string& key, const Found& found) {
  for (const Dot& dot : found.seen) add(key, dot);
  const std::vector<Dependency> none;
  for (const Dependency& each : COORD_RULE_OR(ring_reader_takes_over_dependencies, found.after, none))
    add(each.key, each.dot);
}

void Session::wrote(const std::string& key, const Dot& dot) {
  seen_.erase(key);
  add(key, dot);
}

std::vector<Dot> Session::at_least(const std::string& key) const {
  std::vector<Dot> dots;
  const auto found = seen_.find(key);
  if (found == seen_.end()) return dots;
  for (const auto& [host, number] : found->second) dots.push_back({host, number});
  return dots;
}

std::vector<Dependency> Session::all() const {
  std::vector<Dependency> all;
  for (const auto& [key, dots] : seen_) {
    for (const auto& [host, number] : dots) all.push_back({key, {host, number}});
  }
  return all;
}

bool Session::fits() const {
  std::size_t count = 0, bytes = 0;
  for (const auto& [key, dots] : seen_) {
    count += dots.size();
    bytes += key.size() * dots.size();
  }
  return count <= most_dependencies && bytes <= dependency_bytes;
}

}  // namespace coord::ring
