// SPDX-License-Identifier: MIT
// Propose, promise, commit: the exchange that is often drawn and often built, and that is not consensus.
//
// Problem: as in paxos.hpp. The obvious answer: a proposer sends (value, term) to all; each promises unless
// it has seen a higher term; with promises of a majority the proposer commits and tells all, who acknowledge.
// Why it fails: a promise does not say what was promised or committed before, and the proposer does not ask.
// So a second proposer with a higher term, cut off from whoever knows of the first commit, gets a majority
// for its own value: two nodes have decided two values (`dsim play exchange-splits` shows the run). The
// remedy is one field and one rule: phase 1b and 2a of Paxos.
//
// Right with one proposer only. There it costs 4(N-1) messages: propose, promise, commit, acknowledge; the
// decision stands when the majority's last promise has come, which is not the slowest reply: among four it is
// the second; completion waits for all acknowledgements, so one dead node delays it for ever (missing() names
// it) but not the decision.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/consensus/types.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus {

class PromiseExchange : public Shape<PromiseExchange> {
 public:
  struct Config {
    Group group;
  };
  struct Proposal {
    std::uint64_t term = 0;
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(term, value);
    }
  };
  struct Promise {
    std::uint64_t term = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(term);
    }
  };
  struct Commit {
    std::uint64_t term = 0;
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(term, value);
    }
  };
  struct Acknowledge {
    std::uint64_t term = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(term);
    }
  };
  using Message = std::variant<Proposal, Promise, Commit, Acknowledge>;

  using Event = std::variant<Propose, Receive, Tick>;

  struct Completed {};  // all have acknowledged
  using Action = std::variant<Send, Decided, Completed>;
  using Actions = std::vector<Action>;

  explicit PromiseExchange(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return std::nullopt; }
  const std::optional<Value>& decided() const { return decided_; }
  const std::set<NodeId>& promised() const { return promised_; }  // by whom, to this proposer
  std::set<NodeId> missing() const;                               // who has not acknowledged its commit

 private:
  void on(const Propose& propose, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void receive(NodeId from, const Proposal& message, Actions& actions);
  void receive(NodeId from, const Promise& message, Actions& actions);
  void receive(NodeId from, const Commit& message, Actions& actions);
  void receive(NodeId from, const Acknowledge& message, Actions& actions);
  void commit_if_promised(Actions& actions);
  void decide(const Value& value, Actions& actions);

  Config config_;
  std::uint64_t highest_ = 0;  // term seen
  std::uint64_t term_ = 0;     // of our own proposal; 0: none
  Value proposed_;
  bool committed_ = false;
  std::set<NodeId> promised_;
  std::set<NodeId> acknowledged_;
  std::optional<Value> decided_;
};

std::string text(const PromiseExchange::Message& message);

}  // namespace coord::consensus
