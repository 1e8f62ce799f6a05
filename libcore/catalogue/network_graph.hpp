// Who is whose neighbour, for protocols that do not reach everybody directly: a connected graph by seed, with
// a known number of edges, so that counts can be exact.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "catalogue/setup.hpp"

namespace coord::catalogue {

class NetworkGraph {
 public:
  // A random tree and as many further edges again, as long as there are pairs left.
  static std::size_t edge_count(std::size_t nodes) {
    return std::min(nodes * (nodes - 1) / 2, 2 * (nodes - 1));
  }

  explicit NetworkGraph(const Setup& setup) : nodes_(setup.nodes) {
    Random random(setup.seed ^ 0x6772617068U);
    for (std::uint64_t i = 2; i <= nodes_; ++i) add(NodeId{i}, NodeId{1 + random.below(i - 1)}, random);
    while (weight_.size() < edge_count(nodes_)) {
      const NodeId a{1 + random.below(nodes_)}, b{1 + random.below(nodes_)};
      if (a != b) add(a, b, random);
    }
  }

  std::set<NodeId> neighbours(NodeId node) const {
    std::set<NodeId> all;
    for (const auto& [other, weight] : weights(node)) all.insert(other);
    return all;
  }
  std::map<NodeId, std::uint64_t> weights(NodeId node) const {
    const auto found = beside_.find(node);
    return found == beside_.end() ? std::map<NodeId, std::uint64_t>{} : found->second;
  }

  struct Tree {
    std::map<NodeId, NodeId> parent;       // of all but the root
    std::map<NodeId, std::size_t> height;  // above the farthest leaf below it
  };
  // The tree of fewest hops from there.
  Tree tree_from(NodeId root) const {
    Tree tree;
    std::vector<NodeId> order{root};
    std::set<NodeId> reached{root};
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (const NodeId other : neighbours(order[i])) {
        if (!reached.insert(other).second) continue;
        tree.parent[other] = order[i];
        order.push_back(other);
      }
    }
    for (auto node = order.rbegin(); node != order.rend(); ++node) {
      const std::size_t height = tree.height[*node];
      if (*node != root) {
        std::size_t& above = tree.height[tree.parent.at(*node)];
        above = std::max(above, height + 1);
      }
    }
    return tree;
  }

  // Kruskal's, to compare with; ties by the names of the ends.
  std::set<std::pair<NodeId, NodeId>> minimum_spanning_tree() const {
    std::vector<std::pair<std::uint64_t, std::pair<NodeId, NodeId>>> edges;
    for (const auto& [ends, weight] : weight_) edges.emplace_back(weight, ends);
    std::sort(edges.begin(), edges.end());
    std::vector<std::size_t> group(nodes_ + 1);
    std::iota(group.begin(), group.end(), std::size_t{0});
    const auto find = [&](NodeId node) {
      auto at = static_cast<std::size_t>(node.value);
      while (group[at] != at) at = group[at];
      return at;
    };
    std::set<std::pair<NodeId, NodeId>> tree;
    for (const auto& [weight, ends] : edges) {
      const std::size_t a = find(ends.first), b = find(ends.second);
      if (a == b) continue;
      group[a] = b;
      tree.insert(ends);
    }
    return tree;
  }

 private:
  void add(NodeId a, NodeId b, Random& random) {
    const std::uint64_t weight = 1 + random.below(50);  // few enough that some are equal
    if (!weight_.emplace(std::minmax(a, b), weight).second) return;
    beside_[a][b] = weight;
    beside_[b][a] = weight;
  }

  std::size_t nodes_;
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> weight_;
  std::map<NodeId, std::map<NodeId, std::uint64_t>> beside_;
};

}  // namespace coord::catalogue
