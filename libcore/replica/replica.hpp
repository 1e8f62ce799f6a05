// SPDX-License-Identifier: MIT
// A replica: Raft, the service's state machine on top of it, and the commands of this
// host on their way into the log.
//
// The problem. Tools on this host want commands executed once, by a state machine that all peers share. This
// peer may lead or not, the leader may change or vanish while a command is on its way, and nobody can tell a
// lost command from a lost answer. The obvious way, send it again until somebody answers, executes it twice;
// giving up leaves a lock taken by nobody.
//
// The way here (Raft thesis, section 6.3). The peer registers once with the group; the place in the log of
// its Register is its client id. Every command carries (client, sequence), is kept here until this very peer
// sees it applied, and is sent again whenever the leader changes or nothing came of it. The machine knows the
// sequences that it has applied and skips doubles. There are no replies: every peer applies the whole log, so
// a command's outcome is read off one's own machine. A leader broadcasts a new commit index at once, so that
// this costs no extra round trip.
//
// A replica is a pure state machine and the same object under coordd and in the simulator.
// Threading: none; one owner.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/raft/raft.hpp"
#include "replica/events.hpp"
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
  // The group's level is raised once all voters have announced it for so long: time to take one back to the
  // release before. A group that this process has only just founded need not wait.
  Duration raise_after = std::chrono::minutes(10);
  Duration new_group_for = std::chrono::minutes(1);
};

// Whether the group's level can rise, as this peer sees it.
struct LevelView {
  enum class Missing : std::uint8_t {
    unreachable,   // nothing stands with it
    earlier,       // its program knows no later level
    unregistered,  // its process has only begun, or is not the one that had announced
  };
  Level level = first_level;
  Level next = first_level;             // == level: this program knows no later one
  std::map<NodeId, Missing> missing{};  // voters that have not announced `next`
  std::optional<Instant> due;           // a leader only: when it raises the level by itself
};

// The machine that a snapshot holds. An error: these bytes are not a snapshot of this program's.
Result<service::StateMachine> machine_from(const raft::Snapshot& snapshot);

class Replica {
 public:
  // `machine`: of the recovered snapshot (machine_from), or a new one. `tokens_reserved`: what the store says
  // an earlier life of this peer reserved while it was alone.
  Replica(Config config, raft::Recovered recovered, service::StateMachine machine, Token tokens_reserved,
          Random random, Instant now);

  // Tells what happened. The actions are to be performed in order, those of one step before those of the
  // next; DiskJobs may be begun after what comes behind them. `wall` goes into commands, for display.
  [[nodiscard]] Actions step(Instant now, WallTime wall, const Event& event);
  // To be called when no more events are at hand: sends what the last steps have gathered, in one message.
  [[nodiscard]] Actions settle(Instant now, WallTime wall);
  // Something was submitted, or a question put, since it last settled.
  bool is_asked() const { return asked_; }
  // When to be ticked next. Early ticks are harmless.
  std::optional<Instant> deadline() const;

  const service::StateMachine& machine() const { return machine_; }
  const raft::Raft& raft() const { return raft_; }
  LogIndex applied() const { return applied_; }
  bool lone() const { return config_.raft.peers.size() == 1; }
  // Does this peer know of a leader that had a majority a moment ago?
  bool has_quorum() const { return raft_.leader() != NodeId{}; }
  // No grant of this peer, while it was alone, was above it.
  Token highest_token() const { return std::max(tokens_reserved_, machine_.state().last_token); }
  // Commands of this host are on their way.
  bool has_pending() const { return !pending_.empty() || !queued_.empty(); }
  // The registration of this peer; 0 until it has one.
  service::ClientId client() const { return client_; }
  // This life of the peer, for its greetings (Greeted::life).
  std::uint64_t life() const { return nonce_; }
  // What is sent and greeted with.
  Level speaks() const { return spoken_; }
  LevelView level_view() const;

 private:
  struct Pending {
    std::uint64_t ticket = 0;  // 0: nobody waits for the outcome
    Bytes command;
    Level level = first_level;  // by whose formats it is laid out
    bool growing = false;       // refused when the disk is nearly full
    std::uint64_t sends = 0;
    std::string rejected;  // why, if nobody would put it into the log and nothing else came of it
    std::optional<Instant> sent;
    NodeId sent_to;
    Term sent_in;
  };
  struct Queued {
    std::uint64_t ticket = 0;
    service::Body body;
  };
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

  // ---- replica_raft.cpp: Raft's actions
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
  void register_here(Instant now);
  void admit_queued();
  Bytes encoded(std::uint64_t sequence, std::uint64_t acknowledged, service::Body body) const;
  void send_commands(Instant now);
  void send_to_leader(Instant now, std::vector<Bytes> commands);
  void propose(Instant now, NodeId from, std::vector<Bytes> commands, Level level);
  void put_into_log(Instant now, std::vector<Bytes> commands, Level level);
  void drop_unreadable(NodeId from, std::vector<Bytes>& commands, Level level);
  void reject_growing(NodeId from, std::vector<Bytes>& commands, Level level, Rejected::Why why);
  void reject(const Rejected& rejected, bool here);
  void reject(std::uint64_t sequence, const char* why);
  void replace(std::uint64_t sequence, Pending& pending);
  static std::string why_not(const Pending& pending, const service::Outcome& what);
  void propose_token_floor(Instant now);
  bool tokens_ready(std::size_t commands);
  void settle_outcome(const service::Command& command, const service::Effects& effects);
  void settle_after_replacement();
  std::optional<Instant> next_resend() const;

  // ---- replica_reads.cpp
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

  service::ClientId client_;
  std::uint64_t nonce_ = 0;
  std::optional<Instant> register_sent_;
  Term register_sent_in_;
  NodeId register_sent_to_;
  std::uint64_t next_sequence_ = 1;
  std::map<std::uint64_t, Pending> pending_;
  std::deque<Queued> queued_;
  bool nearly_full_ = false;

  Token tokens_reserved_;
  Token tokens_asked_;
  Token inherited_;  // RaiseTokens: all grants are above it
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

  std::map<std::uint64_t, Reading> reads_;
  std::uint64_t next_read_;  // from a number of this life
};

}  // namespace coord::replica
