// SPDX-License-Identifier: MIT
// A replica: Raft, the service's state machine on top of it, and the commands of this
// host on their way into the log.
//
// The problem. Tools on this host want commands executed once, by a state machine that all peers share. This
// peer may lead or not, the leader may change or vanish while a command is on its way, and nobody can tell a
// lost command from a lost answer. The obvious way, send it again until somebody answers, executes it twice;
// giving up leaves a lock taken by nobody.
//
// The way here (client.hpp): the peer is a registered client of the group, and keeps each command until this
// very peer sees it applied. There are no replies: every peer applies the whole log, so a command's outcome
// is read off one's own machine. A leader broadcasts a new commit index at once, so that this costs no extra
// round trip.
//
// A replica is a pure state machine and the same object under coordd and in the simulator.
// Threading: none; one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/raft/raft.hpp"
#include "replica/client.hpp"
#include "replica/events.hpp"
#include "replica/feed.hpp"
#include "replica/ordered_log.hpp"
#include "replica/passed_orders.hpp"
#include "replica/voter_changes.hpp"
#include "replica/voter_keeper.hpp"
#include "replica/voter_pause.hpp"
#include "service/effects.hpp"
#include "service/state_machine.hpp"
#include "service/timers.hpp"

namespace coord::replica {

struct Config {
  raft::Config raft;
  Duration resend = std::chrono::seconds(1);  // a command with no outcome is sent again after so long
  Duration query_retry = std::chrono::milliseconds(200);
  Duration query_patience = std::chrono::seconds(2);  // then QueryFailed
  // sequences sent and not yet seen applied; below the machine's window
  std::size_t commands_in_flight = 1024;
  std::size_t commands_queued = 65536;                 // further submits; beyond it they are refused
  std::size_t snapshot_every_entries = 8192;           // snapshot the machine after so many entries ...
  std::size_t snapshot_every_bytes = 2 * 1024 * 1024;  // ... or so many bytes of them, whichever comes first
  std::uint64_t token_block = 65536;  // a lone peer reserves tokens in synced blocks of so many
  Level level = newest_level;         // that this program knows; another one than the newest only in tests
  Level speaks = first_level;         // that the group is surely at, whatever this peer has applied
  // The group's level is raised once all voters have announced it for so long: time to take one back to the
  // release before. A group that this process has only just founded need not wait.
  Duration raise_after = std::chrono::minutes(10);
  Duration new_group_for = std::chrono::minutes(1);
  std::string name{};     // of this peer, for its registration
  std::string address{};  // HOST:PORT
  std::string zone{};     // where it stands
};

// The machine that a snapshot holds. An error: these bytes are not a snapshot of this program's.
Result<service::StateMachine> machine_from(const raft::Snapshot& snapshot, Level knows = newest_level);

class Replica final : public OrderedLog {
 public:
  // `machine`: of the recovered snapshot (machine_from), or a new one. `tokens_reserved`: what the store says
  // an earlier life of this peer reserved while it was alone.
  Replica(Config config, raft::Recovered recovered, service::StateMachine machine, Token tokens_reserved,
          Random random, Instant now);

  [[nodiscard]] Actions step(Instant now, WallTime wall, const Event& event) override;
  [[nodiscard]] Actions settle(Instant now, WallTime wall) override;
  bool is_asked() const override { return asked_; }
  std::optional<Instant> deadline() const override;

  const service::StateMachine& machine() const override { return machine_; }
  const raft::Raft& raft() const { return raft_; }
  LogIndex applied() const override { return applied_; }
  bool lone() const { return raft_.always_alone(); }
  NodeId leader() const override { return raft_.leader(); }
  bool has_begun() const override { return raft_.role() != raft::Role::bootstrap; }
  // Peers that are empty found the group together, when each has seen all (protocol/raft/bootstrap.cpp).
  std::vector<NodeId> waits_for() const override { return raft_.not_met(); }
  // No grant of this peer, while it was alone, was above it.
  Token highest_token() const { return std::max(tokens_reserved_, machine_.state().last_token); }
  // Commands of this host are on their way.
  bool has_pending() const { return commands_.has_pending(); }
  service::ClientId client() const override { return commands_.id(); }
  std::uint64_t life() const override { return commands_.life(); }
  Level speaks() const override { return spoken_; }
  LevelView level_view() const override;

 private:
  struct Reading {  // a linearizable read on its way, for a ticket here or for another peer
    std::uint64_t ticket = 0;
    NodeId asker;
    std::uint64_t asker_id = 0;
    Instant began;
    std::optional<Instant> asked;
    std::optional<LogIndex> index;
  };

  void on(Instant now, const FromPeer& event);
  void on(Instant now, const Tick&);
  void on(Instant now, const Submit& event);
  void on(Instant now, const Retract& event);
  void on(Instant now, const Query& event);
  void on(Instant now, const JobDone& event);
  void on(Instant now, const JobFailed& event);
  void on(Instant now, const Space& event);
  void on(Instant now, const Leave&);
  void on(Instant now, const Greeted& event);
  void on(Instant now, const Parted& event);
  void on(Instant now, const RaiseNow&);
  void on(Instant now, const RaiseTokens& event);
  void on(Instant now, const GrantNothing& event);
  void on(Instant now, const PutIntoLog& event);
  void on(Instant now, const AskVoters& event);
  void on(Instant, const KnownVoters&) {}
  void on(Instant, const FromEngine&) {}

