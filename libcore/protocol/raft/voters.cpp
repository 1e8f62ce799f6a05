// SPDX-License-Identifier: MIT
#include "protocol/raft/voters.hpp"

#include <algorithm>

namespace coord::raft {

namespace {

bool is_in(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::binary_search(nodes, node);
}

bool is_set(const std::vector<NodeId>& nodes) {
  return std::ranges::is_sorted(nodes) && std::ranges::adjacent_find(nodes) == nodes.end() &&
         nodes.size() <= Voters::limit;
}

void add(std::vector<NodeId>& nodes, NodeId node) {
  nodes.insert(std::ranges::lower_bound(nodes, node), node);
}

void put_nodes(ByteWriter& out, const std::vector<NodeId>& nodes) {
  out.put(static_cast<std::uint32_t>(nodes.size()));
  for (const NodeId node : nodes) out.put(node.value);
}

std::optional<std::vector<NodeId>> get_nodes(ByteReader& in) {
  const auto count = in.get<std::uint32_t>();
  if (in.failed() || count > Voters::limit) return std::nullopt;
  std::vector<NodeId> nodes;
  for (std::uint32_t i = 0; i < count; ++i) nodes.push_back(NodeId{in.get<std::uint64_t>()});
  return in.failed() ? std::nullopt : std::optional(std::move(nodes));
}

}  // namespace

bool Voters::votes(NodeId node) const {
  return is_in(voters, node);
}

bool Voters::learns(NodeId node) const {
  return is_in(learners, node);
}

bool Voters::is_sound() const {
  return !voters.empty() && is_set(voters) && is_set(learners) && !votes(NodeId{}) && !learns(NodeId{}) &&
         std::ranges::none_of(learners, [this](NodeId node) { return votes(node); });
}

Bytes encode(const Voters& voters) {
  ByteWriter out;
  put_nodes(out, voters.voters);
  put_nodes(out, voters.learners);
  return out.take();
}

std::optional<Voters> decode_voters(ByteView data) {
  ByteReader in(data);
  auto voters = get_nodes(in);
  if (!voters) return std::nullopt;
  auto learners = get_nodes(in);
  if (!learners || in.left() != 0) return std::nullopt;
  Voters read{*std::move(voters), *std::move(learners)};
  return read.is_sound() ? std::optional(std::move(read)) : std::nullopt;
}

std::optional<Voters> changed(Voters from, Change change) {
  const bool voted = from.votes(change.node), learnt = from.learns(change.node);
  const bool possible = change.step == Step::learn     ? !voted && !learnt
                        : change.step == Step::promote ? learnt
                        : change.step == Step::demote  ? voted
                                                       : voted || learnt;
  if (!possible) return std::nullopt;
  std::erase(from.voters, change.node);
  std::erase(from.learners, change.node);
  if (change.step == Step::promote) add(from.voters, change.node);
  if (change.step == Step::learn || change.step == Step::demote) add(from.learners, change.node);
  return from.is_sound() ? std::optional(std::move(from)) : std::nullopt;
}

Voters VotersOfLog::said_at(LogIndex index) const {
  const Said* last = &said_.front();
  for (const Said& said : said_) {
    if (said.index <= index) last = &said;
  }
  return last->by_log ? last->voters : Voters{};
}

void VotersOfLog::truncate(LogIndex first) {
  while (said_.size() > 1 && said_.back().index >= first) said_.pop_back();
}

void VotersOfLog::compact(LogIndex upto) {
  while (said_.size() > 1 && said_[1].index <= upto) said_.pop_front();
}

}  // namespace coord::raft
