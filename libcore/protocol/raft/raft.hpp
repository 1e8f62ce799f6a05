// SPDX-License-Identifier: MIT
// Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, "the paper";
// Ongaro's thesis, 2014): one log, the same on every peer, that survives any minority of crashes, partitions,
// pauses and restarts.
//
// The problem: several peers must agree on the order of the users' commands although messages are lost,
// doubled, late and out of order, and peers stop at any moment and come back with what their disk holds.
//
// Why the obvious answer fails: a primary that copies each command to the others does not know, when it
// cannot reach one, whether that one is down or has become the primary of the other half. Asking a majority
// before answering is not enough either: a new primary must find everything that a former majority was told,
// must not count what an older primary left half done, and no peer may forget after a crash what it has
// promised before it.
//
// The algorithm: time is cut into terms. In each, at most one peer wins the votes of a majority and leads
// (election.cpp). The leader alone appends; the others accept an entry only if what is before it agrees
// (replication.cpp, append.cpp). An entry is committed when a majority holds it durably in the leader's own
// term. A peer votes only for a log that holds at least what its own holds, so every later leader has every
// committed entry. Beyond the paper's core: pre-vote and check-quorum against peers that come and go
// (thesis 9.6, 6.2), linearizable reads without a log entry (reads.cpp, thesis 6.4), leadership transfer
// (transfer.cpp, thesis 3.10), voters that change (members.cpp), snapshots in pieces (snapshot.cpp, section
// 7), leaders whose disk is full or stands still (writable.cpp), and the rule for peers with nothing on their
// disk (bootstrap.cpp), which the paper leaves open: a peer that has forgotten its vote could give it twice.
//
// A pure state machine: it is told what happened and answers with what to do (events.hpp). It has
// no clock, socket, thread or global, and owns its randomness: the same events at the same
// instants give the same actions.
//
// Threading: none. One owner calls step() for every event, in the order of their happening.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/raft/events.hpp"
#include "protocol/raft/log.hpp"
#include "protocol/raft/outbox.hpp"
#include "protocol/raft/progress.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/types.hpp"
#include "protocol/raft/voters.hpp"

namespace coord::raft {

// Why a leader does not begin a change of the voters.
enum class ChangeRefusal : std::uint8_t {
  not_leading,
  hands_over,        // a transfer of the leadership is under way
  not_yet,           // nothing of its term is committed so far
  another,           // the last change is not committed
  no_such_step,      // from these voters, that node
  leads,             // it is the leader itself: it hands over first
  behind,            // the learner has not caught up
  recovering,        // a voter has come back empty, and has not caught up
  no_majority_then,  // too few of those who would vote answer
};

struct Config {
  NodeId self;
  // The founders, sorted, unique, 1 to 15: they vote until the log says otherwise. Without self: a peer that
  // comes later. It founds nothing, and is nobody until a leader sends it the log.
  std::vector<NodeId> peers;
  Incarnation incarnation{};  // of this state directory
  bool rejoin = false;        // the operator says: I am back with nothing
  // From level 2 on: who is back with nothing comes under another number (bootstrap.cpp).
  bool numbers_of_disks = false;
  Duration write_patience = std::chrono::seconds(1);  // a write that takes longer: the disk stands still
  Duration make_way_gap = std::chrono::minutes(1);    // a leader that cannot write hands over once in so long
  Duration heartbeat = std::chrono::milliseconds(50);      // below election_low, or followers lose patience
  Duration election_low = std::chrono::milliseconds(150);  // the election time-out is drawn from [low, high]
  Duration election_high = std::chrono::milliseconds(300);
  std::size_t append_bytes = 256 * 1024;    // at most so many bytes of entries a message
  std::size_t resend_bytes = 1024;          // so much without an answer is sent again without asking first
  std::size_t in_flight = 64;               // at most so many unanswered AppendRequests a follower
  std::size_t snapshot_piece = 256 * 1024;  // bytes of a snapshot a message
  std::size_t snapshot_limit =
      64 * 1024 * 1024;  // a larger one is refused: a bound on what a leader makes us hold
  // proposals are dropped beyond so many bytes not yet committed and durable here
  std::size_t uncommitted_limit = 16 * 1024 * 1024;
  std::size_t reads_limit = 4096;  // reads are dropped beyond so many unanswered ones
  // a learner that lacks no more entries than this has caught up
  std::uint64_t caught_up_within = 64;
  // entries kept before a snapshot, so that a peer a little behind needs none
  std::uint64_t entries_behind = 512;
  // entries and snapshots of a higher one are refused: this program cannot read them
  Level level = newest_level;

