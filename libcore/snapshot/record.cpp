// SPDX-License-Identifier: MIT
#include "snapshot/record.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "clock/host_table.hpp"

namespace coord::record {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Why::last) + 1> why_words = {
    "died", "no answer", "left", "gave up", "joined", "broke", "unreachable"};

}  // namespace

std::string_view to_string(Why why) {
  return why_words.at(static_cast<std::size_t>(why));
}

std::optional<Why> why_of(std::string_view word) {
  for (std::size_t i = 0; i < why_words.size(); ++i) {
    if (why_words[i] == word) return static_cast<Why>(i);
  }
  return std::nullopt;
}

const char* id_fault(std::string_view id) {
  if (id.empty()) return "is empty";
  if (id.size() > clock::longest_host) return "is longer than 255 bytes";
  if (id.starts_with('!')) return "begins with '!'";
  if (id.starts_with('-') || id.starts_with('@')) return "begins with '-' or '@'";
  return clock::host_name_fault(id) ? "contains a blank or a control character" : nullptr;
}

std::vector<std::string> full_cycle(const Snapshot& snapshot) {
  std::map<std::string, std::set<std::string>> waits;
  for (const Channel& channel : snapshot.channels) {
    if (channel.full) waits[channel.from].insert(channel.to);
  }
  // Who waits for nobody that waits is taken away, until all that are left wait within themselves.
  for (bool taken = true; taken;) {
    taken = false;
    for (auto& [id, others] : waits) {
      taken = std::erase_if(others, [&](const auto& other) { return !waits.contains(other); }) > 0 || taken;
    }
    taken = std::erase_if(waits, [](const auto& entry) { return entry.second.empty(); }) > 0 || taken;
  }
  std::vector<std::string> path;
  if (waits.empty()) return path;
  std::string at = waits.begin()->first;
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    at = *waits.at(at).begin();
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  return path;
}

VectorClock within_view(const VectorClock& clock, const std::vector<Member>& members) {
  VectorClock::Counts kept;
  for (const Member& member : members) {
    if (const std::uint64_t count = clock.at(member.id); count > 0) kept.emplace(member.id, count);
  }
  return VectorClock(std::move(kept));
}

}  // namespace coord::record
