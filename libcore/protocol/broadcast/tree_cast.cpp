// SPDX-License-Identifier: MIT
#include "protocol/broadcast/tree_cast.hpp"

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

TreeCast::Actions TreeCast::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

std::optional<Instant> TreeCast::deadline() const {
  if (!resend_at_ || !patience_ends_) return resend_at_ ? resend_at_ : patience_ends_;
  return std::min(*resend_at_, *patience_ends_);
}

void TreeCast::on(Instant now, const Begin& begin, Actions& actions) {
  if (!config_.parent && !payload_) spread(now, begin.payload, actions);
}

void TreeCast::spread(Instant now, const Payload& payload, Actions& actions) {
  payload_ = payload;
  aggregate_ = Aggregate::of(config_.contribution);
  waits_for_ = config_.children;
  actions.push_back(Delivered{payload});
  if (!waits_for_.empty()) {
    if (config_.patience > Duration{}) patience_ends_ = now + config_.patience;
    tell_children(now, actions);
  }
  answer_if_complete(actions);
}

void TreeCast::tell_children(Instant now, Actions& actions) {
  if (config_.resend > Duration{}) resend_at_ = now + config_.resend;
  for (const NodeId child : waits_for_) actions.push_back(Send{child, Down{*payload_}});
}

void TreeCast::on(Instant now, const Receive& what, Actions& actions) {
  if (const auto* down = std::get_if<Down>(&what.message)) {
    if (what.from != config_.parent) return;
    if (COORD_RULE_OR(cast_told_twice_delivers_once, !payload_, true))
      return spread(now, down->payload, actions);
    if (answered_) say(actions);  // the answer may have been lost
    return;
  }
  const auto& up = std::get<Up>(what.message);
  const bool waited_for = waits_for_.erase(what.from) > 0;
  if (!config_.children.contains(what.from) || answered_ || !payload_) return;
  if (!COORD_RULE(cast_a_child_counts_once, waited_for)) return;
  aggregate_.add(up.aggregate);
  missing_.insert(up.missing.begin(), up.missing.end());
  answer_if_complete(actions);
}

void TreeCast::on(Instant now, const Tick&, Actions& actions) {
  if (patience_ends_ && now >= *patience_ends_) {
    if (COORD_RULE_OR(cast_names_who_is_missing, true, false))
      missing_.insert(waits_for_.begin(), waits_for_.end());
    waits_for_.clear();
    return answer_if_complete(actions);
  }
  if (resend_at_ && now >= *resend_at_) tell_children(now, actions);
}

void TreeCast::answer_if_complete(Actions& actions) {
  if (!COORD_RULE_OR(cast_waits_for_all_children, waits_for_.empty(), waits_for_.size() <= 1)) return;
  answered_ = true;
  resend_at_.reset();
  patience_ends_.reset();
  say(actions);
}

void TreeCast::say(Actions& actions) const {
  if (config_.parent) {
    actions.push_back(Send{*config_.parent, Up{aggregate_, missing_}});
  } else {
    actions.push_back(Gathered{aggregate_, missing_});
  }
}

std::string text(const TreeCast::Message& message) {
  if (const auto* down = std::get_if<TreeCast::Down>(&message)) return fmt::format("down {}", down->payload);
  const auto& up = std::get<TreeCast::Up>(message);
  const std::string missing = up.missing.empty() ? "" : fmt::format(", {} missing", up.missing.size());
  return fmt::format("up {}{}", up.aggregate.text(), missing);
}

}  // namespace coord::broadcast
