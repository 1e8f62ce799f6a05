// SPDX-License-Identifier: MIT
#include "group/cut.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::group {

Cut::Cut(const std::map<NodeId, LinkIn>& in, bool each) : each_(each) {
  for (const auto& [node, counted] : in) {
    Incoming incoming;
    incoming.connected = counted.connected;
    incoming.link.received = counted.received;
    incoming.life = counted.life;
    incoming.datagrams = counted.datagrams;
    links_.emplace(node, std::move(incoming));
  }
}

void Cut::received(NodeId from, std::string_view kind, const std::function<std::string()>& words) {
  Incoming& incoming = links_.at(from);
  incoming.connected = true;
  record::Link& link = incoming.link;
  if (link.marked) return;
  if (const auto known = link.messages.find(kind); known != link.messages.end()) {
    ++known->second;
  } else if (link.messages.size() < record::most_kinds) {
    link.messages.emplace(kind, 1);
  }
  if (each_ && link.each.size() < record::most_each)
    link.each.push_back(words().substr(0, record::longest_each));
}

// What came by the connection before it is on its way all the same, but is not of the count of this one.
void Cut::came(NodeId from, std::uint64_t lost) {
  Incoming& incoming = links_.at(from);
  incoming.connected = true;
  record::Link& link = incoming.link;
  if (link.marked) return;
  link.broke = link.broke || lost > 0;
  link.received = lost;
  link.earlier = 0;
  for (const auto& [kind, count] : link.messages) link.earlier += count;
}

void Cut::parted(NodeId from) {
  links_.at(from).connected = false;
}

bool Cut::marker(NodeId from, const wire::SnapshotMarker& marker) {
  Incoming& incoming = links_.at(from);
  record::Link& link = incoming.link;
  if (link.marked) return false;
  incoming.connected = true;
  link.marked = true;
  incoming.marked_life = marker.life;
  link.sent = marker.up ? marker.sent : 0;
  if (marker.first) {
    link.broke = link.broke || COORD_RULE_OR(group_marker_that_comes_first_breaks, marker.up, false);
    // Nothing stood at the sender's cut: all that came was from a connection before it.
    link.received = 0;
    link.earlier = 0;
    for (const auto& [kind, count] : link.messages) link.earlier += count;
  }
  for (const auto& [kind, count] : marker.datagrams) {
    if (link.datagrams_sent.size() < record::most_kinds && kind.size() <= wire::longest_kind)
      link.datagrams_sent.emplace(kind, count);
  }
  // Those of an earlier life of the sender were counted by that.
  if (COORD_RULE(group_datagrams_of_one_life, incoming.life == marker.life))
    link.datagrams_received = incoming.datagrams;
  return true;
}

bool Cut::is_settled(NodeId from) const {
  const Incoming& incoming = links_.at(from);
  return incoming.link.marked || !incoming.connected;
}

}  // namespace coord::group
