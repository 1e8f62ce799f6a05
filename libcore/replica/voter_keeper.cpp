// SPDX-License-Identifier: MIT
#include "replica/voter_keeper.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::replica {

namespace {

constexpr char by_itself[] = "the group (dpeers voters)";

NodeId comes(const VoterOrder& order) {
  return order.verb == VoterVerb::replace ? order.other : order.node;
}

}  // namespace

void VoterKeeper::reset() {
  since_.reset();
  order_.reset();
}

std::optional<VoterOrder> VoterKeeper::next(Instant now, WallTime wall, const View& view) {
  if (since_ && now > looked_ + longest_gap) reset();
  if (!since_) since_ = now;
  looked_ = now;
  std::erase_if(avoided_, [now](const auto& each) { return now >= each.second; });
  const bool is_kept =
      view.policy.count != 0 && !COORD_RULE_OR(keeper_pauses, wall < view.policy.paused_until, false);
  if (!is_kept) {
    order_.reset();
    return std::nullopt;
  }
  if (order_ && now > ordered_ + order_patience) {
    if (order_->verb != VoterVerb::remove) avoided_[comes(*order_)] = now + avoided_for;
    order_.reset();
  }
  if (!order_) {
    order_ = choose(now, view);
    ordered_ = now;
  }
  return order_;
}

void VoterKeeper::answered(Instant now, const VoterOrder& order, const VoterAnswer& answer) {
  if (!order_ || *order_ != order) return;
  if (answer.progress == VoterProgress::done) {
    if (order.verb == VoterVerb::replace) replaced_ = now;
    order_.reset();
  } else if (answer.refusal != VoterRefusal::none) {
    order_.reset();  // looked at anew, with what is so by then
  }
}

std::optional<VoterOrder> VoterKeeper::choose(Instant now, const View& view) const {
  const bool long_enough =
      COORD_RULE(keeper_waits_for_unbroken_leadership, now >= *since_ + view.policy.after);
  if (!long_enough) return std::nullopt;
  const std::size_t count = view.voters.voters.size();
  const std::optional<NodeId> silent = silent_voter(now, view);
  if (count > view.policy.count) {
    NodeId goes = silent.value_or(view.voters.voters.back());
    if (goes == view.self) goes = view.voters.voters.front();
    return VoterOrder{VoterVerb::remove, goes, {}, by_itself};
  }
  const std::optional<NodeId> comes = candidate(view);
  if (!comes) return std::nullopt;
  if (count < view.policy.count) return VoterOrder{VoterVerb::promote, *comes, {}, by_itself};
  const bool rests =
      COORD_RULE_OR(keeper_replaces_one_an_hour, replaced_ && now < *replaced_ + between_replacements, false);
  if (!silent || rests) return std::nullopt;
  return VoterOrder{VoterVerb::replace, *silent, *comes, by_itself};
}

// One that learns already, before others.
std::optional<NodeId> VoterKeeper::candidate(const View& view) const {
  std::optional<NodeId> best;
  for (const NodeId node : view.candidates) {
    if (avoided_.contains(node) || view.voters.votes(node)) continue;
    if (!best || (view.voters.learns(node) && !view.voters.learns(*best))) best = node;
  }
  return best;
}

std::optional<NodeId> VoterKeeper::silent_voter(Instant now, const View& view) const {
  for (const NodeId voter : view.voters.voters) {
    const auto found = view.heard.find(voter);
    const Instant heard = found == view.heard.end() ? *since_ : std::max(*since_, found->second);
    if (voter != view.self && now >= heard + view.policy.after) return voter;
  }
  return std::nullopt;
}

}  // namespace coord::replica
