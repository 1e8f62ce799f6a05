// SPDX-License-Identifier: MIT
// Agreement by tossing coins, without any assumption on time (Ben-Or, "Another Advantage of Free Choice:
// Completely Asynchronous Agreement Protocols", PODC 1983, protocol A).
//
// Problem: Fischer, Lynch and Paterson (1985) show that no deterministic protocol always decides if messages
// take any time and one node may crash: some schedule keeps it undecided for ever. Why the obvious answer,
// wait longer, fails: a crashed node cannot be told from a slow one, and whoever schedules the messages
// answers any rule of waiting. Algorithm, for one bit, N > 2f: each round has two exchanges.
//   Report: send your bit to all; wait for N-f reports. If more than N/2 (of all N) name one bit, propose it,
//   else propose nothing. Two majorities meet, so no two nodes propose different bits in a round.
//   Proposal: send it to all; wait for N-f. At least f+1 proposals of v: decide v. At least one: go on with
//   v. None: toss a coin.
// Why safe: who decides saw f+1 proposals of v; of any N-f proposals at least one is among them, so everybody
// goes on with v, reports v, and decides in the next round at the latest. Why it ends: with probability at
// least 2^-N all coins of a round fall alike, whatever the schedule.
//
// Crashes are for good: a node that has forgotten its round must not come back (it would report twice). Up to
// f may crash; more, and the others wait for ever; nobody decides wrongly. Links may lose and repeat: what a
// node said in each round is kept and said again to whoever is behind. Costs 2N(N-1) messages a round, one
// round if all begin with the same bit, and N(N-1) to tell the decision; expected rounds are few while bits
// are not scheduled against, and exponential in N at worst.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus {

class BenOr : public Shape<BenOr> {
 public:
  struct Config {
    Group group;
    std::size_t crashes = 1;  // f: how many may crash; 2f < N
    std::uint64_t seed = 1;   // of the coin
    Duration resend{};        // what this round said is said again so often; 0: never, as in the paper
  };
  enum class Vote : std::uint8_t { zero, one, nothing };

  struct Say {
    std::uint64_t round = 0;
    bool proposal = false;  // else a report
    Vote vote = Vote::nothing;
    bool again = false;  // to one who is behind; asks for no answer, or two who are past it would never end
    template <class Archive>
    void serialize(Archive& archive) {
      archive(round, proposal, vote, again);
    }
  };
  struct Decision {
    bool bit = false;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(bit);
    }
  };
  using Message = std::variant<Say, Decision>;

  struct Begin {
    bool bit = false;  // what this node would like
  };
  using Event = std::variant<Begin, Receive, Tick>;

  struct Tossed {  // for whoever watches
    std::uint64_t round = 0;
    bool bit = false;
  };
  struct DecidedBit {
    bool bit = false;
    std::uint64_t round = 0;
  };
  using Action = std::variant<Send, Tossed, DecidedBit>;
  using Actions = std::vector<Action>;

  explicit BenOr(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return resend_at_; }
  std::optional<bool> decided() const { return decided_; }
  std::uint64_t round() const { return said_.size() / 2 + said_.size() % 2; }  // 0: not begun
  Vote proposal() const;                                                       // what it proposed last

 private:
  using Votes = std::map<NodeId, Vote>;

  void on(Instant now, const Begin& begin, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const Say& message, Actions& actions);
  void receive(Instant now, NodeId from, const Decision& message, Actions& actions);
  void say(Instant now, Vote vote, Actions& actions);
  void advance(Instant now, Actions& actions);
  Vote proposal_after(const Votes& reports) const;
  Vote next_report(const Votes& proposals, Actions& actions);
  void decide(bool bit, Actions& actions);
  std::size_t phase_of(const Say& message) const;

  Config config_;
  Random coin_;
  std::vector<Vote> said_;              // by phase: report of round 1, proposal of round 1, report of 2, ...
  std::map<std::size_t, Votes> heard_;  // by phase, from the present one on
  std::optional<bool> decided_;
  std::optional<Instant> resend_at_;
};

std::string text(const BenOr::Message& message);

}  // namespace coord::consensus
