// SPDX-License-Identifier: MIT
// Operators who change who votes while everything else goes on: `dpeers promote`, `demote`, `remove`,
// `replace` and `transfer`, of hosts chosen by lot. Each says its order to a host again and again until it is
// done, refused, or given up; several do so at once, and nobody waits for the other.
//
// A host that comes to vote, or does no more, begins anew for that, as coordd does. In some runs they let the
// group keep so many voters by itself (`dpeers voters`): then no voter that its leader has heard of lately is
// replaced (`keeps_who_lives`).
//
// Of a host that is down and has no vote they let the group forget it, as `dpeers remove` does once more: it
// registers again when it is started.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "sweep/cluster.hpp"

namespace coord::sweep {

class Operators {
 public:
  // An order about every `gap` until `end`; zero: none. Must outlive the run.
  Operators(World& world, Cluster& cluster, std::uint64_t seed, Duration gap, std::uint32_t kept, Instant end)
      : world_(world),
        cluster_(cluster),
        random_(seed ^ 0x6f70657261746f72U),
        forgetful_(seed ^ 0x666f726765742d68U),
        gap_(gap),
        kept_(kept),
        end_(end) {}

  void begin();
  void told(NodeId node, const replica::VotersAnswered& answer);
  void stepped(NodeId node, const replica::VoterStep& step);
  void heard(NodeId node, NodeId from) { heard_[{node, from}] = world_.now(); }
  // In good times: every founder is to vote again. Said by one operator, until it is so.
  void promote_all();

  std::uint64_t orders() const { return next_; }
  std::uint64_t done() const { return done_; }
  std::uint64_t replaced() const { return replaced_; }  // by the group itself
  std::uint64_t forgets() const { return forgets_; }    // that were ordered

 private:
  struct Errand {
    replica::VoterOrder order;
    NodeId host;      // that is asked
    Instant give_up;  // then
  };
  using Ticket = std::uint64_t;

  void act();
  void act_later();
  void keep(std::uint32_t count);
  void forget_later();
  void forget();
  void look_at_logs();
  bool is_to_forward(NodeId node, const raft::Raft& raft);
  void begin_anew(NodeId node, bool with_log);
  void say(Ticket ticket);
  replica::VoterOrder some_order();
  NodeId somebody() { return NodeId{1 + random_.below(cluster_.nodes())}; }

  World& world_;
  Cluster& cluster_;
  Random random_;
  Random forgetful_;  // of its own: what else is ordered is the same with it
  Duration gap_;
  std::uint32_t kept_;  // voters, by the group itself; 0: it keeps none
  Instant end_;
  std::map<std::pair<NodeId, NodeId>, Instant> heard_;  // by whom, of whom
  std::uint64_t replaced_ = 0;
  std::uint64_t forgets_ = 0;
  std::map<Ticket, Errand> errands_;
  std::map<NodeId, Instant> lost_, removed_;  // by node: since when
  Ticket next_ = 0;
  std::uint64_t done_ = 0;
};

// The voters by the latest word that is in any log.
const raft::Voters* latest_voters(const World& world);

}  // namespace coord::sweep
