// SPDX-License-Identifier: MIT
#include "group/group_snapshot.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"
#include "group/describe.hpp"
#include "snapshot/record.hpp"
#include "wire/codec.hpp"

namespace coord::group {
namespace {

constexpr std::size_t most_remembered = 1024;
// A node goes on for so long after the taker's patience.
constexpr Duration grace = std::chrono::seconds(1);
// With the log's terms and the members a line stays below wire::longest_record_line.
constexpr std::size_t most_state_bytes = std::size_t{512} << 10U;

void add(record::Kinds& kinds, std::string_view kind) {
  if (const auto known = kinds.find(kind); known != kinds.end()) {
    ++known->second;
  } else if (kinds.size() < record::most_kinds) {
    kinds.emplace(kind, 1);
  }
}

std::vector<NodeId> sorted(std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  return nodes;
}

Bytes bytes_of(const std::string& text) {
  return Bytes(text.begin(), text.end());
}

}  // namespace

GroupSnapshot::GroupSnapshot(const node::Setting& setting)
    : self_(setting.self), founders_(sorted(setting.founders)), names_(setting.names) {}

node::PartActions GroupSnapshot::step(const node::Moment& moment, const node::Event& event) {
  level_ = moment.level;
  // What comes to a taker after its time is of no use: the others may have forgotten the snapshot, and no
  // more colour their datagrams.
  if (COORD_RULE_OR(group_time_is_over_before_what_comes, true, false)) look_whether_over(moment);
  std::visit([&](const auto& concrete) { on(moment, concrete); }, event);
  look_whether_over(moment);
  return std::exchange(actions_, {});
}

// A peer alone may not have begun when it was asked.
node::PartActions GroupSnapshot::settle(const node::Moment& moment) {
  level_ = moment.level;
  if (taking_ || asked_.empty()) return {};
  begin_next(moment);
  look_whether_over(moment);
  return std::exchange(actions_, {});
}

std::optional<Instant> GroupSnapshot::deadline() const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [id, running] : cuts_) consider(running.until);
  if (!taking_ && !asked_.empty()) consider(begin_at_);
  if (taking_) {
    consider(taking_->until);
    if (taking_->settled_since) consider(*taking_->settled_since + unreachable_after);
  }
  return next;
}

// ---- what passes over the links

void GroupSnapshot::sent(NodeId to, node::Way way, std::string_view kind, bool taken) {
  if (!is_link(to) || !taken) return;
  LinkOut& out = out_[to];
  if (way == node::Way::datagram) return add(out.datagrams, kind);
  out.up = true;
  ++out.sent;
}

void GroupSnapshot::received(NodeId from, node::Way way, std::string_view kind, const Words& words) {
  if (!is_link(from)) return;
  LinkIn& in = in_[from];
  if (way == node::Way::datagram) return add(in.datagrams, kind);
  in.connected = true;
  ++in.received;
  for (auto& [id, running] : cuts_) {
    if (running.cut.knows(from)) running.cut.received(from, kind, words);
  }
}

void GroupSnapshot::came(NodeId from, std::uint64_t lost) {
  if (!is_link(from)) return;
  LinkIn& in = in_[from];
  in.connected = true;
  in.received = lost;
  for (auto& [id, running] : cuts_) {
    if (running.cut.knows(from)) running.cut.came(from, lost);
  }
}

void GroupSnapshot::connected(NodeId to) {
  if (!is_link(to)) return;
  LinkOut& out = out_[to];
  out.up = true;
  out.sent = 0;
  for (auto& [id, running] : cuts_) {
    if (running.cut.knows(to)) ++running.connections[to];
  }
}

void GroupSnapshot::waited(NodeId to, std::uint64_t count) {
  if (const auto out = out_.find(to); out != out_.end()) out->second.sent += count;
}

void GroupSnapshot::disconnected(NodeId to) {
  if (const auto out = out_.find(to); out != out_.end()) out->second.up = false;
}

// To whoever has not its own cut yet, as far as this node knows.
std::vector<Bytes> GroupSnapshot::first_on(NodeId to) const {
  std::vector<Bytes> messages;
  for (const auto& [id, running] : cuts_) {
    if (!running.cut.knows(to)) continue;
    if (COORD_RULE_OR(group_connection_begins_with_the_marker, true, false))
      messages.push_back(wire::encode(wire::GroupSnapshotMessage(marker(id, running, to, true)), level_));
  }
  return messages;
}

