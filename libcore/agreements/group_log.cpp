// SPDX-License-Identifier: MIT
#include "agreements/group_log.hpp"

#include <algorithm>

#include "replica/forwarder.hpp"
#include "replica/replica.hpp"
#include "replica/replicated_service.hpp"
#include "service/locks/wait_graph.hpp"

namespace coord::agreements {

namespace {

const service::StateMachine& machine_of(const node::Moment& moment) {
  return moment.service->log().machine();
}

}  // namespace

const service::DecisionSite* Known::site(NodeId node) const {
  const auto found = std::ranges::find(sites, node, &service::DecisionSite::node);
  return found == sites.end() ? nullptr : &*found;
}

std::vector<NodeId> Known::nodes() const {
  std::vector<NodeId> nodes;
  for (const service::DecisionSite& each : sites) nodes.push_back(each.node);
  return nodes;
}

std::string Known::hosts() const {
  std::string hosts;
  for (const service::DecisionSite& each : sites) hosts += (hosts.empty() ? "" : ", ") + each.host;
  return hosts;
}

std::optional<Known> ServiceLog::find(const node::Moment& moment, Token generation) const {
  const auto& locks = machine_of(moment).of<service::Locks>();
  if (const std::string* name = locks.name_in(generation)) {
    const service::Epoch& epoch = *locks.epoch_of(*name);
    return Known{*name, name_of(epoch.by), epoch.sites, true, epoch.tokens};
  }
  const std::string* name = machine_of(moment).of<service::Decisions>().name_by_sites(generation);
  if (name == nullptr) return std::nullopt;
  const service::Decision& decision = machine_of(moment).state().decisions.at(*name);
  const bool exchange = decision.algorithm == service::Agreement::exchange;
  return Known{*name, exchange ? "promise-exchange" : name_of(decision.algorithm), decision.sites, false, 0};
}

std::optional<KnownDeal> ServiceLog::deal(const node::Moment& moment, Token generation) const {
  const std::string* name = machine_of(moment).of<service::Commits>().name_by_sites(generation);
  if (name == nullptr) return std::nullopt;
  const service::Transaction& of = machine_of(moment).state().transactions.at(*name);
  KnownDeal known{*name, of.protocol, of.bound, {}, 0};
  for (const auto& [id, each] : of.participants) {
    if (id == of.first) known.first = known.participants.size();
    known.participants.push_back({id, each.run, each.user, each.site});
  }
  return known;
}

bool ServiceLog::has_deal(const node::Moment& moment, Token generation) const {
  return machine_of(moment).of<service::Commits>().is_by_sites(generation);
}

std::vector<GroupLog::Wait> ServiceLog::waits(const node::Moment& moment) const {
  constexpr std::size_t most_holders = 64, most_waits = 4'096;
  const service::StateMachine& machine = machine_of(moment);
  std::vector<Wait> waits;
  for (const auto& [place, request] : machine.state().requests) {
    if (request.held() || request.joined || waits.size() >= most_waits) continue;
    Wait wait{request.session, place.value, request.names.front(), request.inside, {}};
    for (const service::WaitEdge& edge : service::edges_of(machine, place, most_holders)) {
      if (edge.over) continue;  // it opens by itself
      wait.name = edge.name;
      wait.blockers.push_back(edge.blocker);
    }
    waits.push_back(std::move(wait));
  }
  return waits;
}

std::optional<NodeId> ServiceLog::home_of(const node::Moment& moment, SessionId session) const {
  const auto& sessions = machine_of(moment).state().sessions;
  const auto found = sessions.find(session);
  return found == sessions.end() ? std::nullopt : std::optional(found->second.node);
}

WaitParty ServiceLog::party(const node::Moment& moment, SessionId session) const {
  const auto& sessions = machine_of(moment).state().sessions;
  const auto found = sessions.find(session);
  if (found == sessions.end()) return {};
  const service::Owner& owner = found->second.owner;
  return {owner.host, owner.pid, owner.user, owner.command};
}

PartOf ServiceLog::part_of(const node::Moment& moment, SessionId session, std::uint64_t request,
                           std::uint32_t uid, const std::string& user) const {
  using enum PartOf::Standing;
  const auto& locks = machine_of(moment).of<service::Locks>();
  const auto& sessions = machine_of(moment).state().sessions;
  const auto owned = sessions.find(session);
  if (owned == sessions.end()) return {not_yet, {}};
  if (uid != 0 && owned->second.owner.user != user) return {never, {}};
  const auto& all = locks.requests_of(session);
  const auto found = all.find(request);
  if (found == all.end()) return {never, {}};
  const service::Request& hold = locks.requests().at(found->second);
  if (!hold.part) return {never, {}};
  const service::Epoch* const epoch = hold.held() ? locks.epoch_of(hold.names.front()) : nullptr;
  return epoch == nullptr ? PartOf{not_yet, {}} : PartOf{takes_part, epoch->number};
}

SessionId ServiceLog::session_of(const node::Moment& moment, replica::ConnectionId tool) const {
  return moment.service->sessions().session_of(tool);
}

LogIndex ServiceLog::position(const node::Moment& moment) const {
  return machine_of(moment).state().applied;
}

std::vector<Token> ServiceLog::epochs_of(const node::Moment& moment, NodeId node, std::uint64_t life) const {
  std::vector<Token> epochs;
  for (const auto& [name, epoch] : machine_of(moment).of<service::Locks>().epochs()) {
    const bool is_site = std::ranges::any_of(epoch.sites, [&](const service::DecisionSite& site) {
      return site.node == node && site.life == life;
    });
    if (is_site) epochs.push_back(epoch.number);
  }
  return epochs;
}

bool ServiceLog::is_epoch(const node::Moment& moment, Token epoch) const {
  return machine_of(moment).of<service::Locks>().name_in(epoch) != nullptr;
}

bool ServiceLog::has_quorum(const node::Moment& moment) const {
  return moment.service->log().has_quorum();
}

std::string ServiceLog::group(const node::Moment& moment) const {
  return text_of(machine_of(moment).state().group);
}

bool ServiceLog::has_nothing(const node::Moment& moment) const {
  const replica::Replica* const voter = moment.service->voter();
  return voter != nullptr && voter->raft().role() == raft::Role::bootstrap;
}

bool ServiceLog::is_learning_anew(const node::Moment& moment) const {
  const replica::Replica* const voter = moment.service->voter();
  return voter != nullptr && voter->raft().recovering();
}

bool ServiceLog::takes_part(const node::Moment& moment, Token epoch, SessionId session) const {
  const auto& locks = machine_of(moment).of<service::Locks>();
  const std::string* name = locks.name_in(epoch);
  if (name == nullptr) return false;
  return std::ranges::any_of(locks.requests_of(session), [&](const auto& entry) {
    const service::Request& hold = locks.requests().at(entry.second);
    return hold.held() && hold.part && hold.names.front() == *name;
  });
}

bool ServiceLog::has_come_to(const node::Moment& moment, Token generation) const {
  return generation <= machine_of(moment).state().last_token;
}

Token ServiceLog::last_forgotten(const node::Moment& moment) const {
  return machine_of(moment).of<service::Decisions>().last_forgotten();
}

std::optional<std::vector<NodeId>> ServiceLog::voters(const node::Moment& moment) const {
  if (const replica::Replica* voter = moment.service->voter(); voter != nullptr)
    return voter->raft().voters().voters;
  const auto* follower = dynamic_cast<const replica::Forwarder*>(&moment.service->log());
  if (follower == nullptr) return std::nullopt;
  std::vector<NodeId> voters = follower->voters();
  std::ranges::sort(voters);
  return voters;
}

std::map<NodeId, std::string> ServiceLog::members(const node::Moment& moment) const {
  std::map<NodeId, std::string> members;
  for (const auto& [node, registration] : machine_of(moment).state().registrations) {
    if (!registration.name.empty()) members.emplace(node, registration.name);
  }
  return members;
}

LogIndex ServiceLog::members_at(const node::Moment& moment) const {
  return machine_of(moment).state().roster_at;
}

bool ServiceLog::has_place(const node::Moment& moment, NodeId node) const {
  const service::StateMachine& machine = machine_of(moment);
  return machine.level() < 2 || machine.state().registrations.contains(node);
}

}  // namespace coord::agreements
