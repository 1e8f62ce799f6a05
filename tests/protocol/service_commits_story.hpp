// SPDX-License-Identifier: MIT
// Participants of a transaction, as the log sees them: for scenarios, and for the removal of rules.
#pragma once

#include <cstdint>

#include "service_scenario.hpp"

namespace coord::service {

struct Deal {
  Log log;
  Peer a, b;

  Deal() : log{StateMachine::at_level(2)}, a(log, 1), b(log, 2) {}
  explicit Deal(const Limits& limits) : log{StateMachine(limits)}, a(log, 1), b(log, 2) {}

  std::string join(std::string id, std::uint64_t run, std::uint32_t count = 2, std::string host = "web1",
                   std::string user = "user") {
    return a.propose(JoinCommit{"deal", std::move(id), std::move(host), count, run, 1000, std::move(user)});
  }
  Token generation() const { return view().of.generation; }
  std::string vote(std::string id, std::uint64_t run, bool yes, std::optional<Token> at = {}) {
    return b.propose(VoteCommit{"deal", at.value_or(generation()), std::move(id), run, yes,
                                yes ? "" : "no room", 1000, "user"});
  }
  std::string abandon(std::string id, std::uint64_t run) {
    return a.propose(AbandonCommit{"deal", generation(), std::move(id), run, 1000, "user"});
  }
  std::string finish(std::string id, std::uint64_t run, std::int32_t status = 0) {
    return a.propose(FinishCommit{"deal", generation(), std::move(id), run, status, 1000, "user"});
  }
  std::string forget(bool open_too = false) {
    return a.propose(ForgetCommit{"deal", 1000, "user", open_too});
  }
  // By two phases, or as `by` says, from the host with this number.
  std::string join_by(std::string id, std::uint64_t host, CommitBy by = CommitBy::two_phase) {
    JoinCommit join{"deal", std::move(id), "web" + std::to_string(host), 2, host, 1000, "user"};
    join.by = by;
    join.site = {NodeId{host}, 100 + host, 0, join.host};
    return (host == 2 ? b : a).propose(join);
  }
  std::string learn(std::string id, std::uint64_t run, CommitOutcome outcome,
                    CommitVote vote = CommitVote::none, std::string why = {}) {
    return a.propose(
        LearnCommit{"deal", generation(), std::move(id), run, outcome, vote, std::move(why), 1000, "user"});
  }
  CommitView view() const { return log.machine.of<Commits>().answer(GetCommit{"deal"}); }
  // OUTCOME by WHOM, CAME/COUNT came, voted, done
  std::string is() const {
    const CommitRecord of = view().of;
    return std::string(name_of(of.outcome)) + (of.by.empty() ? "" : " by " + of.by) + ", " +
           std::to_string(of.came) + "/" + std::to_string(of.count) + " " + std::to_string(of.voted) + " " +
           std::to_string(of.finished);
  }
};

}  // namespace coord::service
