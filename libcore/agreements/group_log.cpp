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
  const std::string* name = machine_of(moment).of<service::Decisions>().name_by_sites(generation);
  if (name == nullptr) return std::nullopt;
  const service::Decision& decision = machine_of(moment).state().decisions.at(*name);
  if (decision.algorithm == service::Agreement::raft) return std::nullopt;
  return Known{*name, decision.algorithm, decision.sites};
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