  // "In the last second", or in a few heartbeats of peers that are slow to each other.
  Duration contact() const { return std::max<Duration>(std::chrono::seconds(1), heartbeat * 3); }
};

// What the store found at start. The driver starts its state machine from the snapshot;
// Raft applies what follows it.
struct Recovered {
  HardState hard_state;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;  // contiguous, the first follows the snapshot
};

class Raft {
 public:
  // `random` is this peer's own (election time-outs, nonces): another seed on every start.
  Raft(Config config, Recovered recovered, Random random, Instant now);

  // ---- inputs
  // `now` never goes back. What is returned is performed in order (events.hpp, ordering rule). After Halt:
  // nothing, ever.
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- outputs
  // When a Tick is needed at the latest, if nothing else happens; nothing: only on the next event.
  [[nodiscard]] std::optional<Instant> deadline() const;

  // ---- getters
  Role role() const { return role_; }
  Term term() const { return hard_.term; }
  NodeId leader() const { return leader_; }              // 0: not known
  const HardState& hard_state() const { return hard_; }  // perhaps not durable yet
  LogIndex commit_index() const { return commit_; }
  LogIndex last_index() const { return log_.last(); }
  LogIndex durable_index() const { return log_.durable(); }  // falls back when a leader overwrites entries
  const Log& log() const { return log_; }                    // for invariants and listings
  std::vector<NodeId> not_met() const;  // while founding: who has not said yet what it remembers
  bool recovering() const;              // came back empty (--rejoin) and has not caught up yet
  // It has nothing, and is out of the group: what its number has promised before counts no more, and it may
  // come again, under another one.
  bool may_come_anew() const { return role_ == Role::bootstrap && bootstrap_.removed; }
  // The operator knows that it has nothing (--rejoin): it asks the group to take that number's vote away.
  bool gives_up_number() const { return role_ == Role::bootstrap && bootstrap_.gives_up_number; }
  DiskState disk_state() const;  // of this peer, as of the last step
  // Of all peers, as far as this one knows: the leader from their answers, the others from the leader.
  std::map<NodeId, DiskState> disks() const;
  // A leader that cannot write and is looking for somebody who can: what adds to the state should wait.
  bool is_making_way() const { return making_way_.has_value(); }
  // As the latest word in the log says, committed or not; of a group that has never changed: the founders.
  const Voters& voters() const { return members_.latest(); }
  LogIndex voters_index() const { return members_.index(); }  // of that word
  // As of an entry that was applied: what a snapshot there holds. Empty: the founders.
  Voters voters_said_at(LogIndex index) const { return members_.said_at(index); }
  std::vector<NodeId> voters_at(LogIndex index) const {
    const Voters said = voters_said_at(index);
    return said.empty() ? config_.peers : said.voters;
  }
  // It has been a voter or a learner, and is nothing now: it keeps its state and is silent.
  bool is_removed() const;
  // It neither votes nor learns, and that is committed.
  bool is_out(NodeId node) const;
  // Against a change of the voters, now; nothing: ChangeMembers appends it.
  std::optional<ChangeRefusal> why_not(Change change) const;
  // The only peer there is: nobody is to be asked or told.
  bool alone() const {
    return voters().voters.size() == 1 && voters().learners.empty() && voters().votes(config_.self);
  }
  // Nobody else was ever one of the group, as far as this peer knows: only then is not synced what others may
  // know of.
  bool always_alone() const { return alone() && config_.peers.size() == 1 && !joined_later(); }
  bool majority_has_room() const;  // as far as a leader was told; who has not told counts as having it
  // Leader only, else empty: every other voter and learner.
  const std::map<NodeId, Progress>& progress() const { return progress_; }
  // What a peer that is too far behind is sent; null: none yet.
  // A part of the group has what this program cannot read: it takes no part in elections any more.
  bool is_outdated() const { return outdated_; }
  const Snapshot* snapshot() const { return snapshot_.get(); }
  const Config& config() const { return config_; }

