// SPDX-License-Identifier: MIT
// Three-phase commit with its termination protocol (Skeen, "Nonblocking Commit Protocols", SIGMOD 1981;
// Bernstein, Hadzilacos, Goodman 1987, section 7.5).
//
// Problem: two-phase commit blocks when the coordinator crashes at the wrong time. Why the obvious answer,
// let the others decide what the votes say, fails: all that are left voted yes, but one that crashed may
// have voted no, or have been told commit. Algorithm: between the votes and the decision all are told
// PRE-COMMIT: "all voted yes". Commit is said only when every participant that is up has acknowledged it.
// So while anybody is still uncertain nobody has committed. When a coordinator is silent the next
// participant in order takes over, asks all for their states and applies the termination rule: somebody
// committed: commit; somebody aborted or has not voted: abort; somebody is pre-committed: pre-commit the
// others, then commit; all uncertain: abort. A node that comes back after a crash is not counted: it only
// asks what was decided. 6n messages.
//
// What it takes, and what breaks it. Needs that no message takes longer than Config::delay and that none is
// lost: then silence proves a crash. Any number of nodes but one may crash. **In a partition it is wrong**: a
// side with a pre-committed participant commits, a side without aborts (a scenario in tests/protocol shows
// it). A pause longer than the bound is such a partition. If all crash, all wait. majority_commit.hpp neither
// needs the bound nor breaks so.
//
// Driver: perform the actions of a step in their order, a Persist completed before what follows it.
#pragma once

#include <cstdint>
#include <map>
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

class ThreePhase : public Shape<ThreePhase> {
 public:
  struct Config {
    Group group;  // the coordinator and the participants
    NodeId coordinator;
    Duration delay = std::chrono::milliseconds(50);  // no message takes longer
  };
  enum class State : std::uint8_t { initial, waiting, pre_committed, committed, aborted };
  struct Durable {
    State state = State::initial;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };

  struct CanCommit {
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
  struct PreCommit {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Ready {  // acknowledges PreCommit
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Decision {
    Outcome outcome = Outcome::undecided;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(outcome);
    }
  };
  struct Acknowledge {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct AskState {  // by one who takes over
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct StateIs {
    State state = State::initial;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };
  struct Inquire {  // by one who came back
    template <class Archive>
    void serialize(Archive&) {}
  };
  using Message =
      std::variant<CanCommit, VoteIs, PreCommit, Ready, Decision, Acknowledge, AskState, StateIs, Inquire>;

  using Event = std::variant<Begin, Vote, Receive, Tick>;

  struct Persist {
    Durable state;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };
  struct TakesOver {};  // this participant coordinates from here on
  using Action = std::variant<Persist, Send, AskVote, Decided, TakesOver>;
  using Actions = std::vector<Action>;

  // A node that is made again with what its log holds has crashed: it asks and does not coordinate.
  ThreePhase(Instant now, Config config, Durable restored);
  ThreePhase(Instant now, Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return wake_at_; }
  Outcome outcome() const;
  State state() const { return durable_.state; }
  bool recovering() const { return recovered_ && outcome() == Outcome::undecided; }

 private:
  enum class Task : std::uint8_t { none, collecting_votes, collecting_states, pre_committing };

  bool coordinates() const { return config_.group.self == config_.coordinator; }
  void on(Instant now, const Begin&, Actions& actions);
  void on(Instant now, const Vote& vote, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const CanCommit&, Actions& actions);
  void receive(Instant now, NodeId from, const VoteIs& message, Actions& actions);
  void receive(Instant now, NodeId from, const PreCommit&, Actions& actions);
  void receive(Instant now, NodeId from, const Ready&, Actions& actions);
  void receive(Instant now, NodeId from, const Decision& message, Actions& actions);
  void receive(Instant now, NodeId from, const Acknowledge&, Actions& actions);
  void receive(Instant now, NodeId from, const AskState&, Actions& actions);
  void receive(Instant now, NodeId from, const StateIs& message, Actions& actions);
  void receive(Instant now, NodeId from, const Inquire&, Actions& actions);

  void take_over(Instant now, Actions& actions);
  void terminate(Instant now, Actions& actions);
  void pre_commit_all(Instant now, Actions& actions);
  void decide(Outcome outcome, bool tell, Actions& actions);
  void enter(State state, Actions& actions);
  void heard_from_coordinator(Instant now);
  void begin(Task task, Instant now);
  void send_to_others(const Message& message, Actions& actions);

  Config config_;
  Durable durable_;
  bool recovered_ = false;
  bool asked_ = false;
  Task task_ = Task::none;  // as a coordinator, the first or one who took over
  std::set<NodeId> missing_;
  std::map<NodeId, State> states_;
  std::optional<Instant> wake_at_;
};

std::string text(const ThreePhase::Message& message);
std::string_view name_of(ThreePhase::State state);

}  // namespace coord::commit
