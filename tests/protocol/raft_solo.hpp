// SPDX-License-Identifier: MIT
// One Raft peer by hand: the test plays the network, the disk and all other peers, so that each message and
// each completed write comes exactly when the scenario says.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/raft/quorum.hpp"
#include "protocol/raft/text.hpp"
#include "raft_cluster.hpp"

namespace raft_test {

class Solo {
 public:
  // A follower `a` of three (or so many), founded, with this log, in the term of its last
  // entry unless told otherwise.
  explicit Solo(std::vector<std::uint64_t> terms = {}, std::uint64_t term = 0, std::size_t peers = 3) {
    config.self = id_of('a');
    for (std::size_t i = 0; i < peers; ++i) {
      config.peers.push_back(NodeId{i + 1});
      recovered.hard_state.founders[NodeId{i + 1}] = Incarnation{};
    }
    recovered.entries = entries_of_terms(terms);
    recovered.hard_state.term = Term{term != 0 ? term : terms.empty() ? 0 : terms.back()};
  }

  Raft& raft() {
    if (!raft_) raft_ = std::make_unique<Raft>(config, recovered, Random(7), now);
    return *raft_;
  }
  const Actions& step(const Event& event) {
    actions = raft().step(now, event);
    for (const Action& action : actions) {
      if (const auto* persist = std::get_if<Persist>(&action)) last_write = persist->id;
    }
    return actions;
  }
  const Actions& receive(char from, Message message) {
    return step(Receive{id_of(from), std::move(message)});
  }
  const Actions& durable() { return step(Persisted{last_write}); }
  const Actions& tick_at_deadline() {
    if (const auto deadline = raft().deadline()) now = std::max(now, *deadline);
    return step(Tick{});
  }
  const Actions& after(int ms, const Event& event) {
    now += std::chrono::milliseconds(ms);
    return step(event);
  }

  // Elected in the next term by the votes of b, and of c in a group of four or five,
  // with every write durable.
  void become_leader() {
    tick_at_deadline();
    const Term next{raft().term().value + 1};
    const std::size_t needed = majority_of(config.peers.size()) - 1;
    for (std::size_t i = 0; i < needed; ++i) step(Receive{NodeId{2 + i}, VoteReply{next, true, true}});
    durable();
    for (std::size_t i = 0; i < needed; ++i) step(Receive{NodeId{2 + i}, VoteReply{next, false, true}});
    REQUIRE(raft().role() == Role::leader);
    durable();
  }

  // What the last step sent, as `b vote term 2 granted`.
  std::vector<std::string> sent() const {
    std::vector<std::string> out;
    for (const Action& action : actions) {
      if (const auto* send = std::get_if<Send>(&action)) {
        out.push_back(std::string(1, name_of(send->to)) + " " + to_text(send->message));
      }
    }
    return out;
  }
  template <class A>
  std::vector<A> all() const {
    std::vector<A> out;
    for (const Action& action : actions) {
      if (const auto* found = std::get_if<A>(&action)) out.push_back(*found);
    }
    return out;
  }

  Config config;
  Recovered recovered;
  Instant now{};
  Actions actions;
  std::uint64_t last_write = 0;

 private:
  std::unique_ptr<Raft> raft_;
};

using Lines = std::vector<std::string>;

}  // namespace raft_test
