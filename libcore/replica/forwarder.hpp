// SPDX-License-Identifier: MIT
// The ordered log of a host that does not vote: it asks one of the voters, whichever it can reach.
//
// Problem: a group has few voters, or each write waits for many disks, and any number of hosts whose tools
// want the same locks. Such a host could send each request of a tool to a voter and pass on the answer; but
// the voter dies between the two, and nobody knows what became of it.
//
// The way here: the host is a registered client of the log (client.hpp) and keeps its commands itself until
// it is told that they were applied; a voter passes them on to its leader, and tells what it has applied,
// entry by entry and each with its place (feed.hpp). All that tools are told comes out of that: grants, ends,
// breaks, deadlocks, barriers, what is watched. When the voter is lost, any other goes on from the place that
// was seen last, and what is kept is sent to it once more: doubles are void. Nothing of the log is kept on
// this host, its word counts for no majority, and what it has seen is never asked for by others.
//
// What must hold:
//   - no entry is left out, whoever tells of it: what does not follow the place here is asked for again;
//   - what is for another life of this host, or of it in another registration, is void;
//   - a lease counts from when this host has sent its renewal first, by its own clock (leases.hpp).
// A voter that does not answer, or knows no leader, is left after a while, and not asked again for a while.
// The leader is asked where it can be reached: that way is as long as a follower's own.
//
// Pure. Threading: none; one owner.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "replica/client.hpp"
#include "replica/ordered_log.hpp"
#include "replica/passed_orders.hpp"

namespace coord::replica {

class Forwarder final : public OrderedLog {
 public:
  struct Config {
    NodeId self;
    std::vector<NodeId> voters;  // to begin with
    Level level = newest_level;  // that this program knows
    Level speaks = first_level;  // that the group is at, as far as it is known
    Duration resend = std::chrono::seconds(1);
    Duration query_retry = std::chrono::milliseconds(200);
    Duration query_patience = std::chrono::seconds(2);
    std::size_t commands_in_flight = 1024;
    std::size_t commands_queued = 65536;
    Duration ask_every = std::chrono::milliseconds(500);
    Duration ask_soon = std::chrono::milliseconds(200);  // while a command waits to be applied
    Duration patience = std::chrono::seconds(1);         // with a voter that does not answer
    Duration avoid = std::chrono::seconds(5);            // one that has not
    std::size_t acknowledge_bytes = 256 * 1024;          // of entries, without waiting for the next question
    std::size_t state_limit = 64 * 1024 * 1024;
    std::uint64_t life = 0;  // of this process; 0: to be drawn
    std::string name{};      // of this host, for its registration
    std::string address{};   // HOST:PORT
    std::string zone{};      // where it stands
  };

  Forwarder(Config config, Random random, Instant now);

  [[nodiscard]] Actions step(Instant now, WallTime wall, const Event& event) override;
  [[nodiscard]] Actions settle(Instant now, WallTime wall) override;
  bool is_asked() const override { return asked_; }
  std::optional<Instant> deadline() const override;

  const service::StateMachine& machine() const override { return machine_; }
  LogIndex applied() const override { return applied_; }
  service::ClientId client() const override { return commands_.id(); }
  std::uint64_t life() const override { return commands_.life(); }
  Level speaks() const override { return spoken_; }
  LevelView level_view() const override;
  NodeId leader() const override { return leader_; }
  bool has_begun() const override { return applied_ != LogIndex{}; }
  std::vector<NodeId> waits_for() const override { return voters_; }

  // The leader sends it the log, which this host does not keep, or nobody leads and its vote is asked for: it
  // votes, or is to learn. It has to begin anew, as a Replica.
  bool is_sent_log() const { return is_sent_log_; }

  NodeId voter() const { return voter_; }  // that is asked; 0: none can be reached
  Term term() const { return term_; }      // as that one has told
  const std::vector<NodeId>& voters() const { return voters_; }
  const std::vector<NodeId>& learners() const { return learners_; }
  bool learns(NodeId node) const { return std::ranges::find(learners_, node) != learners_.end(); }

 private:
  struct Reading {
    std::uint64_t ticket = 0;
    Instant began;
    std::optional<Instant> asked;
    std::optional<LogIndex> index;
  };
  struct Taking {  // of a state in pieces
    LogIndex index;
    Level level = first_level;
    std::uint64_t size = 0;
    Bytes data;
  };

  void on(Instant now, const FromPeer& event);
  void on(Instant now, const Tick&);
  void on(Instant now, const Submit& event);
  void on(Instant now, const Retract& event);
  void on(Instant now, const Query& event);
  void on(Instant now, const Greeted& event);
  void on(Instant now, const Parted& event);
  void on(Instant now, const PutIntoLog& event);
  void on(Instant now, const KnownVoters& event);
  void on(Instant now, const AskVoters& event);
  template <class Other>
  void on(Instant, const Other&) {}  // of disks and voters

  bool is_voter(NodeId node) const;
  void choose(Instant now);
  void attach(Instant now, NodeId voter);
  void leave(Instant now);
  void question(Instant now, bool again);
  std::optional<Instant> next_question() const;
  bool answered(Instant now, NodeId from, std::uint64_t life, std::uint64_t number);
  void leader_is(NodeId leader, Term term);

  // ---- what it tells
  void hear(Instant now, NodeId from, const Fed& fed);
  void hear(Instant now, NodeId from, const FedState& piece);
  void hear(const ReadAnswer& answer);
  void hear(const OrderAnswer& answer);
  bool apply(const raft::Entry& entry);
  void say_who_votes(std::vector<NodeId> voters, std::vector<NodeId> learners);
  void install(Taking&& taken);
  void speak(Level level);
  void halt(std::string why);

  void send(PeerMessage message);
  Client::Target target() const { return {voter_, Term{attachment_}}; }
  bool can_send() const;
  void send_commands(Instant now);
  void ask_reads(Instant now);
  void answer_reads(Instant now);

  const Config config_;
  Random random_;
  Client commands_;
  service::StateMachine machine_;
  LogIndex applied_;
  Level spoken_;
  bool asked_ = false;
  bool halted_ = false;
  bool is_sent_log_ = false;
  Actions out_;
  WallTime wall_;

  std::vector<NodeId> voters_;    // at the place up to which it has come, once it was told so
  std::vector<NodeId> learners_;  // likewise
  std::set<NodeId> connected_;
  std::map<NodeId, Instant> avoided_;  // until when
  NodeId voter_;
  std::uint64_t attachment_ = 0;  // how often it was chosen, or another leader was: commands go again
  NodeId leader_;
  Term term_;
  std::uint64_t last_number_ = 0;
  std::optional<Instant> last_asked_;
  std::optional<Instant> waiting_since_;  // for the answer to a question
  std::uint64_t waiting_for_ = 0;         // to this one or a later one
  std::optional<Instant> leaderless_since_;
  std::size_t not_acknowledged_ = 0;  // bytes
  std::optional<Taking> taking_;

  std::map<std::uint64_t, Reading> reads_;
  PassedOrders passed_orders_;  // to a voter
  std::uint64_t next_read_;     // from a number of this life
};

}  // namespace coord::replica
