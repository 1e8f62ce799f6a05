// SPDX-License-Identifier: MIT
// Agreement on one value among nodes that crash and come back (Lamport, "The Part-Time Parliament", ACM TOCS
// 16(2), 1998; "Paxos Made Simple", 2001, section 2).
//
// Problem: several nodes propose, all must end with one and the same of the proposed values, and no minority
// of crashes may stop them or make them disagree. Why the obvious answers fail: the first value that a
// majority has taken wins; but when three values have a third each nobody has won and nobody may take his
// vote back. If votes may be taken back in a later round, a proposer that does not ask what happened before
// overrules a value that somebody has already seen decided (exchange.hpp is that mistake). Algorithm: every
// round has a number, a ballot, that no other round has.
//   Phase 1: a proposer asks all to promise that they take part in no lower ballot. Each that promises says
//   which value it accepted last, and in which ballot.
//   Phase 2: with promises of a majority, the proposer asks all to accept the value of the highest ballot
//   that it was told of, its own only if it was told of none. Each accepts unless it has promised a higher
//   one. Accepted by a majority: the value is chosen, now and for ever.
// Why for ever: let v be chosen in ballot b, and let c > b be the next ballot in which anything is proposed.
// Its majority of promises has a member of b's majority, which accepted v before it promised c (after, it
// would have refused b); so the highest accepted ballot that c's proposer hears of is b, and it proposes v.
//
// Five rules that implementations get wrong, each a COORD_RULE: accepting raises the promise too; the
// value of the *highest* ballot among the promises is taken, not of the first answer; a ballot is
// never used again after a restart; promise and acceptance are durable before they are told; an answer
// counts for its own ballot only.
//
// Every node is proposer, acceptor and learner. Costs 4(N-1) messages and two round trips, and N-1 more to
// tell the others. Liveness: two proposers can overtake each other for ever (Fischer, Lynch, Paterson 1985
// say that some run must be like that); with Config::backoff above the time of a round trip one of them gets
// through with probability 1 as soon as messages of a majority arrive. A crash of a minority stops nothing.
//
// Driver: perform the actions of a step in their order, a Persist completed before what follows it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/consensus/types.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus {

class Paxos : public Shape<Paxos> {
 public:
  struct Config {
    Group group;
    std::uint64_t seed = 1;  // of the backoff
    Duration retry{};        // a ballot that has not succeeded after so long is given up; 0: never
    Duration backoff{};  // beaten by a higher one: again after [0, backoff * 2^k]; 0: at once, and for ever
  };
  struct Durable {            // what a restart must find
    std::uint64_t round = 0;  // of the highest ballot that this node began
    Ballot promised;
    Ballot accepted;  // none: nothing accepted yet
    Value value;      // what was accepted
    std::optional<Value> chosen;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(round, promised, accepted, value, chosen);
    }
  };

  struct Prepare {  // 1a
    Ballot ballot;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot);
    }
  };
  struct Promise {  // 1b
    Ballot ballot;
    Ballot accepted;  // none: `value` says nothing
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, accepted, value);
    }
  };
  struct Accept {  // 2a
    Ballot ballot;
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, value);
    }
  };
  struct Accepted {  // 2b
    Ballot ballot;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot);
    }
  };
  struct Rejected {  // not part of the algorithm: saves the beaten one its time-out
    Ballot ballot;
    Ballot promised;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, promised);
    }
  };
  struct Chosen {
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(value);
    }
  };
  using Message = std::variant<Prepare, Promise, Accept, Accepted, Rejected, Chosen>;

  using Event = std::variant<Propose, Receive, Tick>;

  struct Persist {
    Durable state;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(state);
    }
  };
  using Action = std::variant<Persist, Send, Decided>;
  using Actions = std::vector<Action>;

  Paxos(Config config, Durable restored);
  explicit Paxos(Config config) : Paxos(std::move(config), Durable{}) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return chosen() ? std::nullopt : retry_at_; }
  const std::optional<Value>& chosen() const { return durable_.chosen; }
  const Durable& durable() const { return durable_; }
  Ballot ballot() const { return ballot_; }  // the one that it began last in this life
  std::uint64_t ballots_begun() const { return attempts_; }

 private:
  enum class Phase : std::uint8_t { idle, preparing, accepting };

  void on(Instant now, const Propose& propose, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const Prepare& message, Actions& actions);
  void receive(Instant now, NodeId from, const Promise& message, Actions& actions);
  void receive(Instant now, NodeId from, const Accept& message, Actions& actions);
  void receive(Instant now, NodeId from, const Accepted& message, Actions& actions);
  void receive(Instant now, NodeId from, const Rejected& message, Actions& actions);
  void receive(Instant now, NodeId from, const Chosen& message, Actions& actions);

  void begin_ballot(Instant now, Actions& actions);
  void propose_value(Actions& actions);
  void decide(const Value& value, Actions& actions);
  void persist(Actions& actions) const { actions.push_back(Persist{durable_}); }
  void answer_durably(NodeId to, Message answer, Actions& actions);
  void send(NodeId to, Message message, Actions& actions);
  void send_to_all(const Message& message, Actions& actions);

  Config config_;
  Durable durable_;
  Random random_;
  std::deque<Message> to_self_;  // this node's acceptor and proposer speak too, after the others were sent to

  Phase phase_ = Phase::idle;
  Ballot ballot_;
  std::uint64_t attempts_ = 0;
  std::uint64_t round_seen_ = 0;
  std::optional<Value> wish_;  // what the user proposed
  Value proposed_;             // what this ballot proposes
  std::set<NodeId> answered_;  // this phase of this ballot
  Ballot highest_;             // among the promises of this ballot
  std::optional<Instant> retry_at_;
};

std::string text(const Paxos::Message& message);

}  // namespace coord::consensus
