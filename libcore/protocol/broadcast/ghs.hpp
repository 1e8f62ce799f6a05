// SPDX-License-Identifier: MIT
// The minimum spanning tree of a network of which each node knows only its own edges (Gallager, Humblet,
// Spira, "A Distributed Algorithm for Minimum-Weight Spanning Trees", ACM TOPLAS 5(1), 1983).
//
// Problem: choose the cheapest edges that connect everybody, where nobody sees more than his own. Why the
// obvious answer, flooding (echo.hpp), is not enough: it finds a tree, not the cheapest, and repeated
// broadcasts over a dear tree cost more than finding a good one. Algorithm: fragments of the tree grow. Each
// finds its cheapest outgoing edge (which belongs to the minimum tree, if all weights differ) and connects
// over it. Of two fragments of one level that choose the same edge a fragment of the next level is made, with
// that edge as its core and name; a fragment of a lower level is absorbed. A fragment of level L has at least
// 2^L nodes, so there are at most log2 N levels. The nodes of a fragment search together: initiate goes from
// the core outwards, each tests its cheapest unknown edge, reports come back, and change-root goes to the
// node with the best edge.
//
// What makes it right is what waits: a test or a connect from a fragment of a higher level is not answered
// until this one has caught up, for until then it may belong to the same fragment without knowing so. At most
// 5N log2 N + 2E messages. Needs links that lose nothing and keep the order (FIFO), and weights that differ:
// ties are broken by the names of the ends. A crash stops it.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

// An edge's weight, made different from all others by its ends.
struct Weight {
  std::uint64_t weight = 0;
  NodeId low, high;
  auto operator<=>(const Weight&) const = default;
  static Weight of(std::uint64_t weight, NodeId a, NodeId b) {
    return {weight, std::min(a, b), std::max(a, b)};
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(weight, low, high);
  }
};

class SpanningTree : public Shape<SpanningTree> {
 public:
  struct Config {
    NodeId self;
    std::map<NodeId, std::uint64_t> neighbours;  // and the weights of the edges to them
  };
  using Level = std::uint64_t;

  struct Connect {
    Level level = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(level);
    }
  };
  struct Initiate {
    Level level = 0;
    Weight fragment;
    bool find = false;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(level, fragment, find);
    }
  };
  struct Test {
    Level level = 0;
    Weight fragment;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(level, fragment);
    }
  };
  struct Accept {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Reject {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Report {
    std::optional<Weight> best;  // none: no outgoing edge
    template <class Archive>
    void serialize(Archive& archive) {
      archive(best);
    }
  };
  struct ChangeRoot {
    template <class Archive>
    void serialize(Archive&) {}
  };
  using Message = std::variant<Connect, Initiate, Test, Accept, Reject, Report, ChangeRoot>;

  struct Wake {};  // at one node, or several
  using Event = std::variant<Wake, Receive, Tick>;

  struct Complete {};  // at the two ends of the core: the tree is there
  using Action = std::variant<Send, Complete>;
  using Actions = std::vector<Action>;

  explicit SpanningTree(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return std::nullopt; }
  std::set<NodeId> branches() const;  // neighbours over edges of the tree
  Level level() const { return level_; }
  bool complete() const { return complete_; }

 private:
  enum class EdgeState : std::uint8_t { basic, branch, rejected };
  struct Edge {
    Weight weight;
    EdgeState state = EdgeState::basic;
  };
  enum class State : std::uint8_t { sleeping, find, found };

  void on(const Wake&, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  // Each tells whether it could be dealt with; if not it waits until something has changed.
  bool receive(NodeId from, const Connect& message, Actions& actions);
  bool receive(NodeId from, const Initiate& message, Actions& actions);
  bool receive(NodeId from, const Test& message, Actions& actions);
  bool receive(NodeId from, const Accept&, Actions& actions);
  bool receive(NodeId from, const Reject&, Actions& actions);
  bool receive(NodeId from, const Report& message, Actions& actions);
  bool receive(NodeId from, const ChangeRoot&, Actions& actions);
  void try_waiting(Actions& actions);
  void test(Actions& actions);
  void report(Actions& actions);
  void change_root(Actions& actions);
  void consider(const std::optional<Weight>& weight, NodeId over);

  Config config_;
  std::map<NodeId, Edge> edges_;
  State state_ = State::sleeping;
  Level level_ = 0;
  Weight fragment_;
  NodeId towards_core_;
  std::optional<NodeId> testing_, best_edge_;
  std::optional<Weight> best_;
  std::uint64_t reports_awaited_ = 0;
  std::deque<Receive> waiting_;
  bool complete_ = false;
};

std::string text(const SpanningTree::Message& message);

}  // namespace coord::broadcast
