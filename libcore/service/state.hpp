// SPDX-License-Identifier: MIT
// All that the machine remembers, and all that a snapshot holds. What can be computed from it (who queues for
// which name) is not in it; StateMachine::restore() computes it again and checks that the
// parts fit each other.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "service/answer.hpp"
#include "service/families.hpp"
#include "service/group_id.hpp"
#include "service/session.hpp"

namespace coord::service {

// A node's current process, and which of its commands have been applied.
struct Registration {
  ClientId client{};
  std::uint64_t nonce = 0;
  std::uint64_t settled = 0;                   // every sequence up to this one is settled and forgotten
  std::map<std::uint64_t, Outcome> applied{};  // above `settled`; at most Limits::window
  Level knows = first_level;                   // what its program has announced
  std::string name{};                          // empty: it has told none, or another peer took it
  std::string address{};                       // HOST:PORT
  std::string zone{};                          // empty: it has told none
  std::string moved{};                         // where it is reached, by the operator's word; empty: none
  LogIndex named{};                            // where it got that name
  LogIndex moved_at{};                         // where `moved` was said or became void last
  bool voted =
      false;  // ever, under this number: its disk has made promises, and is refused if it is replaced

  const std::string& reached_at() const { return moved.empty() ? address : moved; }

  bool operator==(const Registration&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(client, nonce, settled, applied);
    archive.since(2, knows, name, address, zone, moved, named, moved_at, voted);
  }
};

// What belongs to no family.
struct CoreState {
  static constexpr std::uint32_t section = 1;
  static constexpr Level since = 1;

  Level level = first_level;  // what is applied, and how all this is laid out in a snapshot
  LogIndex applied{};         // the last command
  Token token_base{};         // Unix seconds x 2^20 of the first command
  Token last_token{};         // the highest given or forbidden
  std::map<NodeId, Registration> registrations{};
  std::map<SessionId, Session> sessions{};
  bool closed = false;   // nothing is granted: Shut; from level 2 on
  GroupId group{};       // which group this is: drawn when it comes to level 2; 0: not yet
  LogIndex roster_at{};  // where names and addresses of registrations last changed
  VoterPolicy kept_voters{};
  LogIndex kept_at{};      // where that was said
  LogIndex replaced_at{};  // where the group last took out a voter by itself, for another one
  // Numbers of founders and voters whose disk was lost, and whose name came again on another disk under
  // another number; at most Limits::retired.
  std::set<NodeId> retired{};
  // Hosts that are of the group no more by an operator's word, until they come again: they do not by
  // themselves, as those do that were forgotten for their silence. At most Limits::retired.
  std::set<NodeId> put_out{};
  // Names of hosts that have voted and are of the group no more: a disk that comes under such a name later is
  // another one, and retires the number. At most Limits::retired.
  std::map<NodeId, std::string> voted_before{};

  bool operator==(const CoreState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(applied, token_base, last_token, registrations, sessions);
    archive.since(2, closed, group, roster_at, kept_voters, kept_at, replaced_at, retired, put_out,
                  voted_before);
  }
};

// Of the core and of each family, in the order in which snapshots have them.
template <class... F>
struct StateOf : CoreState, F::StatePart... {
  bool operator==(const StateOf&) const = default;

  // `visit(part, section, since)` for each.
  template <class Visit>
  void for_each_part(Visit&& visit) {
    visit(static_cast<CoreState&>(*this), CoreState::section, CoreState::since);
    (visit(static_cast<typename F::StatePart&>(*this), F::section, F::since), ...);
  }

  // All of a state of level 1, as release 0.1.0 laid it out. Of later levels: wire/state_sections.hpp.
  template <class Archive>
  void serialize(Archive& archive) {
    for_each_part([&](auto& part, std::uint32_t, Level from) {
      if (from == first_level) archive(part);
    });
  }
};
struct State : Apply<StateOf, Families> {
  bool operator==(const State&) const = default;
};

}  // namespace coord::service
