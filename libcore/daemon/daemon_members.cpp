// SPDX-License-Identifier: MIT
// Who is in the group: hosts that founded it, came later, or are heard of no more. That stands in the
// replicated state, and which links there may be goes by it. Any peer takes others in.
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/introducing.hpp"
#include "daemon/ring_hosts.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"

namespace coord::daemon {

namespace {

constexpr Duration look_at_members_every = std::chrono::milliseconds(500);
constexpr Duration told_within = std::chrono::seconds(2);  // that it is of the group no more

}  // namespace

// ---- who is in the group

std::string Daemon::group_id() const {
  if (!founding_.empty()) return founding_;
  // What was told when this host came: of a group that was founded anew the state has another one.
  if (!settings_.group.empty()) return settings_.group;
  const service::GroupId& group = node_->log().machine().state().group;
  if (group != service::GroupId{}) return service::text_of(group);
  // After a start nothing of the log is applied before somebody leads.
  if (role() == raft::Role::bootstrap) return {};
  return book_.group.empty() ? logged_group_ : book_.group;
}

std::vector<NodeId> Daemon::voters() const {
  if (settings_.is_gateway()) return {};
  if (const auto* voter = node_->voter()) return voter->raft().voters().voters;
  return dynamic_cast<const replica::Forwarder&>(node_->log()).voters();
}

// After each batch: what is applied says who may have links, and in which group.
void Daemon::look_at_roster() {
  if (!transport_) return;
  const LogIndex at = node_->log().machine().state().roster_at;
  const std::vector<NodeId> vote = voters();
  const bool by_book = goes_by_book();
  const bool is_same = at == roster_at_ && vote == voters_ && by_book == went_by_book_ && !has_departed() &&
                       !is_introduced_anew_;
  if (is_same && !told_group_.empty()) return;
  const std::string group = group_id();
  if (is_same && group == told_group_) return;
  roster_at_ = at;
  voters_ = vote;
  went_by_book_ = by_book;
  told_group_ = group;
  net::Roster roster;
  for (const auto& [id, node] : founding_roster_.all())
    if (node.founder && !has_another_disk(node)) (void)roster.admit(at_its_address(node));
  for (const auto& [id, node] : settings_.roster.all())
    if (!node.founder && (id == settings_.node || (node.voter && !node_->log().has_begun())))
      (void)roster.admit(at_its_address(node));
  add_members(roster);
  add_known(roster);
  add_introduced(roster);
  add_departing(roster);
  for (const auto& [id, node] : roster.all()) roster.set_voter(id, std::ranges::find(vote, id) != vote.end());
  transport_->update(roster, group, node_->log().machine().state().retired);
  settings_.roster = std::move(roster);
  write_addresses();
}

// A founder is out, and its name came again on another disk: by what is applied here, or was when this host
// wrote its book.
bool Daemon::has_another_disk(const net::Roster::Node& founder) const {
  if (founder.id == settings_.node || std::ranges::find(voters_, founder.id) != voters_.end()) return false;
  const auto is_other = [&](NodeId id, const std::string& name) {
    return id != founder.id && name == founder.name;
  };
  if (goes_by_book())
    return std::ranges::any_of(book_.known, [&](const auto& peer) { return is_other(peer.node, peer.name); });
  return std::ranges::any_of(node_->log().machine().state().registrations,
                             [&](const auto& each) { return is_other(each.first, each.second.name); });
}

// Of another host's name, number or address nobody is to hear who has one of its own here.
void Daemon::add_members(net::Roster& roster) const {
  for (const auto& [id, registration] : node_->log().machine().state().registrations) {
    if (registration.name.empty() || roster.find(id) != nullptr) continue;
    const net::Roster::Node* const told = as_told(id);
    const auto address =
        told != nullptr ? Result<net::Address>(told->address) : net::parse_address(registration.reached_at());
    if (!address || address->host.empty() || address->port == 0 || !is_peer_name(registration.name)) continue;
    (void)roster.admit({id, registration.name, *address, false, false});
  }
}

// Who is of the group no more is told so over the link that it has: that stays for a moment, unless another
// host has its name.
void Daemon::add_departing(net::Roster& roster) {
  const Instant now = process::boot_now();
  for (const auto& [id, node] : settings_.roster.all()) {
    if (roster.find(id) != nullptr) {
      departing_.erase(id);
      continue;
    }
    const auto until = departing_.try_emplace(id, now + told_within).first->second;
    if (now < until) (void)roster.admit({id, node.name, node.address, false, false});
  }
  std::erase_if(departing_, [&](const auto& each) { return roster.find(each.first) == nullptr; });
}

bool Daemon::has_departed() const {
  const Instant now = process::boot_now();
  return std::ranges::any_of(departing_, [now](const auto& each) { return now >= each.second; });
}

// ---- who is heard no more

bool Daemon::is_heard(NodeId node) const {
  const auto* members = membership();
  const auto view = members == nullptr ? std::nullopt : members->view(process::boot_now(), node);
  return view && membership::is_present(view->member.state);
}

// Each voter remembers whom it has heard, and the one that leads says so in the log: what it was told before
// it led counts, what an earlier life was told does not. Only what holds nothing can be forgotten.
void Daemon::look_at_members() {
  const Instant now = process::boot_now();
  voters_paused_.look(now, node_->log().machine().state().kept_voters);
  if (node_->voter() == nullptr || !transport_ || now < members_seen_ + look_at_members_every) return;
  members_seen_ = now;
  const service::StateMachine& machine = node_->log().machine();
  std::map<NodeId, Instant> heard;
  for (const auto& [id, registration] : machine.state().registrations) {
    const net::Roster::Node* const node = settings_.roster.find(id);
    if (node != nullptr && node->voter) continue;
    if (node_->voter()->raft().voters().has(id)) continue;
    const auto before = heard_.find(id);
    heard[id] = before == heard_.end() || is_heard(id) || seems_alive(id) ? now : before->second;
    if (role() != raft::Role::leader || now - heard[id] < settings_.options.forget_after) continue;
    // What is held there goes on, and copies of a ring's keys may be the last ones.
    if (!machine.may_forget(id) || !machine.sessions_of(id).empty() ||
        ring_of(machine.state(), id) != nullptr)
      continue;
    log_(net::LogLevel::info,
         fmt::format("host {}: nobody has heard of it for {} s: it is of the group no more",
                     registration.name.empty() ? name_of_node(id) : registration.name,
                     (now - heard[id]) / std::chrono::seconds(1)));
    push(replica::PutIntoLog{service::Forget{id, registration.client}});
  }
  heard_ = std::move(heard);
}

// It neither votes nor learns, and that is committed.
bool Daemon::is_out(NodeId node) const {
  if (node_->voter() != nullptr) return node_->voter()->raft().is_out(node);
  const std::vector<NodeId> vote = voters();
  return std::ranges::find(vote, node) == vote.end() && !learns(node);
}

bool Daemon::learns(NodeId node) const {
  return who_votes().learns(node);
}

// ---- another host asks

std::optional<wire::Introduction> Daemon::introduce(const wire::IntroductionQuestion& question,
                                                    const std::string& source) {
  if (ended_ || !node_) return std::nullopt;
  is_reminded(question, source);
  is_introduced(question);
  const replica::OrderedLog& log = node_->log();
  Introduced told = daemon::introduce(
      {settings_.name, log.life(), group_id(), log.has_begun(), log.has_quorum(), settings_.roster,
       log.machine(), founder_ids_, [this](NodeId id) { return is_out(id); },
       [this](NodeId id) { return seems_alive(id); }, [this](NodeId id) { return learns(id); }},
      question, source);
  if (told.admit) push(replica::PutIntoLog{std::move(*told.admit)});
  if (told.removes != NodeId{})
    push(replica::AskVoters{
        nobodys_order,
        {replica::VoterVerb::remove, told.removes, {}, fmt::format("{} (--rejoin)", question.name)}});
  return std::move(told.answer);
}

}  // namespace coord::daemon
