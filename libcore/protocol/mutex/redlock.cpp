// SPDX-License-Identifier: MIT
#include "protocol/mutex/redlock.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::mutex {

using redlock::Answer;
using redlock::Drop;
using redlock::Set;

namespace {

std::int64_t nanoseconds(Instant time) {
  return time.time_since_epoch().count();
}

}  // namespace

Redlock::Redlock(Config config)
    : config_(std::move(config)), random_(config_.seed), attempt_(config_.attempts_before) {}

Redlock::Actions Redlock::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

Instant Redlock::stop_at() const {
  return counted_ + COORD_RULE_OR(redlock_stops_before_the_stores, config_.ttl * 4 / 5, config_.ttl * 3 / 2);
}

std::optional<Instant> Redlock::deadline() const {
  if (phase_ == Phase::idle) return std::nullopt;
  if (phase_ == Phase::inside) return std::min(renew_at_, stop_at());
  return again_at_ ? *again_at_ : asked_ + config_.ttl / 4;
}

std::set<NodeId> Redlock::missing() const {
  std::set<NodeId> nodes(config_.servers.begin(), config_.servers.end());
  for (const NodeId node : yes_) nodes.erase(node);
  return nodes;
}

// ---- who wants it

void Redlock::on(Instant now, const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  phase_ = Phase::waiting;
  tries_ = 0;
  ++attempt_;
  ask(now, false, actions);
}

void Redlock::on(Instant now, const Release&, Actions& actions) {
  if (phase_ == Phase::idle) return;
  phase_ = Phase::idle;
  drop(now, actions);
}

void Redlock::on(Instant now, const Receive& what, Actions& actions) {
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

// Who has lost it may still be at work, for as long as it takes to stop that: the stores let go by
// themselves, a fifth of the TTL later.
void Redlock::on(Instant now, const Tick&, Actions& actions) {
  if (phase_ == Phase::inside && now >= stop_at()) {
    phase_ = Phase::idle;
    actions.push_back(election::Lost{});
    if (COORD_RULE_OR(redlock_lost_drops_nothing, false, true)) drop(now, actions);
  } else if (phase_ == Phase::inside && now >= renew_at_) {
    ask(now, true, actions);
  } else if (phase_ == Phase::waiting && again_at_ && now >= *again_at_) {
    ++attempt_;
    ask(now, false, actions);
  } else if (phase_ == Phase::waiting && !again_at_ && now >= asked_ + config_.ttl / 4) {
    try_later(now, actions);
  }
}

void Redlock::ask(Instant now, bool longer, Actions& actions) {
  asked_ = now;
  renew_at_ = now + config_.ttl / 4;
  again_at_.reset();
  yes_.clear();
  no_.clear();
  tell_all(now, Set{attempt_, nanoseconds(now), longer}, actions);
}

void Redlock::drop(Instant now, Actions& actions) {
  tell_all(now, Drop{attempt_}, actions);
}

// Who tries again at once, as all others do, meets them again at every store.
void Redlock::try_later(Instant now, Actions& actions) {
  drop(now, actions);
  ++tries_;
  const Duration longest =
      std::min<Duration>(config_.retry, config_.retry / 16 * (1U << std::min(tries_, 4U)));
  again_at_ = now + random_.between(longest / 4, longest);
}

// A store of one's own answers at once: last, when all have been asked.
void Redlock::tell_all(Instant now, const Message& message, Actions& actions) {
  bool is_store = false;
  for (const NodeId server : config_.servers) {
    if (server == config_.self) is_store = true;
    if (server != config_.self) actions.push_back(Send{server, message});
  }
  if (is_store) on(now, Receive{config_.self, message}, actions);
}

void Redlock::receive(Instant now, NodeId from, const Answer& answer, Actions& actions) {
  if (phase_ == Phase::idle || again_at_ || answer.attempt != attempt_ ||
      answer.sent_ns != nanoseconds(asked_))
    return;
  (answer.kept ? yes_ : no_).insert(from);
  const std::size_t needed = COORD_RULE_OR(redlock_majority, majority(), std::size_t{1});
  if (yes_.size() >= needed) {
    const Instant counted = COORD_RULE_OR(redlock_counts_from_sending, asked_, now);
    const bool was_inside = phase_ == Phase::inside;
    counted_ = was_inside ? std::max(counted_, counted) : counted;
    if (was_inside || now >= stop_at()) return;
    phase_ = Phase::inside;
    actions.push_back(Granted{});
  } else if (phase_ == Phase::waiting && no_.size() + majority() > config_.servers.size()) {
    try_later(now, actions);
  }
}

// ---- a store

void Redlock::receive(Instant now, NodeId from, const Set& set, Actions& actions) {
  if (entry_ && now >= entry_->expires) entry_.reset();
  const bool is_its_own = entry_ && entry_->client == from && entry_->attempt == set.attempt;
  const bool is_free = !entry_ && !set.longer;
  const bool kept = is_its_own || COORD_RULE_OR(redlock_set_if_absent, is_free, !set.longer);
  if (kept) entry_ = Entry{from, set.attempt, now + config_.ttl};
  const Answer answer{set.attempt, set.sent_ns, kept};
  if (from == config_.self) return receive(now, from, answer, actions);
  actions.push_back(Send{from, answer});
}

// What came late is of an attempt that is over: another one may have the key by now.
void Redlock::receive(Instant, NodeId from, const Drop& drop, Actions&) {
  const bool is_its_own = entry_ && entry_->client == from && entry_->attempt == drop.attempt;
  if (COORD_RULE_OR(redlock_drops_its_own, is_its_own, entry_.has_value())) entry_.reset();
}

}  // namespace coord::mutex
