// SPDX-License-Identifier: MIT
#include "classical/graph.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"
#include "classical/meaning.hpp"

namespace coord::classical {

namespace {

// Takes a number off the front of the text.
bool take(std::string_view& text, std::uint64_t& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}
bool take(std::string_view& text, char mark) {
  if (text.empty() || text.front() != mark) return false;
  text.remove_prefix(1);
  return true;
}

Error wrong(std::string_view edge, std::string what) {
  return {ErrorKind::usage, "edges", fmt::format("'{}' {}", edge, std::move(what)),
          "write them as 1-2:5,2-3:7"};
}

}  // namespace

Result<Graph> Graph::parse(std::string_view text, const Group& group) {
  Graph graph;
  if (text.empty()) {
    for (const NodeId a : group.nodes)
      for (const NodeId b : group.nodes)
        if (a < b) graph.add(a, b, 1);
    return graph;
  }
  while (!text.empty()) {
    const std::string_view edge = text.substr(0, text.find(','));
    std::uint64_t a = 0, b = 0, weight = 1;
    std::string_view rest = edge;
    const bool ends = take(rest, a) && take(rest, '-') && take(rest, b);
    if (!ends || (!rest.empty() && (!take(rest, ':') || !take(rest, weight))) || !rest.empty())
      return wrong(edge, "is no edge");
    if (!group.knows(NodeId{a}) || !group.knows(NodeId{b}) || a == b)
      return wrong(edge, "does not connect two of the nodes");
    if (weight >= number_limit) return wrong(edge, "weighs too much");
    if (!graph.add(NodeId{a}, NodeId{b}, weight)) return wrong(edge, "is there twice");
    text.remove_prefix(std::min(text.size(), edge.size() + 1));
  }
  if (graph.tree_from(group.self).parent.size() + 1 != group.size())
    return Error{ErrorKind::usage, "edges", "they do not connect all nodes", "add some"};
  return graph;
}

std::string Graph::text() const {
  std::string all;
  for (const auto& [ends, weight] : edges_) {
    if (!all.empty()) all += ",";
    all += fmt::format("{}-{}:{}", ends.first.value, ends.second.value, weight);
  }
  return all;
}

bool Graph::add(NodeId a, NodeId b, std::uint64_t weight) {
  if (!edges_.emplace(std::minmax(a, b), weight).second) return false;
  beside_[a][b] = weight;
  beside_[b][a] = weight;
  return true;
}

std::set<NodeId> Graph::neighbours(NodeId node) const {
  std::set<NodeId> all;
  for (const auto& [other, weight] : weights(node)) all.insert(other);
  return all;
}

std::map<NodeId, std::uint64_t> Graph::weights(NodeId node) const {
  const auto found = beside_.find(node);
  return found == beside_.end() ? std::map<NodeId, std::uint64_t>{} : found->second;
}

Graph::Tree Graph::tree_from(NodeId root) const {
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

}  // namespace coord::classical
