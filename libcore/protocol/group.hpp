// SPDX-License-Identifier: MIT
// The fixed set of nodes that a protocol runs among, as one of them sees it. What the classical protocols
// have in common: each knows all members by name from the start, and counts majorities of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/ids.hpp"

namespace coord {

struct Group {
  NodeId self;
  std::vector<NodeId> nodes;  // all, self included, sorted, unique

  // 1..count, as one of them; how simulators and examples number their nodes.
  static Group numbered(NodeId self, std::size_t count) {
    Group group{self, {}};
    for (std::size_t i = 1; i <= count; ++i) group.nodes.push_back(NodeId{i});
    return group;
  }

  void check() const {  // a caller's bug, not an error of the world
    COORD_CHECK(std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>()) == nodes.end());
    COORD_CHECK(knows(self));
  }
  bool knows(NodeId node) const { return std::binary_search(nodes.begin(), nodes.end(), node); }
  std::size_t size() const { return nodes.size(); }
  std::size_t majority() const { return nodes.size() / 2 + 1; }
  std::size_t rank(NodeId node) const {  // its place in the order of names, from 0
    return static_cast<std::size_t>(std::lower_bound(nodes.begin(), nodes.end(), node) - nodes.begin());
  }
  template <class Visit>
  void each_other(Visit visit) const {
    for (const NodeId node : nodes) {
      if (node != self) visit(node);
    }
  }
};

}  // namespace coord
