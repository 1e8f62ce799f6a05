// SPDX-License-Identifier: MIT
#include "replica/voter_keeper.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::replica {

namespace {

constexpr char by_itself[] = "the group (dpeers voters)";

// How many of the voters but `without` stand where `node` does; of one that has not said where: none.
std::size_t neighbours(const VoterKeeper::View& view, NodeId node, std::optional<NodeId> without) {
  const auto zone = view.zones.find(node);
  if (zone == view.zones.end()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(view.voters.voters, [&](NodeId voter) {
    const auto of_voter = view.zones.find(voter);
    return voter != node && voter != without && of_voter != view.zones.end() &&
           of_voter->second == zone->second;
  }));
}

// Of too many voters: not who leads.
std::optional<NodeId> too_many(const VoterKeeper::View& view) {
  std::optional<NodeId> most;
  for (const NodeId voter : view.voters.voters) {
    if (voter == view.self) continue;
    if (!most || neighbours(view, voter, {}) >= neighbours(view, *most, {})) most = voter;
  }
  return most;
}

// In the place of `goes`; of both it must be known where they stand.
bool stands_better(const VoterKeeper::View& view, NodeId comes, NodeId goes) {
  const bool known = view.zones.contains(comes) && view.zones.contains(goes);
  return known && COORD_RULE(keeper_spreads_for_the_better,
                             neighbours(view, comes, goes) < neighbours(view, goes, {}));
}

NodeId comes(const VoterOrder& order) {
  return order.verb == VoterVerb::replace ? order.other : order.node;
}

}  // namespace

void VoterKeeper::reset() {
  since_.reset();
  order_.reset();
}

std::optional<VoterOrder> VoterKeeper::next(Instant now, const View& view) {
  const Duration gap = std::min(longest_gap, after(view) / 2);
  if (COORD_RULE_OR(keeper_counts_anew_after_a_gap, since_ && now > looked_ + gap, false)) reset();
  if (!since_) since_ = now;
  looked_ = now;
  std::erase_if(avoided_, [now](const auto& each) { return now >= each.second; });
  const bool is_kept = view.policy.count != 0 && !COORD_RULE_OR(keeper_pauses, view.paused, false);
  if (!is_kept) {
    order_.reset();
    return std::nullopt;
  }
  if (order_ && !COORD_RULE(keeper_looks_again, is_wanted(now, view, *order_))) order_.reset();
  if (order_ && now > ordered_ + order_patience) {
    if (order_->verb != VoterVerb::remove) avoided_[comes(*order_)] = now + avoided_for;
    order_.reset();
  }
  if (!order_) {
    order_ = choose(now, view);
    spreads_ = order_ && order_->verb == VoterVerb::replace && !is_silent(now, view, order_->node);
    ordered_ = now;
  }
  return order_;
}

void VoterKeeper::answered(const VoterOrder& order, const VoterAnswer& answer) {
  if (!order_ || *order_ != order) return;
  if (answer.progress == VoterProgress::done) {
    order_.reset();
  } else if (answer.refusal != VoterRefusal::none) {
    order_.reset();  // looked at anew, with what is so by then
  }
}

void VoterKeeper::ordered(Instant now, const VoterOrder& order) {
  if (order.verb == VoterVerb::demote || order.verb == VoterVerb::remove || order.verb == VoterVerb::replace)
    avoided_[order.node] = now + avoided_for;
  if (order.verb == VoterVerb::promote) avoided_.erase(order.node);
  if (order.verb == VoterVerb::replace) avoided_.erase(order.other);
}