Bytes GroupSnapshot::colour(NodeId to) const {
  wire::SnapshotColour colour;
  for (const auto& [id, running] : cuts_) {
    if (!running.cut.knows(to)) continue;
    if (COORD_RULE_OR(group_datagrams_carry_the_colour, !has_its_cut(running, to), false))
      colour.push_back(id);
  }
  if (colour.empty()) return {};
  // Its level first, for a datagram is told apart from its frame.
  Bytes bytes{static_cast<std::uint8_t>(level_)};
  const Bytes ids = wire::encode(colour, level_);
  bytes.insert(bytes.end(), ids.begin(), ids.end());
  return bytes;
}

node::PartActions GroupSnapshot::coloured(const node::Moment& moment, NodeId from, ByteView bytes) {
  level_ = moment.level;
  if (bytes.empty() || bytes.front() > newest_level) return {};
  const auto colour = wire::decode<wire::SnapshotColour>(bytes.subspan(1), {.version = bytes.front()});
  if (colour && is_link(from) && colour->size() <= wire::most_group_snapshots) {
    for (const Id& id : *colour) {
      if (COORD_RULE(group_colour_is_of_whom_it_names, is_of(id, from))) cut(moment, id);
    }
  }
  look_whether_over(moment);
  return std::exchange(actions_, {});
}

// ---- the cut

// One node has one cut for one snapshot. Markers may come late, and those of a taker's earlier life after
// those of the next.
bool GroupSnapshot::is_over(const Id& id) const {
  return COORD_RULE_OR(group_one_cut_a_snapshot, std::ranges::find(had_, id) != had_.end(), false);
}

GroupSnapshot::Running* GroupSnapshot::find(const Id& id) {
  const auto found = cuts_.find(id);
  return found == cuts_.end() ? nullptr : &found->second;
}

// Takes part in it from now on. Nothing: it is over here, is not of this node, or there are too many.
//
// One that it cannot take part in yet, it never does: what has come from behind the others' cuts since, and
// may have taught it to, would be before its own.
GroupSnapshot::Running* GroupSnapshot::cut(const node::Moment& moment, const Id& id) {
  if (Running* const running = find(id)) return running;
  if (is_over(id) || !names_this_peer(id)) return nullptr;
  const bool can = can_take_part(moment, id);
  // Also where there is no room: a cut that is made up for later would be behind what has come meanwhile.
  if (COORD_RULE_OR(group_cut_is_not_made_up_for, true, can)) had_.push_back(id);
  if (had_.size() > most_remembered) had_.pop_front();
  if (!can) return nullptr;
  if (cuts_.size() >= wire::most_group_snapshots) forget_finished();
  if (cuts_.size() >= wire::most_group_snapshots) return nullptr;
  if (moment.service != nullptr) life_ = moment.service->replica().life();
  const Duration patience = std::clamp<Duration>(id.patience, Duration::zero(), longest_patience);
  // Between those that it is of, whoever votes by the log of this node.
  std::map<NodeId, LinkIn> in;
  std::map<NodeId, LinkOut> out;
  for (const NodeId node :
       COORD_RULE_OR(group_snapshot_is_of_whom_its_taker_says, id.peers, voters(moment))) {
    if (node == self_) continue;
    const auto from = in_.find(node);
    in.emplace(node, from == in_.end() ? LinkIn{} : from->second);
    const auto to = out_.find(node);
    out.emplace(node, to == out_.end() ? LinkOut{} : to->second);
  }
  Running& running =
      cuts_.emplace(id, Running{Cut(in, id.each), moment.now + patience + grace, std::move(out), {}, {}})
          .first->second;
  // The markers come first of all that is sent behind the cut.
  for (const auto& [other, link] : running.out)
    actions_.push_back(
        node::Send{other, node::Way::stream,
                   wire::encode(wire::GroupSnapshotMessage(marker(id, running, other, false)), level_)});
  report_peer(moment, id, running);
  report_settled(moment, id, running);
  return &running;
}

// As that node's marker says. One that has restarted since has forgotten its cut.
bool GroupSnapshot::has_its_cut(const Running& running, NodeId node) const {
  const auto in = in_.find(node);
  return in != in_.end() && running.cut.knows(node) && running.cut.is_marked(node) &&
         COORD_RULE(group_restart_forgets_the_cut, running.cut.life_of(node) == in->second.life);
}

// All have their cut, and nothing more is awaited: they are kept only for nodes that restart meanwhile.
void GroupSnapshot::forget_finished() {
  std::erase_if(cuts_, [&](const auto& entry) {
    return std::ranges::all_of(entry.second.out,
                               [&](const auto& out) { return has_its_cut(entry.second, out.first); });
  });
}

