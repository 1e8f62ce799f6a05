// SPDX-License-Identifier: MIT
// So many of the group's hosts vote (voter_keeper.hpp): what the leader looks at, and what it does.
#include <algorithm>
#include <chrono>

#include "base/rule.hpp"
#include "replica/registered_life.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

constexpr Duration look_every = std::chrono::milliseconds(500);

}  // namespace

// Said to all: else every host that is started later would count it anew.
void Replica::end_pause(Instant now) {
  service::Command command;
  command.wall = wall_;
  service::VoterPolicy policy = machine_.state().kept_voters;
  policy.pause = {};
  command.body = service::KeepVoters{policy, machine_.state().kept_at};
  tell_raft(now, raft::Propose{{wire::encode(command, machine_.level())}, false, machine_.level()});
}

void Replica::keep_voters(Instant now) {
  // After a start it is as if that had been now: longer than an hour is harmless.
  const LogIndex replaced_at = machine_.state().replaced_at;
  if (replaced_at != replaced_at_) replaced_ = now;
  replaced_at_ = replaced_at;
  pause_.look(now, machine_.state().kept_voters);
  // Time in which it has not heard a majority counts for nothing.
  if (raft_.role() != raft::Role::leader || !has_quorum() || machine_.level() < 2) return keeper_.reset();
  if (now < keeper_looked_ + look_every) return;
  keeper_looked_ = now;
  const service::State& state = machine_.state();
  VoterKeeper::View view{config_.raft.self, state.kept_voters, raft_.voters(), {}, {}};
  view.paused = pause_.left(now) > Duration{};
  const bool is_over = view.policy.pause > Duration{} && !view.paused;
  if (COORD_RULE_OR(finished_pause_is_told, is_over, false)) end_pause(now);
  if (view.policy.count == 0) return keeper_.reset();
  for (const auto& [peer, progress] : raft_.progress()) view.heard[peer] = progress.heard;
  for (const auto& [node, registration] : state.registrations) {
    if (!registration.zone.empty()) view.zones[node] = registration.zone;
    const auto said = announced_.find(node);
    const bool is_connected = said != announced_.end() && said->second.knows >= machine_.level() &&
                              is_registered_life(state, node, said->second.life);
    if (is_connected && !registration.name.empty() && !raft_.voters().votes(node))
      view.candidates.push_back(node);
  }
  view.contact = config_.raft.contact();
  view.least_after = std::max(config_.raft.election_high * 3, view.contact * 3);
  view.replaced = replaced_;
  const auto order = keeper_.next(now, view);
  if (!order) return;
  // In the log before the change, so whoever leads when that is committed knows of it.
  const auto note = [&](const raft::Change& change) {
    if (order->verb != VoterVerb::replace || change.step != raft::Step::remove) return;
    service::Command command;
    command.wall = wall_;
    command.body = service::Replacing{order->node, order->other};
    tell_raft(now, raft::Propose{{wire::encode(command, machine_.level())}, false, machine_.level()});
  };
  keeper_.answered(*order, carry_out(now, *order, note));
}

}  // namespace coord::replica
