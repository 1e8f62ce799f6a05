// SPDX-License-Identifier: MIT
// What tools of this host ask the part, and are told.
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

constexpr Duration gather_for = std::chrono::milliseconds(500);  // the sites that are there
constexpr Duration others_tell_in = std::chrono::milliseconds(1500);

}  // namespace

void AgreementsPart::tell(Tool tool, const ToTool& what) {
  out_.push_back(node::ToTool{tool.connection, tool.request, wire::encode(what, wire::channels_since)});
}

void AgreementsPart::on(const node::Moment&, const node::ToolGone& event) {
  const auto its = [&](const auto& of) { return of.connection == event.connection; };
  for (auto& [generation, site] : sites_) std::erase_if(site.waiting, its);
  for (auto& [generation, all] : asking_) {
    std::erase_if(all, [&](const Asking& asking) { return its(asking.tool); });
  }
  std::erase_if(asking_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(gathering_, [&](const Gathering& gathering) { return its(gathering.tool); });
}

void AgreementsPart::on(const node::Moment& moment, const node::FromTool& event) {
  const Tool tool{event.connection, event.request};
  auto said = wire::decode<FromTool>(event.bytes);
  if (!said) return tell(tool, CannotTell{CannotTell::Why::wrong, "it is no request that this peer knows"});
  std::visit([&](const auto& what) { asked(moment, tool, what); }, *said);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetSites&) {
  for (const NodeId node : voters_) {
    if (node != self_) hello(node, true);
  }
  gathering_.push_back({tool, moment.now + gather_for});
}

void AgreementsPart::tell_sites(Tool tool) {
  Sites sites;
  for (const NodeId node : voters_) {
    const auto peer = peers_.find(node);
    service::DecisionSite site{node, 0, 0, host_of(node)};
    if (node == self_) {
      site.disk = shelf_.disk;
      site.life = life_;
    } else if (peer != peers_.end()) {
      site.disk = peer->second.disk;
      site.life = peer->second.life;
    }
    sites.sites.push_back(std::move(site));
  }
  tell(tool, sites);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Propose& what) {
  CannotTell why;
  Site* const found = site(moment, what.generation, why);
  if (found == nullptr) return tell(tool, why);
  if (found->decided) return tell(tool, *found->decided);
  if (found->broken)
    return tell(tool, CannotTell{CannotTell::Why::store,
                                 "this host's disk cannot be written: propose on another host"});
  if (!found->wished) {
    auto actions = found->core->wish(moment.now, classical::Propose{what.value});
    if (!actions) return tell(tool, CannotTell{CannotTell::Why::wrong, actions.error().text()});
    found->wished = moment.now;
    found->depth_at_wish = found->depth;
    found->waiting.push_back(tool);
    return perform(moment, what.generation, *found, std::move(*actions));
  }
  found->waiting.push_back(tool);  // its value is one of a host that proposes already
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetDecided& what) {
  CannotTell why;
  const Site* const found = site(moment, what.generation, why);
  if (found == nullptr) return tell(tool, why);
  if (found->decided) return tell(tool, *found->decided);
  Asking asking{tool, {}, 1, found->known.sites.size() / 2 + 1, moment.now + others_tell_in};
  if (asking.majority <= 1) return tell(tool, Undecided{});
  for (const service::DecisionSite& other : found->known.sites) {
    if (other.node == self_) continue;
    asking.open.insert(other.node);
    offer(moment, other.node, AskDecided{what.generation});
  }
  asking_[what.generation].push_back(std::move(asking));
}

}  // namespace coord::agreements