wire::SnapshotMarker GroupSnapshot::marker(const Id& id, const Running& running, NodeId to,
                                           bool first) const {
  wire::SnapshotMarker marker{id, first, false, life_, 0, {}};
  if (const auto out = running.out.find(to); out != running.out.end()) {
    marker.up = out->second.up;
    marker.sent = out->second.sent;
    marker.datagrams = {out->second.datagrams.begin(), out->second.datagrams.end()};
  }
  // On one before it, what is behind the cut has reached that node perhaps, in a life that nobody has heard
  // of: this one may begin with what that one had stored. Its link is not whole.
  const auto begun = running.connections.find(to);
  if (first && !marker.up && begun != running.connections.end() && begun->second > 1) {
    marker.up = COORD_RULE_OR(group_second_connection_breaks, true, false);
    marker.sent = 0;
  }
  return marker;
}

void GroupSnapshot::report_peer(const node::Moment& moment, const Id& id, const Running& running) {
  wire::SnapshotOfPeer report{id, life_, {}, {}};
  record::Peer peer;
  if (moment.service != nullptr) {
    peer = describe(*moment.service, moment, most_state_bytes);
    const NodeId leader = moment.service->replica().raft().leader();
    if (leader != NodeId{}) peer.leader = name_of(leader);
  }
  peer.name = name_of(self_);
  peer.node = std::to_string(self_.value);
  for (const auto& [node, out] : running.out) {
    peer.members.emplace_back(name_of(node), is_connected(node) ? "connected" : "parted");
    if (!out.up) continue;
    report.up.push_back(node);
    peer.links[name_of(node)] = out.sent;
  }
  report.line = bytes_of(record::line_of(peer));
  tell_taker(moment, id, std::move(report));
}

void GroupSnapshot::report_link(const node::Moment& moment, const Id& id, const Running& running,
                                NodeId from) {
  record::Link link = running.cut.link(from);
  link.from = name_of(from);
  link.to = name_of(self_);
  // As many of the messages as there is room for.
  while (link.each.size() > 0 && record::line_of(link).size() > wire::longest_record_line)
    link.each.resize(link.each.size() / 2);
  tell_taker(moment, id,
             wire::SnapshotOfLink{id, from, life_, running.cut.life_of(from), link.marked, link.broke,
                                  bytes_of(record::line_of(link))});
}

// Links on which nothing stands: what becomes of them is told when it does.
void GroupSnapshot::report_settled(const node::Moment& moment, const Id& id, Running& running) {
  for (const auto& [node, out] : running.out) {
    if (running.cut.is_marked(node) || !running.cut.is_settled(node)) continue;
    if (running.reported.insert(node).second) report_link(moment, id, running, node);
  }
}

void GroupSnapshot::tell_taker(const node::Moment& moment, const Id& id, wire::GroupSnapshotMessage message) {
  if (id.taker != self_) {
    actions_.push_back(node::Send{id.taker, node::Way::stream, wire::encode(message, level_)});
  } else if (auto* peer = std::get_if<wire::SnapshotOfPeer>(&message)) {
    hear(moment, self_, *peer);
  } else if (auto* link = std::get_if<wire::SnapshotOfLink>(&message)) {
    hear(moment, self_, *link);
  }
}

// ---- events

void GroupSnapshot::on(const node::Moment& moment, const node::FromPeer& event) {
  auto message = wire::decode<wire::GroupSnapshotMessage>(event.bytes, {.version = event.level});
  if (!message) {
    actions_.push_back(node::Unreadable{message.error().what});
    return;
  }
  if (!is_link(event.from)) return;
  std::visit([&](auto& concrete) { hear(moment, event.from, concrete); }, *message);
}

void GroupSnapshot::hear(const node::Moment& moment, NodeId from, const wire::SnapshotMarker& marker) {
  if (!is_of(marker.id, from)) return;
  Running* const running = cut(moment, marker.id);
  if (running == nullptr || !running->cut.knows(from)) return;
  if (running->cut.marker(from, marker)) report_link(moment, marker.id, *running, from);
}

void GroupSnapshot::on(const node::Moment& moment, const node::Greeted& event) {
  if (!is_link(event.from)) return;
  forget_strangers(moment);
  LinkIn& in = in_[event.from];
  in.connected = true;
  if (in.life == event.life) return;
  in.life = event.life;
  in.datagrams.clear();
}

void GroupSnapshot::on(const node::Moment& moment, const node::Parted& event) {
  const auto in = in_.find(event.from);
  if (in == in_.end()) return;
  in->second.connected = false;
  in->second.received = 0;
  for (auto& [id, running] : cuts_) {
    if (!running.cut.knows(event.from)) continue;
    running.cut.parted(event.from);
    report_settled(moment, id, running);
  }
}

void GroupSnapshot::on(const node::Moment& moment, const node::Tick&) {
  std::erase_if(cuts_, [&](const auto& entry) { return moment.now >= entry.second.until; });
}

}  // namespace coord::group
