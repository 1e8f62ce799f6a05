// SPDX-License-Identifier: MIT
#include "protocol/mutex/token_ring.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::mutex {

using token_ring::Ask;
using token_ring::Census;
using token_ring::Generation;
using token_ring::Pass;

TokenRing::TokenRing(Config config) : config_(std::move(config)) {
  check_members(config_.members);
  const Membership& members = config_.members;
  if (members.self == members.sites.front()) token_ = Pass{members.epoch, {}, 0, 0, 0};
  due_ = Instant{};  // the first tick says what time it is
}

TokenRing::Actions TokenRing::step(Instant now, const Event& event) {
  Actions actions;
  if (!std::exchange(started_, true)) {
    if (token_) {
      due_ = now + config_.rest;
    } else {
      expect_token(now);
    }
  }
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void TokenRing::on(Instant now, const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  phase_ = Phase::waiting;
  if (token_) return enter(now, actions);
  if (const auto site = sleeper()) actions.push_back(Send{*site, Ask{config_.members.epoch}});
}

// Where the token sleeps, if it does not come here before. It may have been asked for since it was here: then
// it comes round anyway.
std::optional<NodeId> TokenRing::sleeper() const {
  const auto& sites = config_.members.sites;
  const std::uint64_t hops = 1 + two_rounds() - idle_passed_;
  if (idle_passed_ == 0 || hops >= sites.size()) return std::nullopt;
  return sites[(rank_of(config_.members, config_.members.self).value_or(0) + hops) % sites.size()];
}

void TokenRing::on(Instant now, const Release&, Actions& actions) {
  const bool was_inside = phase_ == Phase::inside;
  phase_ = Phase::idle;
  if (was_inside) pass_on(now, actions);
}

void TokenRing::on(Instant now, const Receive& what, Actions& actions) {
  if (!rank_of(config_.members, what.from)) return;
  std::visit(
      [&](const auto& message) {
        if (message.epoch != config_.members.epoch) return;
        if constexpr (requires { message.entries; }) {
          if (message.entries > CountedToken::most_counted) return;
        }
        receive(now, message, actions);
      },
      what.message);
}

void TokenRing::on(Instant now, const Tick&, Actions& actions) {
  if (!due_ || now < *due_) return;
  if (token_) return pass_on(now, actions);
  // Sites do not all give up at once: those before in the list are quicker.
  const Census census{config_.members.epoch, Generation{promised_.number + 1, config_.members.self},
                      entries_seen_};
  promised_ = census.generation;
  hops_seen_ = 0;
  expect_token(now);
  actions.push_back(Send{next(), census});
}

void TokenRing::receive(Instant now, const Pass& pass, Actions& actions) {
  if (!COORD_RULE(ring_old_generations_are_void, pass.generation >= promised_)) return;
  const bool is_copy = pass.generation == promised_ && pass.hops <= hops_seen_;
  if (!COORD_RULE(ring_token_is_taken_once, !is_copy)) return;
  if (token_ && token_->generation >= pass.generation) return;
  take(now, pass, actions);
}

void TokenRing::take(Instant now, Pass token, Actions& actions) {
  promised_ = std::max(promised_, token.generation);
  hops_seen_ = token.hops;
  entries_seen_ = std::max(entries_seen_, token.entries);
  token_ = std::move(token);
  if (std::exchange(asked_, false)) token_->idle = 0;
  due_.reset();
  if (token_->idle < two_rounds()) due_ = now + config_.rest;
  if (phase_ == Phase::waiting) enter(now, actions);
}

void TokenRing::receive(Instant now, const Census& census, Actions& actions) {
  if (COORD_RULE_OR(ring_holder_swallows_census, token_.has_value(), false))
    return adopt(now, census.generation);
  const bool is_back = census.generation.maker == config_.members.self;
  if (is_back) {
    if (census.generation != promised_ || hops_seen_ > 0)
      return;  // overtaken by a higher one, or a second copy
    const std::uint64_t entries =
        COORD_RULE_OR(ring_census_counts_entries, std::max(census.entries, entries_seen_), std::uint64_t{0});
    return take(now, Pass{config_.members.epoch, census.generation, 1, entries, 0}, actions);
  }
  if (census.generation <= promised_) return;
  promised_ = COORD_RULE_OR(ring_census_is_a_promise, census.generation, promised_);
  hops_seen_ = 0;
  expect_token(now);
  actions.push_back(
      Send{next(), Census{census.epoch, census.generation, std::max(census.entries, entries_seen_)}});
}

// The census goes no farther, so no token of its generation is made but this one: it stays valid where sites
// have promised already. Whoever sent it may have asked, and that have been lost.
void TokenRing::adopt(Instant now, const Generation& generation) {
  wake(now);
  if (generation <= promised_) return;
  promised_ = generation;
  token_->generation = generation;
}

void TokenRing::wake(Instant now) {
  token_->idle = 0;
  if (phase_ == Phase::idle && !due_) due_ = now;
}

void TokenRing::receive(Instant now, const Ask&, Actions&) {
  if (!COORD_RULE_OR(ring_asked_token_wakes, true, false)) return;
  if (token_) return wake(now);
  asked_ = true;
}

void TokenRing::enter(Instant, Actions& actions) {
  if (token_->entries >= CountedToken::most_counted) {
    phase_ = Phase::idle;
    actions.push_back(Refused{"all tokens of this epoch are used up"});
    return;
  }
  phase_ = Phase::inside;
  due_.reset();
  entries_seen_ = ++token_->entries;
  token_->idle = 0;
  actions.push_back(Granted{CountedToken::of(config_.members.epoch, token_->entries)});
}

void TokenRing::pass_on(Instant now, Actions& actions) {
  if (config_.members.sites.size() == 1) {
    due_.reset();
    return;
  }
  Pass token = *std::exchange(token_, std::nullopt);
  hops_seen_ = ++token.hops;
  idle_passed_ = token.idle = std::min(token.idle, two_rounds() - 1) + 1;
  expect_token(now);
  actions.push_back(Send{next(), token});
}

void TokenRing::expect_token(Instant now) {
  due_.reset();
  if (config_.lost_after <= Duration{}) return;
  const auto rank = static_cast<Duration::rep>(rank_of(config_.members, config_.members.self).value_or(0));
  due_ = now + config_.lost_after +
         config_.lost_after * rank / static_cast<Duration::rep>(config_.members.sites.size());
}

NodeId TokenRing::next() const {
  const auto& sites = config_.members.sites;
  return sites[(rank_of(config_.members, config_.members.self).value_or(0) + 1) % sites.size()];
}

std::optional<Instant> TokenRing::deadline() const {
  return due_;
}

std::set<NodeId> TokenRing::missing() const {
  if (phase_ != Phase::waiting) return {};
  std::set<NodeId> others(config_.members.sites.begin(), config_.members.sites.end());
  others.erase(config_.members.self);
  return others;
}

}  // namespace coord::mutex
