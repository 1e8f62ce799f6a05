// SPDX-License-Identifier: MIT
#include "replica/former_state.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

namespace {

Error unreadable(const raft::Entry& entry, const Error& why) {
  return {ErrorKind::data, "log", fmt::format("entry {} cannot be read: {}", entry.index.value, why.what),
          "use the release that wrote it"};
}

Status apply_to(service::StateMachine& machine, const raft::Entry& entry, const std::vector<NodeId>& peers) {
  if (entry.kind == raft::EntryKind::raise) {
    const auto raise = wire::decode<service::Raise>(entry.data);
    if (!raise) return unreadable(entry, raise.error());
    machine.apply_raise(entry.index, *raise, peers);
  } else if (entry.kind == raft::EntryKind::members) {
    if (const auto voters = raft::decode_voters(entry.data))
      (void)machine.apply_voters(entry.index, voters->voters);
  } else if (entry.kind == raft::EntryKind::command) {
    const auto command = wire::decode<service::Command>(entry.data, {.version = entry.level});
    if (!command) return unreadable(entry, command.error());
    machine.apply(entry.index, *command);
  }
  return done();
}

// Of the second after `now`: above what was given in this one, or reserved ahead of it.
Token floor_at(WallTime now) {
  constexpr std::int64_t second_ns = 1'000'000'000;
  const auto second = static_cast<std::uint64_t>(std::max<std::int64_t>(now.unix_ns, 0) / second_ns + 1);
  return Token{(second << 20U) + service::tokens_ahead};
}

// Disks of the former group are kept out by the new one's id. The founders of the new one have new disks,
// under the numbers that their names give: none of them is retired, and no other number has their names.
void forget_disks(service::State& state) {
  state.retired.clear();
  state.put_out.clear();
  for (auto& [node, registration] : state.registrations) {
    registration.name = registration.address = registration.moved = {};
    registration.voted = false;
  }
  if (state.level >= 2) state.roster_at = state.applied;
}

}  // namespace

Result<raft::Snapshot> state_of_log(const raft::Recovered& log) {
  service::StateMachine machine;
  LogIndex index;
  Term term;
  if (log.snapshot) {
    auto restored = machine_from(*log.snapshot);
    if (!restored) return restored.error();
    machine = std::move(*restored);
    index = log.snapshot->index;
    term = log.snapshot->term;
  }
  std::vector<NodeId> peers;
  for (const auto& [node, incarnation] : log.hard_state.founders) peers.push_back(node);
  for (const raft::Entry& entry : log.entries) {
    if (Status applied = apply_to(machine, entry, peers); !applied) return applied.error();
    index = entry.index;
    term = entry.term;
  }
  if (index.value == 0)
    return Error{ErrorKind::data, "log", "it holds nothing: its peer has never been in a group",
                 "use another"};
  return raft::Snapshot{index, term, wire::encode_state(machine.state()), machine.level()};
}

Result<FoundedAnew> found_anew(const raft::Snapshot& former, WallTime now) {
  auto state = wire::decode_state(former.data, former.level);
  if (!state) return state.error();
  const Token floor = floor_at(now);
  if (floor <= state->last_token)
    return Error{ErrorKind::unavailable, "clock",
                 "it is behind the tokens of the former group, so higher ones may have been given",
                 "set this host's clock"};
  state->last_token = COORD_RULE_OR(founded_above_all_tokens, floor, state->last_token);
  forget_disks(*state);
  const Token above = state->last_token;
  const Level level = state->level;
  return FoundedAnew{{former.index, former.term, wire::encode_state(*state), level}, above};
}

}  // namespace coord::replica
