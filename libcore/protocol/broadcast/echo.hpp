// SPDX-License-Identifier: MIT
// A wave over a network of which each node knows only its neighbours: tells everybody, builds a
// spanning tree, and brings back what all of them contribute (Chang, "Echo Algorithms", IEEE TSE
// 8(4), 1982; Segall, "Distributed Network Protocols", IEEE Trans. Inf. Theory 29(1), 1983:
// propagation of information with feedback).
//
// Problem: one node wants all to know something, and to know when all do. Why the obvious answer, everybody
// tells all his neighbours, fails: it reaches everybody, but nobody knows when it is over. Algorithm: who
// hears the wave first from p calls p its parent and passes the wave on to all other neighbours. Any message
// from a neighbour, wave or echo, settles that edge. When all edges are settled a node sends an echo, with
// what its children brought, to its parent; when all of the root's are, it is over: every node has been
// reached, the edges to parents are a spanning tree (of fewest hops if all links are equally fast).
//
// Exactly one message over each edge in each direction: 2m for m edges. Needs links that lose nothing. A
// crashed node, or a cut link, and the wave never comes back: missing() names who has not answered.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

class Echo : public Shape<Echo> {
 public:
  struct Config {
    NodeId self;
    std::set<NodeId> neighbours;
    std::int64_t contribution = 0;  // what this node adds to what comes back
  };
  struct Wave {
    Payload payload;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(payload);
    }
  };
  struct Back {
    Aggregate aggregate;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(aggregate);
    }
  };
  using Message = std::variant<Wave, Back>;

  struct Begin {  // at the root
    Payload payload;
  };
  using Event = std::variant<Begin, Receive, Tick>;

  using Action = std::variant<Send, Delivered, Gathered>;
  using Actions = std::vector<Action>;

  explicit Echo(Config config) : config_(std::move(config)) {}

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return std::nullopt; }
  bool reached() const { return reached_; }
  std::optional<NodeId> parent() const { return parent_; }        // none: the root, or not reached
  const std::set<NodeId>& children() const { return children_; }  // complete when it has echoed
  const std::set<NodeId>& missing() const { return missing_; }    // neighbours that have not been heard of

 private:
  void on(const Begin& begin, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void spread(const Payload& payload, Actions& actions);
  void echo_if_settled(Actions& actions);

  Config config_;
  bool reached_ = false;
  bool echoed_ = false;
  std::optional<NodeId> parent_;
  std::set<NodeId> children_, missing_;
  Aggregate aggregate_;
};

std::string text(const Echo::Message& message);

}  // namespace coord::broadcast