  // ---- replica_raft.cpp: Raft's actions
  bool has_log(NodeId node) const;  // it votes or learns: Raft sends it all
  bool at_level_two() const { return spoken_ >= 2; }
  bool is_for_us(const FromPeer& event, const EitherWay& message);
  void tell_raft(Instant now, const raft::Event& event);
  void perform(Instant now, raft::Persist&& action);
  void perform(Instant now, raft::Send&& action);
  void perform(Instant now, raft::Apply&& action);
  void perform(Instant now, raft::Install&& action);
  void perform(Instant now, raft::ReadReady&& action);
  void perform(Instant now, raft::ReadDropped&& action);
  void perform(Instant now, raft::ProposalDropped&& action);
  void perform(Instant now, raft::RoleChanged&& action);
  void perform(Instant now, raft::Refused&& action);
  void perform(Instant now, raft::Halt&& action);
  bool apply(Instant now, const raft::Entry& entry);
  bool apply_raise(Instant now, const raft::Entry& entry);
  void halt_on(const raft::Entry& entry, const Error& why);
  void send_peer(NodeId to, PeerMessage message);
  void take_snapshot_if_due();

  // ---- replica_level.cpp
  Level known_by_all() const;
  std::optional<LevelView::Missing> why_missing(NodeId voter, Level level) const;
  void raise_if_due(Instant now);
  void propose_raise(Instant now, Level level);
  void level_has_changed();
  void speak(Level level);
  std::optional<Instant> raise_due() const;

  // ---- replica_commands.cpp: this peer's commands on their way into the log
  Client::Target target() const { return {raft_.leader(), raft_.term()}; }
  void send_commands(Instant now);
  void send_to_leader(Instant now, std::vector<Bytes> commands);
  void propose(Instant now, NodeId from, std::vector<Bytes> commands, Level level);
  void put_into_log(Instant now, std::vector<Bytes> commands, Level level);
  void drop_unreadable(NodeId from, std::vector<Bytes>& commands, Level level);
  void reject_growing(NodeId from, std::vector<Bytes>& commands, Level level, Rejected::Why why);
  void propose_token_floor(Instant now);
  bool tokens_ready(const std::vector<Bytes>& commands, Level level);
  std::optional<Instant> next_resend() const;

  // ---- replica_keeper.cpp
  void keep_voters(Instant now);
  void end_pause(Instant now);

  // ---- replica_voters.cpp
  // `before`: of the change that comes of it, before that is in the log.
  using BeforeChange = std::function<void(const raft::Change&)>;
  VoterAnswer carry_out(Instant now, const VoterOrder& order, const BeforeChange& before = {});
  VoterAnswer carry_out_of_operator(Instant now, const VoterOrder& order);
  void hear(Instant now, NodeId from, const PassedOrder& passed);
  void pass_on(Instant now, PassedOrders::Asker asker, const VoterOrder& order);
  void hear(const OrderAnswer& answer);

  // ---- replica_reads.cpp
  void feed_members();
  void read_for(Instant now, NodeId asker, const ReadRequest& request);
  void answer_reads();
  void fail_old_reads(Instant now);
  void ask_reads(Instant now);
  std::optional<Instant> next_read_deadline() const;

  Config config_;
  Random random_;
  std::map<NodeId, raft::Incarnation> directories_;  // of the other peers, as their streams say
  raft::Raft raft_;
  service::StateMachine machine_;
  service::LeaderTimers timers_;
  bool asked_ = false;
  Actions out_;
  WallTime wall_;

  LogIndex applied_;
  Term applied_term_;
  std::size_t applied_since_snapshot_ = 0;
  std::size_t bytes_since_snapshot_ = 0, snapshot_bytes_ = 0;  // of the log since the last one; of that
  bool snapshot_in_flight_ = false;
  bool halted_ = false;

  std::uint64_t next_job_ = 1;
  struct Job {
    std::optional<std::uint64_t> persist;  // Raft's id
    std::optional<raft::Snapshot> snapshot;
    std::optional<Token> reserved;
  };
  std::map<std::uint64_t, Job> jobs_;

  Client commands_;
  Feed feed_;
  bool nearly_full_ = false;

  Token tokens_reserved_;
  Token tokens_asked_;
  std::size_t epochs_under_way_ = 0;  // that commands may begin which are not applied yet
  WallTime latest_wall_{};            // of those commands and of all before them
  Token inherited_;                   // RaiseTokens: all grants are above it
  std::vector<Bytes> waiting_for_tokens_;
  Token floor_due_;  // to be proposed

  struct Announcement {
    Level knows = first_level;
    std::uint64_t life = 0;
  };
  std::map<NodeId, Announcement> announced_;  // by those with whom a connection stands
  // The highest level that is surely in force: the machine's, or one that a message or entry shows, for
  // nobody sends or appends anything of a level before it has applied it.
  Level spoken_ = first_level;
  bool may_found_ = false;             // this process began with nothing
  std::optional<Instant> founded_at_;  // by this process
  std::optional<Instant> raise_ready_since_;
  bool raise_now_ = false;            // the operator has asked
  std::optional<LogIndex> raise_at_;  // proposed in this term, not applied yet

  VoterChanges changes_;
  VoterKeeper keeper_;
  VoterPause pause_;
  Instant keeper_looked_;
  LogIndex replaced_at_;             // of the state, as it was looked at last
  std::optional<Instant> replaced_;  // when this peer learnt of that
  PassedOrders passed_orders_;       // to the leader

  std::map<std::uint64_t, Reading> reads_;
  std::uint64_t next_read_;  // from a number of this life
};

}  // namespace coord::replica
