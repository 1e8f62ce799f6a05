// SPDX-License-Identifier: MIT
#include "protocol/broadcast/echo.hpp"

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

Echo::Actions Echo::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void Echo::on(const Begin& begin, Actions& actions) {
  if (reached_) return;
  spread(begin.payload, actions);
  echo_if_settled(actions);
}

void Echo::spread(const Payload& payload, Actions& actions) {
  reached_ = true;
  aggregate_ = Aggregate::of(config_.contribution);
  missing_ = config_.neighbours;
  if (parent_) missing_.erase(*parent_);
  actions.push_back(Delivered{payload});
  for (const NodeId node : missing_) actions.push_back(Send{node, Wave{payload}});
}

void Echo::on(const Receive& what, Actions& actions) {
  if (!config_.neighbours.contains(what.from)) return;
  if (const auto* wave = std::get_if<Wave>(&what.message)) {
    if (!reached_) {
      parent_ = what.from;
      spread(wave->payload, actions);
    } else if (!COORD_RULE_OR(echo_first_is_the_parent, true, !parent_)) {
      parent_ = what.from;  // a later, perhaps shorter way
    }
  } else if (reached_ && missing_.contains(what.from)) {
    children_.insert(what.from);
    const auto& back = std::get<Back>(what.message).aggregate;
    aggregate_.add(COORD_RULE_OR(echo_brings_what_children_brought, back, Aggregate::of(back.max)));
  }
  missing_.erase(what.from);
  echo_if_settled(actions);
}

void Echo::echo_if_settled(Actions& actions) {
  if (echoed_ || !reached_) return;
  if (!COORD_RULE_OR(echo_waits_for_all, missing_.empty(), missing_.size() <= 1)) return;
  echoed_ = true;
  if (parent_) {
    actions.push_back(Send{*parent_, Back{aggregate_}});
  } else {
    actions.push_back(Gathered{aggregate_, {}});
  }
}

std::string text(const Echo::Message& message) {
  if (const auto* wave = std::get_if<Echo::Wave>(&message)) return fmt::format("wave {}", wave->payload);
  return fmt::format("echo of {}", std::get<Echo::Back>(message).aggregate.text());
}

}  // namespace coord::broadcast
