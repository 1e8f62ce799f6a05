// SPDX-License-Identifier: MIT
#include "protocol/election/bully.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::election {

using bully::What;

Bully::Bully(Config config) : config_(std::move(config)), leader_(config_.leader) {
  COORD_CHECK(std::ranges::is_sorted(config_.nodes));
  COORD_CHECK(std::ranges::binary_search(config_.nodes, config_.self));
  if (leader_.value == 0) {
    state_ = State::waiting;
    due_ = Instant{};
  }
}

Bully::Actions Bully::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void Bully::on(Instant now, const Suspect&, Actions& actions) {
  if (state_ == State::content) hold_election(now, actions);
}

void Bully::on(Instant now, const Tick&, Actions& actions) {
  if (!due_ || now < *due_) return;
  due_.reset();
  if (state_ == State::asking) return announce(now, actions);
  if (COORD_RULE_OR(bully_waits_only_so_long, state_ == State::waiting, leader_.value == 0 && !announced_at_))
    hold_election(now, actions);
}

void Bully::on(Instant now, const Receive& what, Actions& actions) {
  if (!std::ranges::binary_search(config_.nodes, what.from) || what.from == config_.self) return;
  const bool is_higher = config_.self < what.from;
  switch (what.message.what) {
    case What::election: {
      if (is_higher) return;
      actions.push_back(Send{what.from, {What::answer}});
      // Just announced: that is on its way to whoever asks.
      const bool is_answered = announced_at_ && now < *announced_at_ + config_.answer_time;
      if (state_ == State::content && !is_answered) hold_election(now, actions);
      return;
    }
    case What::answer:
      if (state_ != State::asking) return;
      if (!COORD_RULE_OR(bully_answer_ends_the_candidacy, is_higher, false)) return;
      state_ = State::waiting;
      due_ = now + 3 * config_.answer_time;  // the highest asks in vain, and announces
      return;
    case What::coordinator:
      if (!is_higher) {
        if (state_ == State::content) hold_election(now, actions);
        return;
      }
      // Sent before its sender heard of the higher one that we know already: both came up at the same time.
      if (COORD_RULE_OR(bully_late_announcement_is_void,
                        what.from < leader_ && heard_at_ && now < *heard_at_ + config_.answer_time * 2 / 3,
                        false))
        return;
      state_ = State::content;
      due_.reset();
      leader_ = what.from;
      heard_at_ = now;
      actions.push_back(Led{leader_});
  }
}

void Bully::hold_election(Instant now, Actions& actions) {
  std::vector<NodeId> higher(std::ranges::upper_bound(config_.nodes, config_.self), config_.nodes.end());
  if (higher.empty()) return announce(now, actions);
  if (COORD_RULE_OR(bully_asks_all_above, false, true)) higher.resize(1);
  state_ = State::asking;
  due_ = now + config_.answer_time;
  for (const NodeId node : higher) actions.push_back(Send{node, {What::election}});
}

void Bully::announce(Instant now, Actions& actions) {
  state_ = State::content;
  due_.reset();
  leader_ = config_.self;
  announced_at_ = now;
  for (const NodeId node : config_.nodes)
    if (node < config_.self) actions.push_back(Send{node, {What::coordinator}});
  actions.push_back(Led{leader_});
}

}  // namespace coord::election
