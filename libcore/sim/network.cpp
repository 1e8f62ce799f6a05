// SPDX-License-Identifier: MIT
#include "sim/network.hpp"

#include <algorithm>

namespace coord::sim {

Network::Network(Random random, std::size_t nodes, Link everywhere)
    : random_(random), nodes_(nodes), everywhere_(everywhere) {}

Network::Arrivals Network::send(Instant now, NodeId from, NodeId to, Way kind) {
  Arrivals arrivals;
  if (from == to) {  // not through the network
    arrivals.times[arrivals.count++] = now;
    return arrivals;
  }
  if (is_cut(from, to, kind)) {
    counts_.add(FaultKind::message_cut);
    return arrivals;
  }
  const Link& way = link(from, to);
  if (kind == Way::ordered) {
    Instant time = now + random_.between(way.delay_low, way.delay_high);
    if (weather_.delay > Duration{}) time += random_.between(Duration{}, weather_.delay);
    arrivals.times[arrivals.count++] = after_earlier(last_ordered_, time, from, to);
    return arrivals;
  }
  const double drop = way.drop + weather_.drop;
  const double duplicate = way.duplicate + weather_.duplicate;
  if (drop > 0 && random_.chance(drop)) {
    counts_.add(FaultKind::message_dropped);
    return arrivals;
  }
  arrivals.times[arrivals.count++] = arrival(now, way, from, to);
  if (duplicate > 0 && random_.chance(duplicate)) {
    counts_.add(FaultKind::message_duplicated);
    arrivals.times[arrivals.count++] = arrival(now, way, from, to);
  }
  return arrivals;
}

const Link& Network::link(NodeId from, NodeId to) const {
  if (links_.empty()) return everywhere_;
  const auto found = links_.find({from, to});
  return found == links_.end() ? everywhere_ : found->second;
}

Instant Network::arrival(Instant now, const Link& way, NodeId from, NodeId to) {
  Instant time = now + random_.between(way.delay_low, way.delay_high);
  if (weather_.delay > Duration{}) time += random_.between(Duration{}, weather_.delay);
  if (way.fifo) return after_earlier(last_arrival_, time, from, to);
  const double reorder = way.reorder + weather_.reorder;
  if (reorder > 0 && random_.chance(reorder)) {
    counts_.add(FaultKind::message_reordered);
    time += random_.between(Duration{}, way.reorder_by);
  }
  return time;
}

Instant Network::after_earlier(std::vector<Instant>& last, Instant time, NodeId from, NodeId to) const {
  if (last.empty()) last.resize(nodes_ * nodes_);
  Instant& latest = last[place(from, to)];
  latest = std::max(latest, time);
  return latest;
}

void Network::cut(NodeId from, NodeId to) {
  if (from == to) return;
  if (cut_.empty()) cut_.resize(nodes_ * nodes_);
  std::uint8_t& flag = cut_[place(from, to)];
  if (flag == 0) ++cuts_;
  flag = 1;
}

void Network::mend(NodeId from, NodeId to) {
  if (!is_cut(from, to)) return;
  cut_[place(from, to)] = 0;
  --cuts_;
}

void Network::bridge(NodeId a, NodeId b) {
  cut(a, b);
  cut(b, a);
}

void Network::partition(const std::vector<std::vector<NodeId>>& groups) {
  heal();
  std::vector<std::size_t> group_of(nodes_, 0);  // 0: in none that is named
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const NodeId node : groups[g]) group_of[static_cast<std::size_t>(node.value - 1)] = g + 1;
  }
  for (std::size_t from = 0; from < nodes_; ++from) {
    for (std::size_t to = 0; to < nodes_; ++to) {
      if (group_of[from] != group_of[to]) cut(NodeId{from + 1}, NodeId{to + 1});
    }
  }
}

void Network::split(const std::vector<NodeId>& side) {
  for (std::size_t i = 1; i <= nodes_; ++i) {
    const NodeId other{i};
    if (std::find(side.begin(), side.end(), other) != side.end()) continue;
    for (const NodeId node : side) bridge(node, other);
  }
}

void Network::heal() {
  std::fill(cut_.begin(), cut_.end(), std::uint8_t{0});
  cuts_ = 0;
  shut_.clear();
}

}  // namespace coord::sim