 private:
  struct PendingRead {
    std::uint64_t id = 0;
    LogIndex index;
    std::uint64_t round = 0;  // the heartbeat round that confirms it; 0: none begun yet
  };
  struct Transfer {
    NodeId to;
    Instant give_up;
    bool told = false;  // TimeoutNow has been sent
  };
  struct IncomingSnapshot {
    NodeId from;
    Term term;          // of the leader that sends it
    Snapshot snapshot;  // without its bytes
    Bytes data;         // the pieces so far
    std::uint64_t size = 0;
  };
  struct Installing {
    std::uint64_t write = 0;
    std::shared_ptr<const Snapshot> snapshot;
  };
  struct Bootstrap {
    std::uint64_t nonce = 0;
    std::uint64_t write = 0;  // the Persist that founds; 0: not yet
    Instant ask_at;
    std::map<NodeId, StateAnswer> answers;
    std::string refused;  // last reported, so that each reason is reported once
    bool removed = false;
    bool gives_up_number = false;
  };
  struct MakingWay {                  // of a leader that cannot write
    Instant asked_last;               // or when it began
    std::map<NodeId, Instant> asked;  // whom it has asked to take over, and when
  };
  struct View {
    Role role;
    Term term;
    NodeId leader;
    bool operator==(const View&) const = default;
  };

  // raft.cpp: events, and what every part needs
  void on(const Receive& event);
  void on(const Tick& event);
  void on(const Propose& event);
  void on(const ProposeRaise& event);
  void on(const Read& event);
  void on(const Persisted& event);
  void on(const PersistFailed& event);
  void on(const SnapshotStored& event);
  void on(const Room& event);
  void on(const TransferLeadership& event);
  Actions finish_step();
  void persist_what_changed(Actions& out);
  void hand_out_committed(Actions& out);
  void halt(std::string why);
  void refuse(NodeId peer, std::string why);
  void send(NodeId to, Message message, std::uint64_t after = 0);
  void hard_state_changed();
  std::uint64_t write_of_term() const;
  void commit_upto(LogIndex index);
  bool joined_later() const { return !std::ranges::binary_search(config_.peers, config_.self); }

  // receive.cpp: the rules about terms that hold for every message
  template <class M>
  void take(NodeId from, const M& message);
  template <class M>
  void answer_old_term(NodeId from, const M& message);
  bool follow(NodeId from);

  // election.cpp
  void enter(Term term, NodeId vote);
  void become_follower(Term term, NodeId leader);
  void arm_election_timer();
  void election_timed_out();
  void ask_before_campaign();
  void campaign(bool transfer);
  void own_vote_is_durable();
  void decide_election();
  void become_leader();
  bool leader_is_alive() const;
  bool hears_no_leader() const;
  VoteRequest vote_request(Term term) const;
  bool holds_enough(const VoteRequest& request) const;
  void answer_pre_vote(NodeId from, const VoteRequest& request);
  void receive(NodeId from, const VoteRequest& request);
  void receive(NodeId from, const VoteReply& reply);

  // replication.cpp: the leader's side
  void send_entries(NodeId to, Progress& progress);
  void send_probe(NodeId to, Progress& progress);
  void send_again(NodeId to, Progress& progress);
  void send_to_all();
  void advance_commit();
  void tell_commit();
  void begin_round();
  bool hears_majority() const;
  LogIndex commit_known_to(const Progress& progress) const;
  void heard(Progress& progress, bool recovering, std::optional<Instant> sent);
  std::optional<Instant> sent_at(std::uint64_t round) const;
  bool takes_entries(const Progress& progress) const;
  void lead_on_tick();
  void receive(NodeId from, const AppendReply& reply);
  void receive(NodeId from, const HeartbeatReply& reply);
  void back_up(NodeId from, Progress& progress, const AppendReply& reply);

  // append.cpp: the follower's side
  void receive(NodeId from, const AppendRequest& request);
  void receive(NodeId from, const Heartbeat& request);
  const char* flaw_of(const AppendRequest& request);
  bool knows_level(NodeId from, Level needed);
  bool store(const AppendRequest& request);
  void refuse_append(NodeId from, const AppendRequest& request);

  // snapshot.cpp
  void start_snapshot(NodeId to, Progress& progress);
  void send_piece(NodeId to, Progress& progress);
  void receive(NodeId from, const SnapshotRequest& request);
  void receive(NodeId from, const SnapshotReply& reply);
  void snapshot_not_needed(NodeId from, const SnapshotRequest& request);
  void install(NodeId from);

