// SPDX-License-Identifier: MIT
#include "agreements/group_log.hpp"

#include <algorithm>

#include "replica/replica.hpp"
#include "replica/replicated_service.hpp"

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
    return Known{*name, name_of(epoch.by), epoch.sites, true};
  }
  const std::string* name = machine_of(moment).of<service::Decisions>().name_by_sites(generation);
  if (name == nullptr) return std::nullopt;
  const service::Decision& decision = machine_of(moment).state().decisions.at(*name);
  const bool exchange = decision.algorithm == service::Agreement::exchange;
  return Known{*name, exchange ? "promise-exchange" : name_of(decision.algorithm), decision.sites, false};
}

std::optional<Token> ServiceLog::part_of(const node::Moment& moment, SessionId session, std::uint64_t request,
                                         std::uint32_t uid, const std::string& user) const {
  const auto& locks = machine_of(moment).of<service::Locks>();
  const auto& sessions = machine_of(moment).state().sessions;
  const auto owned = sessions.find(session);
  if (owned == sessions.end() || (uid != 0 && owned->second.owner.user != user)) return std::nullopt;
  const auto& all = locks.requests_of(session);
  const auto found = all.find(request);
  if (found == all.end()) return std::nullopt;
  const service::Request& hold = locks.requests().at(found->second);
  const service::Epoch* epoch = hold.held() && hold.part ? locks.epoch_of(hold.names.front()) : nullptr;
  return epoch == nullptr ? std::nullopt : std::optional(epoch->number);
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
  const replica::Replica* voter = moment.service->voter();
  if (voter == nullptr) return std::nullopt;
  return voter->raft().voters().voters;
}

}  // namespace coord::agreements
