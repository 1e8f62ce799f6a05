// SPDX-License-Identifier: MIT
#include "catalogue/wait_truth.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::catalogue {

void WaitTruth::begins(NodeId process, const std::set<NodeId>& others) {
  waits_[process] = {others, 0, {}, ++now_, false};
}

void WaitTruth::numbered(NodeId process, std::uint64_t wait, deadlock::Age age) {
  const auto found = waits_.find(process);
  if (found == waits_.end()) return;
  found->second.number = wait;
  found->second.age = age;
}

void WaitTruth::answered(NodeId process, std::uint64_t wait_number, NodeId by) {
  const auto found = waits_.find(process);
  if (found == waits_.end() || found->second.number != wait_number) return;
  ++now_;
  Wait& wait = found->second;
  if (const auto broken = broken_.find(by);
      broken != broken_.end() && broken->second.back().first > wait.begun) {
    wait.freed = true;
    return;
  }
  wait.others.erase(by);
  if (!wait.freed && (needs_ == deadlock::Needs::any || wait.others.empty())) waits_.erase(found);
}

void WaitTruth::goes_on(NodeId process) {
  ++now_;
  const auto found = waits_.find(process);
  if (found == waits_.end()) return;
  if (found->second.freed) broken_[process].emplace_back(now_, found->second);
  waits_.erase(found);
}

std::optional<std::string> WaitTruth::gives_up(NodeId process) {
  ++victims_;
  const auto found = waits_.find(process);
  if (found == waits_.end()) return fmt::format("process {} has its answer on the way", process.value);
  const bool right =
      needs_ == deadlock::Needs::all ? on_cycle_of_older(process) : only_waits_for_stuck_and_older(process);
  broken_[process].emplace_back(++now_, found->second);
  waits_.erase(process);
  if (right) return std::nullopt;
  return fmt::format("process {} was not the youngest of a deadlock", process.value);
}

// How the process stood for a probe since then: before what was broken, and now.
std::vector<const WaitTruth::Wait*> WaitTruth::waits_of(NodeId process, std::uint64_t since) const {
  std::vector<const Wait*> waits;
  if (const auto found = broken_.find(process); found != broken_.end()) {
    for (const auto& [when, wait] : found->second)
      if (when > since) waits.push_back(&wait);
  }
  if (const auto found = waits_.find(process); found != waits_.end()) waits.push_back(&found->second);
  return waits;
}

bool WaitTruth::on_cycle_of_older(NodeId process) const {
  const Wait& own = waits_.at(process);
  std::set<NodeId> seen;
  std::vector<NodeId> open(own.others.begin(), own.others.end());
  while (!open.empty()) {
    const NodeId at = open.back();
    open.pop_back();
    if (at == process) return true;
    if (!seen.insert(at).second) continue;
    for (const Wait* wait : waits_of(at, own.begun))
      if (wait->age < own.age) open.insert(open.end(), wait->others.begin(), wait->others.end());
  }
  return false;
}

// The largest set in which everybody is older than `process` and waits for members of the set only: with it
// in the set, it is deadlocked.
bool WaitTruth::only_waits_for_stuck_and_older(NodeId process) const {
  const Wait& own = waits_.at(process);
  std::map<NodeId, std::vector<const Wait*>> stuck;
  const auto consider = [&](NodeId other) {
    if (stuck.contains(other)) return;
    auto& waits = stuck[other] = waits_of(other, own.begun);
    std::erase_if(waits, [&](const Wait* wait) { return own.age < wait->age; });
  };
  for (const auto& [other, wait] : waits_) consider(other);
  for (const auto& [other, waits] : broken_) consider(other);
  const auto inside = [&](const Wait& wait) {
    return std::ranges::all_of(wait.others, [&](NodeId other) { return stuck.contains(other); });
  };
  stuck[process] = {&own};
  for (bool changed = true; changed;) {
    changed = std::erase_if(stuck, [&](const auto& entry) {
                return std::ranges::none_of(entry.second, [&](const Wait* wait) { return inside(*wait); });
              }) > 0;
  }
  return stuck.contains(process);
}

}  // namespace coord::catalogue
