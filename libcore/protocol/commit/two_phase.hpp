// SPDX-License-Identifier: MIT
// Two-phase commit, with presumed abort and with questions to other participants (Gray, "Notes on Data Base
// Operating Systems", 1978; Bernstein, Hadzilacos, Goodman 1987, section 7.4; Mohan and Lindsay 1983).
//
// Problem: a transaction's changes at several nodes must all happen or none, although nodes crash and
// messages are lost. Why the obvious answer, tell all to commit, fails: one of them cannot, after another
// has. Algorithm: the coordinator asks all to prepare. Who can, writes so to its log and votes yes; who
// cannot votes no and aborts. All yes: the coordinator logs commit, then says so; any no, or no answer in
// time: abort. All acknowledge, so that the coordinator may forget. 4n messages for n participants. A
// coordinator that finds nothing in its log answers abort: it cannot have decided commit, for that is logged
// before it is said. It may presume so only while it has not decided.
//
// What a crash does: a participant that voted yes may neither commit (another may have voted no) nor abort
// (the coordinator may have said commit to another). It asks the coordinator and all the others: one that
// knows tells; one that has not voted aborts now, and so tells abort. If all that can be reached voted yes
// and the coordinator cannot be, it is blocked until the coordinator comes back: deciding alone breaks AC1.
// missing() names whom it waits for. majority_commit.hpp does not block.
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
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::commit {

class TwoPhase : public Shape<TwoPhase> {
 public:
  struct Config {
    Group group;  // the coordinator and the participants
    NodeId coordinator;
    Duration patience = std::chrono::milliseconds(200);  // after so long without an answer: ask (again)
  };
  enum class Logged : std::uint8_t { nothing, prepared, committed, aborted };
  struct Durable {
    Logged logged = Logged::nothing;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(logged);
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
  struct Decision {
    Outcome outcome = Outcome::undecided;  // commit or abort
    template <class Archive>
    void serialize(Archive& archive) {
      archive(outcome);
    }
  };
  struct Acknowledge {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Inquire {  // of one who voted yes: what has become of it?
    template <class Archive>
    void serialize(Archive&) {}
  };
  using Message = std::variant<Prepare, VoteIs, Decision, Acknowledge, Inquire>;

  using Event = std::variant<Begin, Vote, Receive, Tick>;

  struct Persist {
    Durable state;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };
  struct Completed {};  // at the coordinator: all participants have acknowledged
  using Action = std::variant<Persist, Send, AskVote, Decided, Blocked, Completed>;
  using Actions = std::vector<Action>;

  // Restored from a log that is not empty it takes up where it was.
  TwoPhase(Instant now, Config config, Durable restored);
  TwoPhase(Instant now, Config config) : TwoPhase(now, std::move(config), Durable{}) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return wake_at_; }
  Outcome outcome() const;
  Logged logged() const { return durable_.logged; }
  bool blocked() const { return blocked_; }
  // The coordinator: who has not voted, or not acknowledged. A participant that voted
  // yes: who has not answered.
  const std::set<NodeId>& missing() const { return missing_; }

 private:
  bool coordinates() const { return config_.group.self == config_.coordinator; }
  void on(Instant now, const Begin&, Actions& actions);
  void on(Instant now, const Vote& vote, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const Prepare&, Actions& actions);
  void receive(Instant now, NodeId from, const VoteIs& message, Actions& actions);
  void receive(Instant now, NodeId from, const Decision& message, Actions& actions);
  void receive(Instant now, NodeId from, const Acknowledge&, Actions& actions);
  void receive(Instant now, NodeId from, const Inquire&, Actions& actions);
  void decide(Instant now, Outcome outcome, Actions& actions);
  void log(Logged what, Actions& actions);
  void ask_about(Instant now, Actions& actions);
  std::set<NodeId> others() const;

  Config config_;
  Durable durable_;
  bool begun_ = false;     // the coordinator has asked for votes in this life
  bool asked_ = false;     // the participant's user has been asked
  bool told_all_ = false;  // all participants have acknowledged
  bool blocked_ = false;
  std::set<NodeId> missing_;
  std::optional<Instant> wake_at_;
};

std::string text(const TwoPhase::Message& message);

}  // namespace coord::commit
