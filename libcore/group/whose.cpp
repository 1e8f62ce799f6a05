// SPDX-License-Identifier: MIT
// Whose snapshot it is: who votes, what they are called, and which other nodes are remembered.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "group/group_snapshot.hpp"
#include "replica/forwarder.hpp"

namespace coord::group {

// As this node's log has them, committed or not, for so they vote; sorted. Also just after a start, when
// nothing of the log is applied yet. Of a node that keeps none: as it was told.
std::vector<NodeId> GroupSnapshot::voters(const node::Moment& moment) const {
  if (moment.service == nullptr) return founders_;
  if (const replica::Replica* const voter = moment.service->voter())
    return COORD_RULE_OR(group_snapshot_is_of_the_voters, voter->raft().voters().voters, founders_);
  const auto* const forwarder = dynamic_cast<const replica::Forwarder*>(&moment.service->log());
  std::vector<NodeId> told = forwarder == nullptr ? std::vector<NodeId>{} : forwarder->voters();
  std::ranges::sort(told);
  return told;
}

bool GroupSnapshot::is_of(const Id& id, NodeId node) {
  return std::ranges::binary_search(id.peers, node);
}

// Who else is named is the taker's to say.
bool GroupSnapshot::names_this_peer(const Id& id) const {
  const bool is_sound = !id.peers.empty() && id.peers.size() <= raft::Voters::limit &&
                        id.peers.front() != NodeId{} &&
                        std::ranges::adjacent_find(id.peers, std::ranges::greater_equal{}) == id.peers.end();
  return is_sound && is_of(id, id.taker) && is_of(id, self_);
}

// It keeps the log and knows what all are called, as of now.
bool GroupSnapshot::can_take_part(const node::Moment& moment, const Id& id) {
  if (moment.service != nullptr && moment.service->voter() == nullptr) return false;
  return learn_names(moment, id.peers);
}

// All of them are known. Each peer writes the names of its links' ends itself, so a peer that is so far
// behind that it does not know one says nothing: one link by two names would look like two.
bool GroupSnapshot::learn_names(const node::Moment& moment, const std::vector<NodeId>& nodes) {
  if (names_.empty()) return true;
  if (moment.service != nullptr) {
    const auto& registrations = moment.service->log().machine().state().registrations;
    for (const NodeId node : nodes) {
      const auto found = registrations.find(node);
      if (found != registrations.end() && !found->second.name.empty())
        names_.try_emplace(node, found->second.name);
    }
  }
  return std::ranges::all_of(nodes, [&](NodeId node) { return names_.contains(node); });
}

// Against a snapshot of these, taken here.
std::optional<std::string> GroupSnapshot::why_not(const node::Moment& moment,
                                                  const std::vector<NodeId>& peers) {
  const bool are_known = learn_names(moment, peers);
  const bool keeps_log = moment.service == nullptr || moment.service->voter() != nullptr;
  if (keeps_log && std::ranges::binary_search(peers, self_))
    return are_known ? std::nullopt
                     : std::optional<std::string>("a host that votes has not told its name yet: try again");
  std::set<std::string> names;
  for (const NodeId node : peers) {
    if (node != self_) names.insert(name_of(node));
  }
  std::string hosts;
  for (const std::string& name : names) hosts += (hosts.empty() ? "" : ", ") + name;
  if (hosts.empty()) return "this host does not vote: ask on one that does (see dpeers)";
  return fmt::format("this host does not vote: ask on one of {}", hosts);
}

std::string GroupSnapshot::name_of(NodeId node) const {
  const auto found = names_.find(node);
  return found == names_.end() ? std::to_string(node.value) : found->second;
}

bool GroupSnapshot::is_connected(NodeId node) const {
  const auto in = in_.find(node);
  return in != in_.end() && in->second.connected;
}

// Hosts without a vote come and go under ever new numbers. One that is registered may vote later, and counts
// what this node has sent to it meanwhile.
void GroupSnapshot::forget_strangers(const node::Moment& moment) {
  if (in_.size() <= most_links && out_.size() <= most_links) return;
  const std::vector<NodeId> stay = voters(moment);
  const auto is_registered = [&](NodeId node) {
    return moment.service != nullptr && moment.service->log().machine().state().registrations.contains(node);
  };
  const auto is_stranger = [&](NodeId node) {
    return !std::ranges::binary_search(stay, node) && !is_registered(node);
  };
  std::erase_if(in_, [&](const auto& in) { return !in.second.connected && is_stranger(in.first); });
  std::erase_if(out_, [&](const auto& out) { return !out.second.up && is_stranger(out.first); });
}

}  // namespace coord::group