std::optional<VoterOrder> VoterKeeper::choose(Instant now, const View& view) const {
  const bool long_enough = COORD_RULE(keeper_waits_for_unbroken_leadership, now >= *since_ + after(view));
  if (!long_enough) return std::nullopt;
  const std::size_t count = view.voters.voters.size();
  const std::optional<NodeId> silent = silent_voter(now, view);
  if (count > view.policy.count) {
    const std::optional<NodeId> goes = silent ? silent : too_many(view);
    if (!goes) return std::nullopt;
    return VoterOrder{VoterVerb::remove, *goes, {}, by_itself};
  }
  if (count < view.policy.count) {
    const std::optional<NodeId> comes = candidate(view, {});
    return comes ? std::optional(VoterOrder{VoterVerb::promote, *comes, {}, by_itself}) : std::nullopt;
  }
  const bool rests = COORD_RULE_OR(keeper_replaces_one_an_hour,
                                   view.replaced && now < *view.replaced + between_replacements, false);
  if (rests) return std::nullopt;
  if (!silent) {
    const bool all_there =
        std::ranges::all_of(view.voters.voters, [&](NodeId voter) { return is_there(now, view, voter); });
    return COORD_RULE(keeper_spreads_among_the_living, all_there) ? better_spread(view) : std::nullopt;
  }
  const std::optional<NodeId> comes = candidate(view, silent);
  return comes ? std::optional(VoterOrder{VoterVerb::replace, *silent, *comes, by_itself}) : std::nullopt;
}

// A voter that shares its zone with more others than its successor would. Not who leads.
std::optional<VoterOrder> VoterKeeper::better_spread(const View& view) const {
  for (const NodeId voter : view.voters.voters) {
    if (voter == view.self) continue;
    const std::optional<NodeId> comes = candidate(view, voter);
    if (comes && stands_better(view, *comes, voter))
      return VoterOrder{VoterVerb::replace, voter, *comes, by_itself};
  }
  return std::nullopt;
}

// One that learns already, before others; then one that stands where the fewest voters do.
std::optional<NodeId> VoterKeeper::candidate(const View& view, std::optional<NodeId> goes) const {
  const auto rank = [&](NodeId node) {
    return std::pair(!view.voters.learns(node), neighbours(view, node, goes));
  };
  std::optional<NodeId> best;
  for (const NodeId node : view.candidates) {
    if (avoided_.contains(node) || view.voters.votes(node)) continue;
    if (!best || rank(node) < rank(*best)) best = node;
  }
  return best;
}

std::optional<NodeId> VoterKeeper::silent_voter(Instant now, const View& view) const {
  for (const NodeId voter : view.voters.voters) {
    if (is_silent(now, view, voter)) return voter;
  }
  return std::nullopt;
}

bool VoterKeeper::is_there(Instant now, const View& view, NodeId voter) const {
  const auto found = view.heard.find(voter);
  return voter == view.self || (found != view.heard.end() && now < found->second + view.contact);
}

// A leader that hears hardly anybody was away itself, and knows nothing of the others.
bool VoterKeeper::is_silent(Instant now, const View& view, NodeId voter) const {
  const auto heard = [&](NodeId node) {
    const auto found = view.heard.find(node);
    return found == view.heard.end() ? *since_ : std::max(*since_, found->second);
  };
  const auto are_there = std::ranges::count_if(view.voters.voters, [&](NodeId other) {
    return other == view.self || now < heard(other) + view.contact;
  });
  const bool hears_most = 2 * static_cast<std::size_t>(are_there) > view.voters.voters.size();
  if (!COORD_RULE(keeper_hears_a_majority, hears_most)) return false;
  return voter != view.self && now >= heard(voter) + after(view);
}

// Whoever has come back since stays, and so does everybody once as many vote as are wanted. An order that is
// half done goes on: its voter is out, and the other one in its place has to come in.
bool VoterKeeper::is_wanted(Instant now, const View& view, const VoterOrder& order) const {
  const std::size_t count = view.voters.voters.size();
  if (order.verb == VoterVerb::promote) return count < view.policy.count;
  if (!view.voters.votes(order.node)) return true;
  const bool silent = is_silent(now, view, order.node);
  if (order.verb == VoterVerb::replace)
    return spreads_ ? stands_better(view, order.other, order.node) : silent;
  return count > view.policy.count;
}

// Not so short that a voter is silent between two answers that come when they should.
Duration VoterKeeper::after(const View& view) {
  return std::max(view.policy.after, view.least_after);
}

}  // namespace coord::replica
