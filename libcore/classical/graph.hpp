// SPDX-License-Identifier: MIT
// Who is whose neighbour, for algorithms that do not reach everybody directly, and what each edge weighs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "protocol/group.hpp"

namespace coord::classical {

class Graph {
 public:
  using Edges = std::map<std::pair<NodeId, NodeId>, std::uint64_t>;  // the lower end first, and the weight

  // "1-2:5,2-3:7", or without the weights, which are 1 then. Nothing: every two nodes are neighbours. An
  // Error (usage) if it is none, names another node, or does not connect all.
  static Result<Graph> parse(std::string_view text, const Group& group);
  std::string text() const;  // the inverse

  // Whether there was none between these.
  bool add(NodeId a, NodeId b, std::uint64_t weight);
  const Edges& edges() const { return edges_; }
  std::set<NodeId> neighbours(NodeId node) const;
  std::map<NodeId, std::uint64_t> weights(NodeId node) const;

  struct Tree {
    std::map<NodeId, NodeId> parent;       // of all but the root
    std::map<NodeId, std::size_t> height;  // above the farthest leaf below it
  };
  // The tree of fewest hops from there.
  Tree tree_from(NodeId root) const;

 private:
  Edges edges_;
  std::map<NodeId, std::map<NodeId, std::uint64_t>> beside_;
};

}  // namespace coord::classical
