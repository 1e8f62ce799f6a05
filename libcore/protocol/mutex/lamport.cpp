// SPDX-License-Identifier: MIT
#include "protocol/mutex/lamport.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::mutex {

Lamport::Lamport(Membership members)
    : members_(std::move(members)), clock_(StampedToken::clock_start(members_)) {
  check_members(members_);
}

Lamport::Actions Lamport::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void Lamport::on(const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  if (clock_ >= StampedToken::clock_limit(members_)) {
    actions.push_back(Refused{"all timestamps of this epoch are used up"});
    return;
  }
  phase_ = Phase::waiting;
  request_ = Stamp{++clock_, members_.self};
  queue_.insert(request_);
  tell_all(lamport::Request{members_.epoch, request_.time}, actions);
  enter_if_first(actions);
}

void Lamport::on(const Release&, Actions& actions) {
  if (phase_ == Phase::idle) return;
  phase_ = Phase::idle;
  queue_.erase(request_);
  tell_all(lamport::Leave{members_.epoch, ++clock_}, actions);
}

void Lamport::on(const Receive& what, Actions& actions) {
  if (what.from == members_.self || !rank_of(members_, what.from)) return;
  std::visit(
      [&](const auto& message) {
        if (message.epoch != members_.epoch || message.time > StampedToken::clock_limit(members_)) return;
        clock_ = COORD_RULE_OR(lamport_clock_exceeds_all_seen, std::max(clock_, message.time), clock_);
        std::uint64_t& heard = heard_[what.from];
        heard = std::max(heard, message.time);
        receive(what.from, message, actions);
        enter_if_first(actions);
      },
      what.message);
}

void Lamport::receive(NodeId from, const lamport::Request& request, Actions& actions) {
  std::erase_if(queue_, [from](const Stamp& stamp) { return stamp.site == from; });  // it has one at a time
  queue_.insert(Stamp{request.time, from});
  actions.push_back(Send{from, lamport::Acknowledge{members_.epoch, ++clock_}});
}

void Lamport::receive(NodeId, const lamport::Acknowledge&, Actions&) {}

// A site has one request at a time.
void Lamport::receive(NodeId from, const lamport::Leave&, Actions&) {
  std::erase_if(queue_, [from](const Stamp& stamp) { return stamp.site == from; });
}

void Lamport::tell_all(const Message& message, Actions& actions) const {
  for (const NodeId site : members_.sites)
    if (site != members_.self) actions.push_back(Send{site, message});
}

bool Lamport::has_later_from(NodeId site) const {
  const auto found = heard_.find(site);
  return found != heard_.end() && request_ < Stamp{found->second, site};
}

void Lamport::enter_if_first(Actions& actions) {
  if (phase_ != Phase::waiting) return;
  const Stamp first = *queue_.begin();
  const bool is_first = COORD_RULE_OR(lamport_tie_by_site, first == request_, first.time == request_.time);
  if (!COORD_RULE(lamport_first_in_queue, is_first)) return;
  const bool all_later = std::ranges::all_of(
      members_.sites, [&](NodeId site) { return site == members_.self || has_later_from(site); });
  if (!COORD_RULE(lamport_later_from_everyone, all_later)) return;
  phase_ = Phase::inside;
  actions.push_back(Granted{StampedToken::of(members_, request_)});
}

std::set<NodeId> Lamport::missing() const {
  std::set<NodeId> sites;
  if (phase_ != Phase::waiting) return sites;
  for (const NodeId site : members_.sites)
    if (site != members_.self && !has_later_from(site)) sites.insert(site);
  for (const Stamp& stamp : queue_) {
    if (stamp == request_) break;
    sites.insert(stamp.site);
  }
  return sites;
}

// Whoever was let in has been acknowledged by every site, with a later timestamp.
Token Lamport::floor() const {
  return Token{(clock_ + 1) * members_.sites.size()};
}

}  // namespace coord::mutex
