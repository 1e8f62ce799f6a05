// SPDX-License-Identifier: MIT
// Who is whose neighbour, for protocols that do not reach everybody directly: a connected graph by seed, with
// a known number of edges, so that counts can be exact.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "catalogue/setup.hpp"
#include "classical/graph.hpp"

namespace coord::catalogue {

class NetworkGraph : public classical::Graph {
 public:
  // A random tree and as many further edges again, as long as there are pairs left.
  static std::size_t edge_count(std::size_t nodes) {
    return std::min(nodes * (nodes - 1) / 2, 2 * (nodes - 1));
  }

  explicit NetworkGraph(const Setup& setup) : nodes_(setup.nodes) {
    Random random(setup.seed ^ 0x6772617068U);
    for (std::uint64_t i = 2; i <= nodes_; ++i) connect(NodeId{i}, NodeId{1 + random.below(i - 1)}, random);
    while (edges().size() < edge_count(nodes_)) {
      const NodeId a{1 + random.below(nodes_)}, b{1 + random.below(nodes_)};
      if (a != b) connect(a, b, random);
    }
  }

  // Kruskal's, to compare with; ties by the names of the ends.
  std::set<std::pair<NodeId, NodeId>> minimum_spanning_tree() const {
    std::vector<std::pair<std::uint64_t, std::pair<NodeId, NodeId>>> by_weight;
    for (const auto& [ends, weight] : edges()) by_weight.emplace_back(weight, ends);
    std::sort(by_weight.begin(), by_weight.end());
    std::vector<std::size_t> group(nodes_ + 1);
    std::iota(group.begin(), group.end(), std::size_t{0});
    const auto find = [&](NodeId node) {
      auto at = static_cast<std::size_t>(node.value);
      while (group[at] != at) at = group[at];
      return at;
    };
    std::set<std::pair<NodeId, NodeId>> tree;
    for (const auto& [weight, ends] : by_weight) {
      const std::size_t a = find(ends.first), b = find(ends.second);
      if (a == b) continue;
      group[a] = b;
      tree.insert(ends);
    }
    return tree;
  }

 private:
  void connect(NodeId a, NodeId b, Random& random) {
    add(a, b, 1 + random.below(50));  // few weights enough that some are equal
  }

  std::size_t nodes_;
};

}  // namespace coord::catalogue
