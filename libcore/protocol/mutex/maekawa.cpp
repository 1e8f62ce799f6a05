// SPDX-License-Identifier: MIT
#include "protocol/mutex/maekawa.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::mutex {

Maekawa::Maekawa(Config config) : config_(std::move(config)) {
  check_members(config_.members);
  COORD_CHECK(std::ranges::find(config_.quorum, config_.members.self) != config_.quorum.end());
  for (const NodeId site : config_.quorum) COORD_CHECK(rank_of(config_.members, site));
}

Maekawa::Actions Maekawa::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  carry(actions);
  return actions;
}

void Maekawa::say(NodeId to, What what, std::uint64_t time, std::uint64_t entry) {
  outgoing_.emplace_back(to, Message{what, config_.members.epoch, time, entry});
}

void Maekawa::carry(Actions& actions) {
  while (!outgoing_.empty()) {
    const auto [to, message] = outgoing_.front();
    outgoing_.pop_front();
    if (to == config_.members.self) {
      hear(to, message, actions);
    } else {
      actions.push_back(Send{to, message});
    }
  }
}

void Maekawa::on(const Acquire&, Actions& actions) {
  if (phase_ != Phase::idle) return;
  if (last_entry_ >= CountedToken::most_counted || clock_ >= token_limit) {
    actions.push_back(Refused{"all tokens of this epoch are used up"});
    return;
  }
  phase_ = Phase::waiting;
  request_ = Stamp{++clock_, config_.members.self};
  entry_ = 0;
  for (const NodeId arbiter : config_.quorum) say(arbiter, What::request, request_.time);
}

void Maekawa::on(const Release&, Actions&) {
  if (phase_ == Phase::idle) return;
  const std::uint64_t entry = phase_ == Phase::inside ? entry_ : 0;
  phase_ = Phase::idle;
  locks_.clear();
  failures_.clear();
  undecided_.clear();
  for (const NodeId arbiter : config_.quorum) say(arbiter, What::release, request_.time, entry);
}

void Maekawa::on(const Receive& what, Actions& actions) {
  const Message& message = what.message;
  if (what.from == config_.members.self || !rank_of(config_.members, what.from)) return;
  if (message.epoch != config_.members.epoch || message.time > token_limit) return;
  if (message.entry > CountedToken::most_counted) return;
  hear(what.from, message, actions);
}

void Maekawa::hear(NodeId from, const Message& message, Actions& actions) {
  clock_ = std::max(clock_, message.time);
  const Stamp theirs{message.time, from};
  switch (message.what) {
    case What::request:
      return asked(theirs);
    case What::yield:
      return given_back(theirs);
    case What::release:
      return released(theirs, message.entry);
    case What::locked:
    case What::failed:
    case What::inquire:
      return answered(from, message, actions);
  }
}

// ---- as an arbiter

void Maekawa::asked(Stamp theirs) {
  std::erase_if(queue_, [&](const Stamp& stamp) { return stamp.site == theirs.site; });  // one at a time
  if (COORD_RULE_OR(maekawa_one_lock_at_a_time, !locked_for_, true)) {
    queue_.insert(theirs);
    return lock_for_first();
  }
  const bool comes_first = theirs < *locked_for_ && (queue_.empty() || theirs < *queue_.begin());
  const std::optional<Stamp> superseded = comes_first && !queue_.empty() && *queue_.begin() < *locked_for_
                                              ? std::optional(*queue_.begin())
                                              : std::nullopt;
  queue_.insert(theirs);
  if (!comes_first) return say(theirs.site, What::failed, theirs.time);
  if (COORD_RULE_OR(maekawa_superseded_head_is_told, superseded.has_value(), false))
    say(superseded->site, What::failed, superseded->time);
  if (!std::exchange(inquired_, true)) say(locked_for_->site, What::inquire, locked_for_->time);
}

void Maekawa::lock_for_first() {
  locked_for_.reset();
  inquired_ = false;
  if (queue_.empty()) return;
  locked_for_ = *queue_.begin();
  queue_.erase(queue_.begin());
  say(locked_for_->site, What::locked, locked_for_->time, last_entry_);
}

void Maekawa::given_back(Stamp theirs) {
  if (locked_for_ != theirs) return;
  queue_.insert(theirs);
  lock_for_first();
}

void Maekawa::released(Stamp theirs, std::uint64_t entry) {
  last_entry_ = std::max(last_entry_, entry);
  queue_.erase(theirs);
  if (locked_for_ == theirs) lock_for_first();
}

bool Maekawa::holds_up(NodeId site) const {
  if (!locked_for_ || locked_for_->site == site) return false;
  return phase_ == Phase::inside ||
         std::ranges::any_of(queue_, [&](const Stamp& stamp) { return stamp.site == site; });
}

// ---- as one who asks

void Maekawa::answered(NodeId arbiter, const Message& message, Actions& actions) {
  if (phase_ != Phase::waiting) return;
  if (message.time != request_.time) return;  // about one that was withdrawn or is over
  switch (message.what) {
    case What::locked:
      entry_ = COORD_RULE_OR(maekawa_token_above_quorum, std::max(entry_, message.entry), last_entry_);
      locks_.insert(arbiter);
      failures_.erase(arbiter);
      return enter_if_locked(actions);
    case What::failed:
      failures_.insert(arbiter);
      return yield_if_failed();
    default:
      undecided_.insert(arbiter);
      yield_if_failed();
      if (COORD_RULE_OR(maekawa_inquire_is_kept, false, true)) undecided_.clear();
  }
}

void Maekawa::yield_if_failed() {
  if (failures_.empty()) return;
  for (const NodeId arbiter : std::exchange(undecided_, {})) {
    if (locks_.erase(arbiter) == 0) continue;
    if (COORD_RULE_OR(maekawa_yield_is_a_failure, true, false)) failures_.insert(arbiter);
    say(arbiter, What::yield, request_.time);
  }
}

void Maekawa::enter_if_locked(Actions& actions) {
  if (locks_.size() < config_.quorum.size()) return yield_if_failed();
  phase_ = Phase::inside;
  entry_ = std::max(entry_, last_entry_) + 1;
  failures_.clear();
  undecided_.clear();
  actions.push_back(Granted{CountedToken::of(config_.members.epoch, entry_)});
}

std::set<NodeId> Maekawa::missing() const {
  if (phase_ != Phase::waiting) return {};
  std::set<NodeId> sites(config_.quorum.begin(), config_.quorum.end());
  for (const NodeId arbiter : locks_) sites.erase(arbiter);
  return sites;
}

}  // namespace coord::mutex
