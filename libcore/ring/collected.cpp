// SPDX-License-Identifier: MIT
// Whether versions that a session has seen are nowhere any more.
//
// Problem: what a session has seen may have been removed, and the record of that collected (burying.cpp):
// then no copy will ever have it, and a read that waits for it would wait for ever. The obvious answer, that
// it is so when all of the key's copies have answered and none has it, is wrong while a host that is none of
// them has it still: one that was cut off took the write, is to keep the key no more, and has not handed it
// over yet (giving_back.cpp). Algorithm: what is on a disk outside of the key's hosts goes from there only
// when it is on all of theirs. So first each other host of the ring says that it has none of it, under the
// ring's number; and then the key's hosts are asked once more. If they have none of it then, nobody has.
#include <algorithm>
#include <utility>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

// Of what all of the key's copies have said. False: it is being asked for.
bool Replicas::is_collected(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  if (operation.seen.size() < operation.set.all().size()) return false;
  if (!COORD_RULE_OR(ring_nobody_has_what_was_collected, true, false)) return true;
  if (operation.is_nowhere_else) return true;
  if (std::exchange(operation.asks_elsewhere, true)) return false;
  ask_elsewhere(id);
  return operation.is_nowhere_else;  // there are no others
}

// Hosts of the ring that are none of the key's.
void Replicas::ask_elsewhere(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  bool all = true;
  for (const Host& host : rings_.at(operation.ring).placement.all()) {
    if (operation.set.is_kept_by(host) || operation.lacking.contains(host)) continue;
    all = false;
    send(host.host, copies::AskEntry{id, operation.ring, operation.number, operation.key});
  }
  if (all) operation.is_nowhere_else = true;
}

void Replicas::heard_elsewhere(std::uint64_t id, const copies::EntryIs& message) {
  Operation& operation = operations_.at(id);
  if (!operation.asks_elsewhere || operation.is_nowhere_else || message.number != operation.number) return;
  if (operation.phase == Operation::Phase::fetching) return;
  const auto found = rings_.find(operation.ring);
  if (found == rings_.end() || found->second.placement.number() != message.number) return;
  const Hosts all = found->second.placement.all();
  const std::vector<Dot> dots = waited_for(*operation.work);
  const bool has_some =
      std::ranges::any_of(dots, [&](const Dot& dot) { return message.entry.has_heard_of(dot); });
  // It hands that over, and is asked again.
  if (has_some || std::ranges::find(all, message.by) == all.end()) return;
  operation.lacking.insert(message.by);
  const auto is_heard = [&](const Host& host) {
    return operation.set.is_kept_by(host) || operation.lacking.contains(host);
  };
  if (!std::ranges::all_of(all, is_heard)) return;
  operation.is_nowhere_else = true;
  // What was said before, and may be on its way still, counts no more.
  operation.seen.clear();
  const bool is_read = std::holds_alternative<Get>(operation.work->what) ||
                       std::holds_alternative<AskEverywhere>(operation.work->what);
  if (!is_read) return;
  auto same = operations_.extract(id);
  same.key() = ++last_;
  const std::uint64_t now = same.key();
  operations_.insert(std::move(same));
  ask(now);
}

// Versions of the key: those that a session has seen, and that a write names.
std::vector<Dot> Replicas::waited_for(const Work& work) {
  if (const auto* everywhere = std::get_if<AskEverywhere>(&work.what)) return everywhere->dots;
  std::vector<Dot> all = past_of(work).at_least;
  if (const auto* named = versions_named(work)) all.insert(all.end(), named->begin(), named->end());
  return all;
}

const std::vector<Dot>* Replicas::versions_named(const Work& work) {
  const auto* put = std::get_if<Put>(&work.what);
  const auto* remove = std::get_if<Remove>(&work.what);
  if (put != nullptr && put->replaces) return &*put->replaces;
  return remove != nullptr && remove->replaces ? &*remove->replaces : nullptr;
}

}  // namespace coord::ring
