// SPDX-License-Identifier: MIT
#include "classical/traits.hpp"

#include <algorithm>
#include <functional>

#include "base/format.hpp"

namespace coord::classical {

Status check(const Identity& identity, const Group& group) {
  const auto wrong = [&](std::string what, std::string remedy) {
    return Error{ErrorKind::usage, std::string(identity.name), std::move(what), std::move(remedy)};
  };
  const auto& nodes = group.nodes;
  const bool sorted = std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>()) == nodes.end();
  if (!sorted || nodes.empty() || nodes.front() == NodeId{})
    return wrong("its nodes are no sorted list of different ones", "name each once");
  if (nodes.size() > nodes_limit)
    return wrong(fmt::format("has {} nodes", nodes.size()),
                 fmt::format("at most {} can take part", nodes_limit));
  if (!group.knows(group.self)) return wrong("this node is none of its nodes", "start it on one of them");
  if (nodes.size() < identity.least_nodes)
    return wrong(fmt::format("has {} node{}", nodes.size(), nodes.size() == 1 ? "" : "s"),
                 fmt::format("it needs at least {}", identity.least_nodes));
  return done();
}

std::string list(std::string_view before, const std::set<NodeId>& nodes) {
  std::string all(before);
  for (const NodeId node : nodes) all += fmt::format(" {}", node.value);
  return all;
}

}  // namespace coord::classical
