// SPDX-License-Identifier: MIT
// What the taker of a snapshot gathers, and when it has enough.
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "group/group_snapshot.hpp"
#include "snapshot/record.hpp"
#include "wire/codec.hpp"

namespace coord::group {

void GroupSnapshot::on(const node::Moment& moment, const node::FromTool& event) {
  const auto wish = wire::decode<local::TakeGroupSnapshot>(event.bytes, {.version = local::part_version});
  Asked asked{event.connection, event.request, {}, moment.now};
  if (!wish) return answer(asked, local::SnapshotRefused{false, "the request cannot be read"});
  asked.wish = *wish;
  asked.until += std::clamp<Duration>(wish->patience, Duration::zero(), longest_patience);
  if (wish->each && event.who.uid != 0)
    return answer(asked, local::SnapshotRefused{true, "each message is for root only"});
  if (voters(moment).size() > 1 && moment.level < wire::channels_since)
    return answer(asked, local::SnapshotRefused{
                             false, fmt::format("the group is at level {}: see dpeers level", moment.level)});
  if (asked_.size() >= most_asked)
    return answer(asked, local::SnapshotRefused{false, "too many snapshots wait for their turn"});
  asked_.push_back(asked);
  begin_next(moment);
}

void GroupSnapshot::on(const node::Moment& moment, const node::ToolGone& event) {
  std::erase_if(asked_, [&](const Asked& asked) { return asked.connection == event.connection; });
  if (taking_ && taking_->asked.connection == event.connection) {
    taking_.reset();
    begin_next(moment);
  }
}

void GroupSnapshot::begin_next(const node::Moment& moment) {
  if (taking_ || asked_.empty()) return;
  std::vector<NodeId> peers = voters(moment);
  if (const auto why = why_not(moment, peers)) {
    answer(asked_.front(), local::SnapshotRefused{false, *why});
    asked_.pop_front();
    return begin_next(moment);
  }
  // Only just started, a peer alone takes some milliseconds until it leads.
  const bool begins = peers.size() == 1 && moment.service != nullptr &&
                      moment.service->replica().raft().role() != raft::Role::leader;
  begin_at_ = asked_.front().until;
  if (begins && moment.now < asked_.front().until) return;
  // What the service has said in this step goes out before the markers, and is not counted
  // yet: at once, then.
  begin_at_ = moment.now;
  if (COORD_RULE_OR(group_markers_behind_the_step, !moment.undisturbed, false)) return;
  if (moment.service != nullptr) life_ = moment.service->replica().life();
  Taking taking;
  taking.asked = asked_.front();
  asked_.pop_front();
  const Duration patience =
      std::clamp<Duration>(taking.asked.wish.patience, Duration::zero(), longest_patience);
  taking.id = {self_, life_, ++taken_, patience, taking.asked.wish.each, std::move(peers)};
  taking.at = moment.wall;
  taking.until = moment.now + patience;
  const Id id = taking.id;
  taking_ = std::move(taking);
  if (cut(moment, id) != nullptr) return;
  answer(taking_->asked, local::SnapshotRefused{false, "too many snapshots are being taken"});
  taking_.reset();
}

void GroupSnapshot::hear(const node::Moment&, NodeId from, wire::SnapshotOfPeer& report) {
  if (!taking_ || taking_->id != report.id || !is_of(report.id, from)) return;
  if (taking_->died.contains(from)) return;
  const auto [known, is_first] = taking_->peers.try_emplace(from);
  if (!is_first && COORD_RULE_OR(group_two_lives_have_no_record, known->second.life != report.life, false)) {
    // What its first life had sent and got, the second one does not know.
    taking_->peers.erase(known);
    taking_->died.insert(from);
    return;
  }
  if (is_first) known->second = {report.life, {report.up.begin(), report.up.end()}, std::move(report.line)};
}

void GroupSnapshot::hear(const node::Moment&, NodeId from, wire::SnapshotOfLink& report) {
  if (!taking_ || taking_->id != report.id) return;
  if (report.from == from || !is_of(report.id, from) || !is_of(report.id, report.from)) return;
  taking_->links[{report.from, from}] = {report.life, report.from_life, report.marked, report.broke,
                                         std::move(report.line)};
}

// Both ends have told: with its marker, or that nothing stood.
bool GroupSnapshot::is_link_there(NodeId from, NodeId to) const {
  const auto sender = taking_->peers.find(from), receiver = taking_->peers.find(to);
  const auto link = taking_->links.find({from, to});
  if (sender == taking_->peers.end() || receiver == taking_->peers.end() || link == taking_->links.end())
    return false;
  if (!COORD_RULE(group_link_is_of_its_receivers_life, link->second.life == receiver->second.life))
    return false;
  return link->second.marked
             ? COORD_RULE(group_marker_is_of_its_senders_life, link->second.from_life == sender->second.life)
             : COORD_RULE(group_unmarked_link_was_empty, !sender->second.up.contains(to));
}

bool GroupSnapshot::is_all_there() const {
  if (taking_->peers.size() + taking_->died.size() < taking_->id.peers.size()) return false;
  return std::ranges::all_of(taking_->peers, [&](const auto& from) {
    return std::ranges::all_of(taking_->peers, [&](const auto& to) {
      return from.first == to.first || is_link_there(from.first, to.first);
    });
  });
}

// All of the peers with which something stands, and the links between them.
bool GroupSnapshot::are_reachable_there() const {
  const auto is_near = [&](NodeId node) { return node == self_ || is_connected(node); };
  for (const NodeId node : taking_->id.peers) {
    if (is_near(node) && !taking_->peers.contains(node) && !taking_->died.contains(node)) return false;
  }
  return std::ranges::all_of(taking_->peers, [&](const auto& from) {
    return std::ranges::all_of(taking_->peers, [&](const auto& to) {
      return from.first == to.first || !is_near(from.first) || !is_near(to.first) ||
             is_link_there(from.first, to.first);
    });
  });
}

void GroupSnapshot::look_whether_over(const node::Moment& moment) {
  while (taking_) {
    if (are_reachable_there()) {
      if (!taking_->settled_since) taking_->settled_since = moment.now;
    } else {
      taking_->settled_since.reset();
    }
    const bool over = is_all_there() || moment.now >= taking_->until ||
                      (taking_->settled_since && moment.now >= *taking_->settled_since + unreachable_after);
    if (!over) return;
    finish();
    begin_next(moment);
  }
}

void GroupSnapshot::finish() {
  const Taking taking = std::move(*taking_);
  local::SnapshotTaken end;
  end.id = fmt::format("{}-{}-{}", name_of(self_), taking.id.life % 1'000'000, taking.id.number);
  end.at = taking.at;
  for (const NodeId node : taking.id.peers) end.members.push_back(name_of(node));
  std::ranges::sort(end.members);
  const auto missing = [&](const std::string& who, record::Why why) {
    end.missing.emplace_back(who, to_string(why));
  };
  for (const NodeId node : taking.id.peers) {
    if (taking.died.contains(node)) {
      missing(name_of(node), record::Why::died);
    } else if (!taking.peers.contains(node)) {
      missing(name_of(node), is_connected(node) ? record::Why::no_answer : record::Why::unreachable);
    }
  }
  for (const auto& [node, peer] : taking.peers) answer(taking.asked, local::SnapshotLine{peer.line});
  taking_ = taking;
  for (const auto& [from, sender] : taking.peers) {
    for (const auto& [to, receiver] : taking.peers) {
      if (from == to) continue;
      const std::string name = fmt::format("{} > {}", name_of(from), name_of(to));
      const auto link = taking.links.find({from, to});
      if (!is_link_there(from, to)) {
        missing(name, record::Why::no_answer);
      } else if (link->second.broke) {
        missing(name, record::Why::broke);
      }
      // A line of another life is of no use.
      if (link != taking.links.end() && is_link_there(from, to))
        answer(taking.asked, local::SnapshotLine{link->second.line});
    }
  }
  taking_.reset();
  answer(taking.asked, end);
}

void GroupSnapshot::answer(const Asked& asked, const local::GroupSnapshotAnswer& answer) {
  actions_.push_back(
      node::ToTool{asked.connection, asked.request, wire::encode(answer, local::part_version)});
}

}  // namespace coord::group
