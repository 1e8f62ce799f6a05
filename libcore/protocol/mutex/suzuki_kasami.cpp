// SPDX-License-Identifier: MIT
#include "protocol/mutex/suzuki_kasami.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::mutex {

using suzuki_kasami::Privilege;
using suzuki_kasami::Request;

SuzukiKasami::SuzukiKasami(Membership members) : members_(std::move(members)) {
  check_members(members_);
  for (const NodeId site : members_.sites) requested_[site] = 0;
  if (members_.self == members_.sites.front()) token_ = Privilege{members_.epoch, 0, requested_, {}};
}

SuzukiKasami::Actions SuzukiKasami::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void SuzukiKasami::on(const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  phase_ = Phase::waiting;
  const std::uint64_t number = ++requested_[members_.self];
  if (token_) return enter(actions);
  for (const NodeId site : members_.sites)
    if (site != members_.self) actions.push_back(Send{site, Request{members_.epoch, number}});
}

void SuzukiKasami::on(const Release&, Actions& actions) {
  const bool was_inside = phase_ == Phase::inside;
  phase_ = Phase::idle;  // while waiting: the token will come, and be passed on
  if (was_inside) pass_on(actions);
}

void SuzukiKasami::on(const Receive& what, Actions& actions) {
  if (what.from == members_.self || !rank_of(members_, what.from)) return;
  std::visit(
      [&](const auto& message) {
        if (message.epoch == members_.epoch) receive(what.from, message, actions);
      },
      what.message);
}

void SuzukiKasami::receive(NodeId from, const Request& request, Actions& actions) {
  std::uint64_t& highest = requested_[from];
  highest = COORD_RULE_OR(sk_late_request_changes_nothing, std::max(highest, request.number), request.number);
  if (!token_ || !COORD_RULE(sk_token_stays_while_inside, phase_ != Phase::inside)) return;
  pass_on(actions);
}

void SuzukiKasami::receive(NodeId, const Privilege& token, Actions& actions) {
  if (token_) return;
  token_ = token;
  if (phase_ == Phase::waiting) return enter(actions);
  pass_on(actions);
}

void SuzukiKasami::enter(Actions& actions) {
  if (token_->entries >= CountedToken::most_counted) {
    phase_ = Phase::idle;
    actions.push_back(Refused{"all tokens of this epoch are used up"});
    return;
  }
  phase_ = Phase::inside;
  token_->entries += COORD_RULE_OR(sk_token_counts_entries, 1U, 0U);
  actions.push_back(Granted{CountedToken::of(members_.epoch, token_->entries)});
}

bool SuzukiKasami::is_outstanding(NodeId site) const {
  const auto served = token_->served.find(site);
  return served != token_->served.end() && requested_.at(site) > served->second;
}

// To the first who waits for it, in the order in which holders heard of the requests; else it stays here.
void SuzukiKasami::pass_on(Actions& actions) {
  // Else the others would take this site for one that waits, and pass the token where nobody wants in.
  token_->served[members_.self] = requested_[members_.self];
  auto& queue = token_->queue;
  for (const NodeId site : members_.sites) {
    if (site == members_.self || !is_outstanding(site)) continue;
    if (std::ranges::find(queue, site) == queue.end()) queue.push_back(site);
  }
  while (!queue.empty()) {
    const NodeId next = queue.front();
    queue.pop_front();
    if (next == members_.self || !rank_of(members_, next)) continue;
    actions.push_back(Send{next, *std::exchange(token_, std::nullopt)});
    return;
  }
}

std::set<NodeId> SuzukiKasami::missing() const {
  if (phase_ != Phase::waiting) return {};
  std::set<NodeId> others(members_.sites.begin(), members_.sites.end());
  others.erase(members_.self);
  return others;
}

}  // namespace coord::mutex
