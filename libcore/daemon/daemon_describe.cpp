// SPDX-License-Identifier: MIT
// What this peer tells of itself and of the others (dpeers).
#include <algorithm>
#include <map>
#include <utility>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/gone_founders.hpp"
#include "daemon/reach.hpp"
#include "daemon/wall_now.hpp"
#include "net/steady_now.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"

namespace coord::daemon {

namespace {

std::vector<std::pair<std::string, std::uint64_t>> counts_of(
    const std::map<std::string, std::uint64_t>& counts) {
  return {counts.begin(), counts.end()};
}

}  // namespace

void Daemon::add_datagrams(local::PeerRecord& self) const {
  if (!transport_) return;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t refused = transport_->foreign_datagrams();
  std::uint64_t not_sent = 0;
  std::uint64_t unanswered = 0;
  for (const net::PeerStatus& status : transport_->status()) {
    sent += status.datagrams.sent;
    received += status.datagrams.received;
    refused += status.datagrams.refused;
    not_sent += status.datagrams_dropped;
    unanswered += status.datagrams.unanswered;
  }
  for (const auto& [what, count] : {std::pair{"datagram", sent}, std::pair{"datagram not sent", not_sent},
                                    std::pair{"datagram challenge without an answer", unanswered}})
    if (count > 0) self.sent.emplace_back(what, count);
  for (const auto& [what, count] : {std::pair{"datagram", received}, std::pair{"datagram refused", refused}})
    if (count > 0) self.received.emplace_back(what, count);
}

std::string Daemon::disk_of(NodeId node) const {
  if (node_->voter() == nullptr) return "";
  const auto disks = node_->replica().raft().disks();
  const auto found = disks.find(node);
  switch (found == disks.end() ? raft::DiskState::unknown : found->second) {
    case raft::DiskState::ready:
      return "ready";
    case raft::DiskState::full:
      return "full";
    case raft::DiskState::stalled:
      return "stalled";
    case raft::DiskState::unknown:
      break;
  }
  return "";
}

const members::MembersPart* Daemon::membership() const {
  return dynamic_cast<const members::MembersPart*>(node_->part(wire::Channel::membership));
}

// The worse of what the connections say and what the members tell each other.
bool Daemon::add_membership(local::PeerRecord& record, NodeId node) const {
  const Instant now = process::boot_now();
  const auto* members = membership();
  const auto view = members == nullptr ? std::nullopt : members->view(now, node);
  if (!view) return false;
  record.member = membership::name_of(view->member.state);
  record.incarnation = view->member.incarnation.value;
  if (view->offset) {
    record.offset = view->offset->offset;
    record.offset_bound = view->offset->bound;
  }
  record.rate_ppm = view->rate_ppm;
  if (view->phi) record.phi_thousandths = static_cast<std::uint64_t>(std::min(*view->phi, 1e12) * 1000);
  const std::string by_links = record.state;
  record.state = worse_state(by_links, record.member);
  const WallTime changed{wall_now().unix_ns - (now - view->member.since).count()};
  if (record.state != by_links) record.since = changed;
  if (by_links == record.member) record.since = std::max(record.since, changed);
  return true;
}

void Daemon::describe_vote(local::PeerRecord& record) const {
  const raft::Raft& raft = node_->replica().raft();
  switch (raft.role()) {
    case raft::Role::leader:
      record.role = "leader";
      break;
    case raft::Role::candidate:
    case raft::Role::pre_candidate:
      record.role = "candidate";
      break;
    case raft::Role::bootstrap:
      record.role = "member";
      break;
    default:
      record.role = "follower";
  }
  const bool recovering = raft.recovering() || raft.role() == raft::Role::bootstrap;
  record.state = recovering ? "recovering" : "alive";
  record.voter = !recovering;
  if (!recovering) add_vote(record, settings_.node);
  record.term = raft.term().value;
  record.commit_index = raft.commit_index().value;
}

// One that has lost its state says so to who leads.
bool Daemon::is_recovering(NodeId node) const {
  const replica::Replica* const voter = node_->voter();
  if (voter == nullptr || voter->raft().role() != raft::Role::leader) return false;
  const auto found = voter->raft().progress().find(node);
  return found != voter->raft().progress().end() && found->second.recovering;
}

// By what it has registered with.
std::string Daemon::zone_of(NodeId node) const {
  const auto& registrations = node_->log().machine().state().registrations;
  const auto found = registrations.find(node);
  return found == registrations.end() ? std::string() : found->second.zone.substr(0, 64);
}

local::PeerRecord Daemon::describe_self() const {
  const service::StateMachine& machine = node_->log().machine();
  local::PeerRecord record;
  record.name = settings_.name;
  record.address = settings_.alone() ? "-" : settings_.roster.find(settings_.node)->address.text();
  record.local = true;
  record.zone = settings_.alone() ? std::string() : settings_.options.zone;
  if (node_->voter() != nullptr) {
    describe_vote(record);
  } else {
    const replica::OrderedLog& log = node_->log();
    record.role = "member";
    record.state = log.has_begun() ? "alive" : "recovering";
    record.voter = false;
    if (const auto* member = dynamic_cast<const replica::Forwarder*>(&log))
      record.term = member->term().value;
    record.commit_index = log.applied().value;
  }

  record.uptime = process::boot_now() - started_at_;
  record.sessions = machine.state().sessions.size();
  record.locks = machine.of<service::Locks>().table().all().size();
  record.version = COORD_VERSION;
  record.since = started_;
  record.disk = disk_of(settings_.node);
  record.sent = counts_of(traffic_.sent);
  record.received = counts_of(traffic_.received);
  add_datagrams(record);
  for (const auto& [what, count] :
       {std::pair{"of a part before level 2, not sent", node_->counts().too_early},
        std::pair{"of a part and too large, not sent", node_->counts().too_large}})
    if (count > 0) record.sent.emplace_back(what, count);
  record.level = machine.level();
  record.knows = newest_level;
  if (!settings_.alone() && record.level >= wire::stamps_since) record.stamp = clock_.last().bits;
  if (const auto* members = membership(); members != nullptr && members->runs()) {
    record.incarnation = members->incarnation().value;
    record.awareness = members->awareness();
  }
  return record;
}

local::Peers Daemon::describe() const {
  local::Peers answer;
  answer.as_of = wall_now();
  answer.not_begun = node_->service().not_begun();
  answer.peers.push_back(describe_self());
  answer.level = describe_level();
  if (settings_.is_gateway()) describe_gateways(answer);
  if (!transport_) return answer;
  if (!transport_->no_datagrams().empty())
    answer.troubles.emplace_back(settings_.name, fmt::format("datagrams: {}", transport_->no_datagrams()));
  if (role() == raft::Role::bootstrap && !lost_state_.empty())
    answer.troubles.emplace_back(settings_.name, fmt::format("state: {}", lost_state_.substr(0, 1000)));
  const NodeId leader = node_->log().leader();
  for (const net::PeerStatus& status : transport_->status()) {
    local::PeerRecord record;
    record.name = status.name;
    record.address = status.address.text();
    const net::Roster::Node* const node = settings_.roster.find(status.name);
    if (node == nullptr || departing_.contains(node->id)) continue;
    const bool may_be_gone = node->founder && !node->voter && node_->log().has_begun();
    if (may_be_gone && is_gone_for_good(node_->service(), node->id)) continue;
    record.voter = node->voter;
    record.role = node->id == leader ? "leader" : node->voter ? "follower" : "member";
    record.state = state_of(status);
    record.zone = zone_of(node->id);
    add_vote(record, settings_.roster.id_of(status.name));
    if (const auto offset = clock_offset_.find(status.name); offset != clock_offset_.end() && status.link.up)
      answer.troubles.emplace_back(
          status.name, fmt::format("clock: {}", static_cast<double>(offset->second.count()) / 1e9));
    if (!status.offered_key.empty() && !status.incoming)
      answer.troubles.emplace_back(status.name,
                                   fmt::format("key: {} is offered in its name, and refused: ours is {}",
                                               status.offered_key, transport_->own_key_id()));
    if (!status.other_list.empty())
      answer.troubles.emplace_back(status.name, fmt::format("list: {}", status.other_list.substr(0, 900)));
    add_troubles(status, net::steady_now(), COORD_VERSION, answer.troubles);
    record.rtt = status.link.up ? status.link.rtt : std::nullopt;
    if (!status.link.software.empty()) record.version = status.link.software;
    record.level = status.link.level;
    record.knows = status.link.knows;
    if (const auto count = traffic_.unreadable.find(status.name); count != traffic_.unreadable.end())
      record.unreadable = count->second;
    if (const auto differs = timing_.find(status.name); differs != timing_.end())
      record.timing = differs->second;
    const auto since = since_.find(status.name);
    record.since = since == since_.end() ? started_ : since->second;
    if (const auto stamp = stamps_.find(status.name); stamp != stamps_.end()) record.stamp = stamp->second;
    record.disk = disk_of(settings_.roster.id_of(status.name));
    if (!node->voter) record.state = "alive";  // a link that is made on demand says nothing
    const bool is_watched = add_membership(record, node->id);
    if (!node->voter && !is_watched && !status.incoming) record.state = "dead";
    if (record.state == "alive" && is_recovering(node->id)) record.state = "recovering";
    answer.peers.push_back(std::move(record));
  }
  std::sort(answer.peers.begin(), answer.peers.end(),
            [](const local::PeerRecord& a, const local::PeerRecord& b) { return a.name < b.name; });
  return answer;
}

}  // namespace coord::daemon
