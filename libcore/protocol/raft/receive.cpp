// SPDX-License-Identifier: MIT
// The rules that hold for every message, before it is looked at by its kind: who may
// speak, and whose term it is.
#include <type_traits>

#include "base/rule.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

namespace {

// No group lives to see such a term, index or size (a billion a second for a century);
// beyond it sums could wrap around.
constexpr std::uint64_t horizon = std::uint64_t{1} << 62U;

bool plausible(Term term) {
  return term.value < horizon;
}
bool plausible(LogIndex index) {
  return index.value < horizon;
}

bool plausible(const VoteRequest& m) {
  return plausible(m.term) && plausible(m.last_index) && plausible(m.last_term);
}
bool plausible(const VoteReply& m) {
  return plausible(m.term);
}
bool plausible(const AppendRequest& m) {
  return plausible(m.term) && plausible(m.previous_index) && plausible(m.previous_term) &&
         plausible(m.commit);
}
bool plausible(const AppendReply& m) {
  return plausible(m.term) && plausible(m.match) && plausible(m.hint_index) && plausible(m.hint_term);
}
bool plausible(const Heartbeat& m) {
  return plausible(m.term) && plausible(m.commit);
}
bool plausible(const HeartbeatReply& m) {
  return plausible(m.term);
}
bool plausible(const SnapshotRequest& m) {
  return plausible(m.term) && plausible(m.last_index) && plausible(m.last_term);
}
bool plausible(const SnapshotReply& m) {
  return plausible(m.term) && plausible(m.last_index);
}
bool plausible(const TimeoutNow& m) {
  return plausible(m.term);
}
bool plausible(const NotVoter& m) {
  return plausible(m.index);
}
bool plausible(const StateQuery& /*m*/) {
  return true;
}
bool plausible(const StateAnswer& m) {
  return plausible(m.term);
}

}  // namespace

void Raft::on(const Receive& event) {
  // Who this peer's log does not name may be a voter by a log that is further: let in by whoever knows the
  // group's key, it is heard (thesis 4.2.2).
  if (event.from == config_.self || event.from == NodeId{}) return;
  std::visit(
      [&](const auto& message) {
        using M = std::decay_t<decltype(message)>;
        if (!plausible(message)) {
          refuse(event.from, "sent a message with an impossible term or index: it was ignored");
        } else if constexpr (std::is_same_v<M, StateQuery>) {
          answer_state(event.from, message);
        } else if constexpr (std::is_same_v<M, StateAnswer>) {
          if (std::ranges::binary_search(config_.peers, event.from)) receive_state(event.from, message);
        } else if (role_ == Role::bootstrap) {
          // who has not founded may have promised anything: it says nothing
        } else if constexpr (std::is_same_v<M, NotVoter>) {
          receive(event.from, message);
        } else {
          if constexpr (std::is_same_v<M, VoteRequest>) tell_if_removed(event.from);
          take(event.from, message);
        }
      },
      event.message);
}

// "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower" and
// "if a server receives a request with a stale term number, it rejects the request" (figure 2, section 5.1).
// Not for pre-votes, which name a term that nobody is in yet.
template <class M>
void Raft::take(NodeId from, const M& message) {
  if constexpr (std::is_same_v<M, VoteRequest>) {
    if (message.pre) return answer_pre_vote(from, message);
    // Who hears a leader neither votes nor takes the term, unless that leader asked for the election.
    if (message.term > hard_.term && !message.transfer && !hears_no_leader()) {
      return;
    }
  }
  if constexpr (std::is_same_v<M, HeartbeatReply>) note_disk(from, message.disk);
  bool names_future_term = false;
  if constexpr (std::is_same_v<M, VoteReply>) names_future_term = message.pre && message.granted;
  if (!names_future_term) {
    if (message.term > hard_.term) become_follower(message.term, NodeId{});
    if (message.term < hard_.term && COORD_RULE_OR(ignore_old_terms, true, false)) {
      return answer_old_term(from, message);
    }
  }
  receive(from, message);
}

// A request of a term that is over is answered with the present one, so that a deposed leader
// stops. The answer says nothing else: by now its receiver may be the leader of the present term
// and must not take it for more.
template <class M>
void Raft::answer_old_term(NodeId from, const M& message) {
  if constexpr (std::is_same_v<M, VoteRequest>) {
    send(from, VoteReply{hard_.term, false, false});
  } else if constexpr (std::is_same_v<M, AppendRequest>) {
    send(from, AppendReply{hard_.term, false, recovering(), LogIndex{}, LogIndex{}, Term{}});
  } else if constexpr (std::is_same_v<M, Heartbeat>) {
    if (message.round != 0) send(from, HeartbeatReply{hard_.term, 0, recovering(), disk_state()});
  } else if constexpr (std::is_same_v<M, SnapshotRequest>) {
    send(from, SnapshotReply{hard_.term, LogIndex{}, 0, false, recovering()});
  } else {
    static_cast<void>(from);
    static_cast<void>(message);
  }
}

// A request that only a leader sends, in the present term: is it from the leader of this term?
bool Raft::follow(NodeId from) {
  if (role_ == Role::leader || (leader_.value != 0 && leader_ != from)) {
    refuse(from, "claims to lead a term that has another leader: it was ignored");
    return false;
  }
  if (role_ != Role::follower || leader_ != from) become_follower(hard_.term, from);
  leader_heard_ = now_;
  told_removed_.reset();
  nobody_stands_since_.reset();
  arm_election_timer();
  return true;
}

}  // namespace coord::raft