  // reads.cpp
  bool may_read() const;
  void read_in_this_round();
  void advance_reads();
  std::uint64_t confirmed_round() const;
  void drop_reads();

  // transfer.cpp
  void begin_transfer(NodeId to);
  void begin_transfer_to_best(NodeId wish);
  void advance_transfer();
  void receive(NodeId from, const TimeoutNow& message);

  // members.cpp: voters that change
  bool counts(NodeId peer) const;
  bool stands_for_election() const;
  bool has_caught_up(NodeId learner) const;
  bool is_heard_by_majority_of(const Voters& next) const;
  void on(const ChangeMembers& event);
  void follow_members();
  void let_go_of_removed();
  void step_down_if_removed();
  void note_members(const Entry& entry);
  void tell_if_removed(NodeId asker);
  void receive(NodeId from, const NotVoter& message);
  // What a majority of the voters has reached: `own` of this peer, `of` of the progress of each other one.
  template <class Value, class Of>
  Value reached_by_voters(Value own, Of of) const;

  // writable.cpp: what a peer that cannot write leaves to others
  static bool may_write(DiskState disk) { return disk == DiskState::ready || disk == DiskState::unknown; }
  void note_disk(NodeId peer, DiskState disk);
  bool may_stand();
  bool leads_without_disk() const;
  void make_way_if_disk_fails();
  bool cannot_take_over(NodeId peer, const Progress& progress) const;
  void ask_to_take_over();

  // bootstrap.cpp
  void ask_for_state();
  void answer_state(NodeId from, const StateQuery& query);
  void receive_state(NodeId from, const StateAnswer& answer);
  void try_to_found();
  void found(std::map<NodeId, Incarnation> founders);
  void rejoin();
  void founded();
  void unmute_if_caught_up();
  bool still_counted_as_before() const;

  Config config_;
  Random random_;
  Instant now_;            // the time of the step being made
  bool outdated_ = false;  // it was sent what only a later release can read: it must not stand
  std::string broken_;     // why this step, or the first one, ends in Halt
  Role role_ = Role::follower;
  NodeId leader_;
  View reported_;

  HardState hard_;
  Log log_;
  VotersOfLog members_;
  LogIndex commit_;
  LogIndex applied_;  // handed out by Apply or Install
  std::shared_ptr<const Snapshot> snapshot_;

  Outbox outbox_;
  Actions local_;                 // of this step, for the driver itself: after Persist, Send and Apply
  std::uint64_t hard_write_ = 0;  // the Persist that holds hard_
  bool hard_unsaved_ = false;
  bool must_be_durable_ = false;  // of what was proposed since the last write was handed out
  bool room_ = true;
  std::optional<Instant> writing_since_;  // writes are under way: when the last one ended, or the first began
  std::optional<Instant> made_way_;       // when it last began to hand over for want of a disk

  // follower and candidate
  Instant election_deadline_;
  std::optional<Instant> leader_heard_;
  std::optional<LogIndex> told_removed_;        // by this word, since a leader was heard last
  std::uint64_t round_heard_ = 0;               // the last one of the present term's leader
  std::map<NodeId, DiskState> disks_told_;      // in it
  std::optional<Instant> nobody_stands_since_;  // there is no leader, and nobody has asked for a vote
  std::map<NodeId, bool> votes_;
  std::optional<IncomingSnapshot> incoming_;
  std::optional<Installing> installing_;

  // leader
  std::map<NodeId, Progress> progress_;
  static constexpr std::size_t rounds_remembered = 1024;  // far more than begin within an election time-out
  std::uint64_t round_ = 0;
  std::deque<std::pair<std::uint64_t, Instant>> rounds_sent_;  // the last ones, and when each began
  Instant heartbeat_due_;
  std::deque<PendingRead> reads_;
  std::optional<Transfer> transfer_;
  std::optional<MakingWay> making_way_;

  Bootstrap bootstrap_;
};

template <class Value, class Of>
Value Raft::reached_by_voters(Value own, Of of) const {
  std::vector<Value> reached;
  if (counts(config_.self)) reached.push_back(own);
  for (const auto& [peer, progress] : progress_) {
    if (counts(peer)) reached.push_back(of(progress));
  }
  return reached_by_majority(std::move(reached), voters().voters.size(), Value{});
}

}  // namespace coord::raft
