// SPDX-License-Identifier: MIT
// Atomic commitment whose decision a majority stores (after Gray and Lamport, "Consensus on
// Transaction Commit", ACM TODS 31(1), 2006, which runs one instance of Paxos a vote; here one
// instance decides the outcome).
//
// Problem: two-phase commit stops while its coordinator is down, three-phase commit is wrong in a partition.
// Why the obvious answer, a second coordinator, fails: two coordinators may decide differently. Algorithm:
// the votes are collected as in two-phase commit, but what the coordinator concludes is only a proposal. The
// outcome is what Paxos among all nodes chooses. Commit is proposed by nobody who has not seen every vote be
// yes; abort may be proposed by anybody at any time. So a participant that is kept waiting proposes abort: if
// commit was chosen before, it is told so; else the transaction is aborted. Nobody waits for one node.
//
// Safe whatever crashes, is lost or is late. Live while a majority is up and connected. A participant
// that voted no may abort at once: commit can no longer be proposed. For n participants 2n messages for
// the votes, 4n for Paxos, n to tell: 7n (Paxos Commit's extra message delays are fewer because it
// votes into the instances directly).
//
// Driver: perform the actions of a step in their order, a Persist completed before what follows it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/commit/types.hpp"
#include "protocol/consensus/paxos.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::commit {

class MajorityCommit : public Shape<MajorityCommit> {
 public:
  struct Config {
    Group group;  // the coordinator and the participants; all store the decision
    NodeId coordinator;
    std::uint64_t seed = 1;                                  // of Paxos' backoff
    Duration patience = std::chrono::milliseconds(200);      // for votes, and for the outcome
    Duration ballot_retry = std::chrono::milliseconds(150);  // see Paxos::Config
    Duration backoff = std::chrono::milliseconds(50);
  };
  struct Durable {
    bool prepared = false;
    bool refused = false;
    consensus::Paxos::Durable agreement;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(prepared, refused, agreement);
    }
  };

  struct Prepare {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct VoteIs {
    bool yes = false;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(yes);
    }
  };
  struct Agree {
    consensus::Paxos::Message message;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(message);
    }
  };
  using Message = std::variant<Prepare, VoteIs, Agree>;

  using Event = std::variant<Begin, Vote, Receive, Tick>;

  struct Persist {
    Durable state;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };
  using Action = std::variant<Persist, Send, AskVote, Decided>;
  using Actions = std::vector<Action>;

  MajorityCommit(Instant now, Config config, Durable restored);
  MajorityCommit(Instant now, Config config) : MajorityCommit(now, std::move(config), Durable{}) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  Outcome outcome() const;
  bool prepared() const { return durable_.prepared; }
  const std::set<NodeId>& missing() const { return missing_; }  // at the coordinator: who has not voted

 private:
  bool coordinates() const { return config_.group.self == config_.coordinator; }
  void on(Instant now, const Begin&, Actions& actions);
  void on(Instant now, const Vote& vote, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const Prepare&, Actions& actions);
  void receive(Instant now, NodeId from, const VoteIs& message, Actions& actions);
  void receive(Instant now, NodeId from, const Agree& message, Actions& actions);
  void propose(Instant now, Outcome outcome, Actions& actions);
  void agree(Instant now, const consensus::Paxos::Event& event, Actions& actions);
  void persist(Actions& actions) const { actions.push_back(Persist{durable_}); }

  Config config_;
  Durable durable_;
  consensus::Paxos agreement_;
  bool begun_ = false;
  bool asked_ = false;
  std::set<NodeId> missing_;
  std::optional<Instant> patience_ends_;
};

std::string text(const MajorityCommit::Message& message);

}  // namespace coord::commit
