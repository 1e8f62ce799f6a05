// SPDX-License-Identifier: MIT
// The clocks of a log that no peer leads: when a lease, a lock delay or a minimum hold is over.
//
// Problem: in a group of peers the leader alone says so (service/timers.hpp). On an engine's log nobody
// leads. If every gateway spoke as soon as its clock said so, a dead host with many sessions would be told
// dead once by each; and one fast clock could end leases that live.
//
// The way here, in two parts:
//   - who speaks when. Gateways that wrote an entry within half the longest TTL have a rank, by registration;
//     each waits half a second a rank, so that mostly the first alone speaks. All others wait two seconds and
//     a random time; those with no session here, which wait for nothing and hold nothing, four. So an idle
//     gateway writes only where something is over and nobody who is concerned says so: else a command that
//     does not wait (dlock -n) would for ever find the lock of a host that died.
//     A word may get lost on its way: it is said again each second, under its key, until the log shows it.
//   - when it counts. An Expire ends a session only when a second gateway has said it of the same renewal, or
//     the same one a quarter of the TTL later. That is decided by the entries alone (`judge`), alike
//     everywhere, and is part of the state that is kept in the engine.
// An Expire names the renewal that it saw and is void after the next one, so gateways that lag behind, or are
// many, can only be late.
//
// Pure. Threading: none; one owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "replica/engine_frame.hpp"
#include "service/state_machine.hpp"
#include "service/timers.hpp"

namespace coord::replica {

class EngineKeepers {
 public:
  explicit EngineKeepers(NodeId self) : self_(self) {}

  // ---- by the entries alone
  // Whether the machine is to be told of this Expire now.
  bool judge(const EngineEntry& entry, const service::Expire& said, const service::StateMachine& machine);
  const std::map<SessionId, ExpiryWord>& words() const { return words_; }
  void restore(std::map<SessionId, ExpiryWord> words) { words_ = std::move(words); }
  // Words about sessions that have ended or were renewed since go.
  void tidy(const service::StateMachine& machine);

  // ---- by the clock here
  // The log was read to its end, or cannot be followed any more.
  void began(Instant now, const service::StateMachine& machine);
  void lost() { timers_.lost_leadership(); }
  void heard(Instant now, NodeId node) { heard_[node] = now; }
  std::optional<Instant> heard(NodeId node) const {
    const auto found = heard_.find(node);
    return found == heard_.end() ? std::nullopt : std::optional(found->second);
  }
  void applied(Instant now, const service::Effects& effects, const service::StateMachine& machine) {
    timers_.applied(now, effects, machine);
  }
  struct Word {
    service::Command command;
    bool again = false;
  };
  std::vector<Word> due(Instant now, WallTime wall, const service::StateMachine& machine, Random& random);
  std::optional<Instant> deadline() const { return timers_.deadline(); }
  // Who has said nothing for so long, and has no sessions: to be dropped.
  std::vector<service::Command> silent(Instant now, const service::StateMachine& machine, Duration after,
                                       Random& random);
  // 0: the first of those that have a rank; nothing: this gateway has none.
  std::optional<std::size_t> rank(Instant now, const service::StateMachine& machine) const;

 private:
  struct Saying {
    Instant from;                  // not before
    std::optional<Instant> said;   // last
    std::optional<Instant> shown;  // since when the log has a word of this gateway
    std::uint64_t renewal = 0;
  };
  Duration patience(Instant now, const service::StateMachine& machine, Random& random) const;
  bool is_idle(const service::StateMachine& machine) const;

  static constexpr Duration look_again = std::chrono::milliseconds(250);
  NodeId self_;
  service::LeaderTimers timers_{look_again};
  std::map<SessionId, ExpiryWord> words_;
  std::map<NodeId, Instant> heard_;
  std::map<NodeId, Instant> known_since_;  // that they are registered
  std::map<SessionId, Saying> expiries_;
  std::map<std::pair<service::TimerKind, Token>, Instant> timers_from_;
  std::optional<Instant> silent_at_;  // looked at next
};

}  // namespace coord::replica
