// SPDX-License-Identifier: MIT
#include "protocol/mutex/ricart_agrawala.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::mutex {

RicartAgrawala::RicartAgrawala(Config config)
    : config_(std::move(config)),
      clock_(config_.clock_start),
      clock_limit_(token_limit / std::max<std::size_t>(config_.sites.size(), 1) - 1) {
  COORD_CHECK(!config_.sites.empty() && config_.sites.size() <= sites_limit);
  COORD_CHECK(std::adjacent_find(config_.sites.begin(), config_.sites.end(), std::greater_equal<>()) ==
              config_.sites.end());
  COORD_CHECK(knows(config_.self));
}

RicartAgrawala::Actions RicartAgrawala::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void RicartAgrawala::on(Instant now, const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  if (clock_ >= clock_limit_) {
    actions.push_back(Refused{"all timestamps of this epoch are used up"});
    return;
  }
  phase_ = Phase::waiting;
  request_ = Stamp{++clock_, config_.self};
  missing_ = {config_.sites.begin(), config_.sites.end()};
  missing_.erase(config_.self);
  ask_missing(now, actions);
  enter_if_all_replied(actions);
}

void RicartAgrawala::on(Instant, const Release&, Actions& actions) {
  if (phase_ == Phase::idle) return;
  phase_ = Phase::idle;
  missing_.clear();
  resend_at_.reset();
  for (const auto& [site, time] : std::exchange(deferred_, {})) {
    actions.push_back(Send{site, Reply{config_.epoch, time}});
  }
}

void RicartAgrawala::on(Instant, const Receive& what, Actions& actions) {
  if (what.from == config_.self || !knows(what.from)) return;
  std::visit(
      [&](const auto& message) {
        if (message.epoch == config_.epoch && message.time <= clock_limit_)
          receive(what.from, message, actions);
      },
      what.message);
}

void RicartAgrawala::on(Instant now, const Tick&, Actions& actions) {
  if (resend_at_ && now >= *resend_at_) ask_missing(now, actions);
}

void RicartAgrawala::receive(NodeId from, const Request& request, Actions& actions) {
  clock_ = COORD_RULE_OR(ra_clock_exceeds_all_seen, std::max(clock_, request.time), clock_);
  if (defers(Stamp{request.time, from})) {
    std::uint64_t& time = deferred_[from];
    time = std::max(time, request.time);  // a late copy of an older request takes nothing away from this one
  } else {
    actions.push_back(Send{from, Reply{config_.epoch, request.time}});
  }
}

void RicartAgrawala::receive(NodeId from, const Reply& reply, Actions& actions) {
  if (phase_ != Phase::waiting) return;
  if (!COORD_RULE(ra_reply_names_its_request, reply.time == request_.time)) return;
  const auto answered = COORD_RULE_OR(ra_replies_are_a_set, missing_.find(from), missing_.begin());
  if (answered == missing_.end()) return;
  missing_.erase(answered);
  enter_if_all_replied(actions);
}

bool RicartAgrawala::defers(Stamp theirs) const {
  if (phase_ == Phase::inside) return COORD_RULE_OR(ra_defer_while_inside, true, false);
  if (phase_ == Phase::idle) return false;
  const Stamp ours =
      COORD_RULE_OR(ra_request_timestamp_not_live_clock, request_, (Stamp{clock_ + 1, config_.self}));
  return COORD_RULE_OR(ra_tie_by_site, ours < theirs, ours.time < theirs.time);
}

void RicartAgrawala::ask_missing(Instant now, Actions& actions) {
  for (const NodeId site : missing_) actions.push_back(Send{site, Request{config_.epoch, request_.time}});
  if (config_.resend > Duration{}) resend_at_ = now + config_.resend;
}

void RicartAgrawala::enter_if_all_replied(Actions& actions) {
  if (!missing_.empty()) return;
  phase_ = Phase::inside;
  resend_at_.reset();
  actions.push_back(Granted{token()});
}

std::optional<Instant> RicartAgrawala::deadline() const {
  return resend_at_;
}

std::optional<Stamp> RicartAgrawala::request() const {
  if (phase_ == Phase::idle) return std::nullopt;
  return request_;
}

// (timestamp, site) as one number: sites count by their place in the sorted list,
// which is the order of the ties.
Token RicartAgrawala::token() const {
  COORD_CHECK(phase_ == Phase::inside);
  const auto place = std::lower_bound(config_.sites.begin(), config_.sites.end(), config_.self);
  const auto rank = static_cast<std::uint64_t>(place - config_.sites.begin());
  return Token{request_.time * config_.sites.size() + rank};
}

// Whoever was let in has been answered by every site, so each of them has seen its timestamp.
Token RicartAgrawala::floor() const {
  return Token{(clock_ + 1) * config_.sites.size()};
}

bool RicartAgrawala::knows(NodeId site) const {
  return std::binary_search(config_.sites.begin(), config_.sites.end(), site);
}

}  // namespace coord::mutex
