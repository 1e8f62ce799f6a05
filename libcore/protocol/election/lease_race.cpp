// SPDX-License-Identifier: MIT
#include "protocol/election/lease_race.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::election {

using lease_race::Join;
using lease_race::Kept;
using lease_race::Leave;
using lease_race::Look;
using lease_race::Notice;
using mutex::Phase;

namespace {

std::int64_t nanoseconds(Instant time) {
  return time.time_since_epoch().count();
}

}  // namespace

LeaseRace::Actions LeaseRace::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

std::optional<Instant> LeaseRace::deadline() const {
  if (config_.self == config_.store) {
    const auto first = std::ranges::min_element(entries_, {}, &Entry::expires);
    return first == entries_.end() ? std::nullopt : std::optional(first->expires);
  }
  if (phase_ == Phase::idle) return std::nullopt;
  return phase_ == Phase::inside ? std::min(renew_at_, stop_at_) : renew_at_;
}

std::optional<Instant> LeaseRace::granted_until() const {
  return phase_ == Phase::inside ? std::optional(stop_at_) : std::nullopt;
}

void LeaseRace::on(Instant now, const mutex::Acquire&, Actions& actions) {
  if (phase_ != Phase::idle || config_.self == config_.store) return;
  phase_ = Phase::waiting;
  ++attempt_;
  renew(now, actions);
}

void LeaseRace::on(Instant, const mutex::Release&, Actions& actions) {
  if (phase_ == Phase::idle) return;
  phase_ = Phase::idle;
  actions.push_back(Send{config_.store, Leave{attempt_}});
}

void LeaseRace::on(Instant now, const Receive& what, Actions& actions) {
  const bool of_candidate = what.message.index() < 3;
  if (of_candidate != (config_.self == config_.store) || what.from == config_.self) return;
  if (!of_candidate && what.from != config_.store) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

void LeaseRace::on(Instant now, const Tick&, Actions& actions) {
  if (config_.self == config_.store) {
    const std::vector<Entry> entries = entries_;
    for (const Entry& entry : entries)
      if (entry.expires <= now) drop(entry.candidate, entry.attempt, actions);
    return;
  }
  if (phase_ == Phase::inside && now >= stop_at_) {
    phase_ = Phase::idle;
    actions.push_back(Lost{});
  } else if (phase_ != Phase::idle && now >= renew_at_) {
    renew(now, actions);
  }
}

// ---- a candidate's

void LeaseRace::renew(Instant now, Actions& actions) {
  renew_at_ = now + config_.ttl / 4;
  actions.push_back(Send{config_.store, Join{attempt_, nanoseconds(now)}});
}

void LeaseRace::receive(Instant now, NodeId, const Kept& kept, Actions& actions) {
  if (phase_ == Phase::idle || kept.attempt != attempt_ || kept.token == 0) return;
  const Instant sent = std::min(now, Instant{} + Duration(kept.sent_ns));
  const Instant from = COORD_RULE_OR(lease_counts_from_sending, sent, now);
  const Instant stop =
      from + COORD_RULE_OR(lease_stops_before_the_store, config_.ttl * 4 / 5, config_.ttl * 5 / 4);
  if (phase_ == Phase::inside) {
    stop_at_ = std::max(stop_at_, stop);
  } else if (stop > now) {
    phase_ = Phase::inside;
    stop_at_ = stop;
    actions.push_back(mutex::Granted{Token{kept.token}});
  }
}

void LeaseRace::receive(Instant now, NodeId, const Notice& notice, Actions& actions) {
  if (phase_ == Phase::waiting && notice.attempt == attempt_)
    actions.push_back(Send{config_.store, Look{attempt_, nanoseconds(now)}});
}

// ---- the store's

void LeaseRace::receive(Instant now, NodeId from, const Join& join, Actions& actions) {
  const bool is_late = std::ranges::any_of(
      entries_, [&](const Entry& entry) { return entry.candidate == from && entry.attempt > join.attempt; });
  if (is_late) return;
  std::erase_if(entries_, [&](const Entry& entry) {
    return entry.candidate == from && entry.attempt < join.attempt &&
           COORD_RULE_OR(lease_that_led_runs_out, entry.token == 0, true);
  });
  if (find(from, join.attempt) == entries_.end())
    entries_.push_back({from, join.attempt, now + config_.ttl, 0});
  answer(now, from, join.attempt, join.sent_ns, actions);
}

void LeaseRace::receive(Instant now, NodeId from, const Look& look, Actions& actions) {
  answer(now, from, look.attempt, look.sent_ns, actions);
}

void LeaseRace::receive(Instant, NodeId from, const Leave& leave, Actions& actions) {
  drop(from, leave.attempt, actions);
}

void LeaseRace::answer(Instant now, NodeId from, std::uint64_t attempt, std::int64_t sent_ns,
                       Actions& actions) {
  const auto entry = find(from, attempt);
  if (entry == entries_.end()) return;  // gone: it joins again by itself
  entry->expires = now + config_.ttl;
  const bool may_lead = config_.herd || entry == entries_.begin();
  if (entry->token == 0 && may_lead && COORD_RULE(lease_one_leader, !has_leader()))
    entry->token = last_token_ += COORD_RULE_OR(lease_token_counts, 1U, 0U);
  actions.push_back(Send{from, Kept{attempt, sent_ns, entry->token}});
}

bool LeaseRace::has_leader() const {
  return std::ranges::any_of(entries_, [](const Entry& entry) { return entry.token != 0; });
}

std::vector<LeaseRace::Entry>::iterator LeaseRace::find(NodeId candidate, std::uint64_t attempt) {
  return std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.candidate == candidate && entry.attempt == attempt; });
}

void LeaseRace::drop(NodeId candidate, std::uint64_t attempt, Actions& actions) {
  const auto entry = find(candidate, attempt);
  if (entry == entries_.end()) return;
  const bool led = entry->token != 0;
  entries_.erase(entry);
  if (led) notice_next(actions);
}

void LeaseRace::notice_next(Actions& actions) const {
  for (const Entry& entry : entries_) {
    actions.push_back(Send{entry.candidate, Notice{entry.attempt}});
    if (!config_.herd) return;
  }
}

}  // namespace coord::election
