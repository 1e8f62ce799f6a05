// SPDX-License-Identifier: MIT
#include "protocol/broadcast/causal_order.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::broadcast {

void CausalOrder::enter(Instant now, std::shared_ptr<const Cast> cast, Instant born) {
  note_frontier(*cast, born);
  const CastId id = cast->id;
  waiting_[id] = {std::move(cast), born, now + config_.patience};
  entered_.push_back(id);
}

// Whoever waits does so for one that has not come, or that waits itself: so nothing is let go unless one that
// has just come is, or something is given up.
std::vector<CausalOrder::Next> CausalOrder::next(Instant now) {
  forget(now);
  bool changes = false;
  std::vector<std::pair<Instant, CastId>> longest;
  for (const auto& [id, waiting] : waiting_) longest.emplace_back(waiting.until, id);
  std::ranges::sort(longest);
  for (const auto& [until, id] : longest) {
    const bool is_due = COORD_RULE_OR(a_gap_is_not_waited_for_for_ever, until <= now, false);
    if (!is_due && longest.size() <= config_.most_waiting) break;
    give_up(now, id);
    changes = true;
    if (!is_due) break;
  }
  for (const CastId& id : std::exchange(entered_, {})) {
    const auto found = waiting_.find(id);
    changes = changes || (found != waiting_.end() && may_be_heard(*found->second.cast));
  }
  return changes ? release(now) : std::vector<Next>();
}

std::optional<Instant> CausalOrder::deadline() const {
  std::optional<Instant> first;
  for (const auto& [id, waiting] : waiting_)
    if (!first || waiting.until < *first) first = waiting.until;
  return first;
}

// ---- who waits for what

bool CausalOrder::is_waited_for(const CastId& id) const {
  if (given_up_.contains(id)) return false;
  const Standing standing = standing_(id);
  return standing == Standing::unknown || (standing == Standing::taken && waiting_.contains(id));
}

bool CausalOrder::may_be_heard(const Cast& cast) const {
  return std::ranges::all_of(cast.after, [this](const CastId& id) {
    return COORD_RULE(what_was_before_is_heard_before, !is_waited_for(id));
  });
}

// All that it waits for, also over others, and that has not come. Those that have come keep their order.
void CausalOrder::give_up(Instant now, const CastId& waiting) {
  std::vector<CastId> open{waiting};
  std::set<CastId> seen{waiting};
  while (!open.empty()) {
    const CastId id = open.back();
    open.pop_back();
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) {
      if (is_waited_for(id)) gaps_ += given_up_.emplace(id, now).second ? 1 : 0;
      continue;
    }
    if (id != waiting && COORD_RULE_OR(what_has_come_keeps_its_order, false, true))
      given_up_.emplace(id, now);
    for (const CastId& before : found->second.cast->after)
      if (seen.insert(before).second) open.push_back(before);
  }
}

std::vector<CausalOrder::Next> CausalOrder::release(Instant now) {
  std::vector<Next> next;
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    for (auto entry = waiting_.begin(); entry != waiting_.end();) {
      if (!may_be_heard(*entry->second.cast)) {
        ++entry;
        continue;
      }
      Next one{entry->second.cast, entry->second.born, {}};
      one.missing = missing_before(*one.cast, one.born);
      note_gap(now, one);
      next.push_back(std::move(one));
      entry = waiting_.erase(entry);
      goes_on = true;
    }
  }
  return next;
}

std::vector<MissingCast> CausalOrder::missing_before(const Cast& cast, Instant born) const {
  std::map<CastId, Instant> missing;
  const auto add = [&](const CastId& id, Instant before) {
    if (standing_(id) == Standing::taken || missing.size() >= most_missing) return;
    const auto entry = missing.emplace(id, before).first;
    entry->second = std::min(entry->second, before);
  };
  for (const CastId& id : cast.after) {
    add(id, born);
    const auto found = behind_gaps_.find(id);
    if (!COORD_RULE_OR(a_gap_is_that_of_all_that_follows, found != behind_gaps_.end(), false)) continue;
    for (const MissingCast& one : found->second) add(one.id, one.before);
  }
  std::vector<MissingCast> all;
  for (const auto& [id, before] : missing) all.push_back({id, before});
  return all;
}

void CausalOrder::note_gap(Instant now, const Next& next) {
  if (next.missing.empty()) return;
  behind_gaps_[next.cast->id] = next.missing;
  gaps_noted_.emplace_back(now, next.cast->id);
}

std::vector<std::size_t> places_in_causal_order(
    const std::vector<std::pair<std::shared_ptr<const Cast>, Instant>>& casts) {
  std::map<CastId, std::size_t> place_of;
  for (std::size_t i = 0; i < casts.size(); ++i) place_of.emplace(casts[i].first->id, i);
  struct Step {
    std::size_t place, looked_at = 0;  // of what it follows
  };
  std::vector<bool> begun(casts.size());
  std::vector<std::size_t> order;
  std::vector<Step> open;
  const auto begin = [&](std::size_t place) {
    if (begun[place]) return;
    begun[place] = true;
    open.push_back({place});
  };
  for (std::size_t i = 0; i < casts.size(); ++i) {
    begin(i);
    while (!open.empty()) {
      Step& step = open.back();
      const std::vector<CastId>& after = casts[step.place].first->after;
      if (step.looked_at == after.size()) {
        order.push_back(step.place);
        open.pop_back();
      } else if (const auto before = place_of.find(after[step.looked_at++]); before != place_of.end()) {
        begin(before->second);
      }
    }
  }
  return order;
}

// ---- what the next cast follows

void CausalOrder::note_frontier(const Cast& cast, Instant born) {
  for (const CastId& id : cast.after) {
    frontier_.erase(id);
    if (standing_(id) == Standing::unknown) covered_.emplace(id, born);
  }
  if (covered_.erase(cast.id) == 0) frontier_.emplace(cast.id, born);
}

bool CausalOrder::needs_tie(Instant now) {
  forget(now);
  return frontier_.size() > most_after;
}

std::vector<CastId> CausalOrder::frontier(Instant now) {
  forget(now);
  std::vector<CastId> first;
  for (const auto& [id, born] : frontier_)
    if (first.size() < most_after) first.push_back(id);
  return first;
}

void CausalOrder::forget(Instant now) {
  for (auto* ids : {&frontier_, &covered_, &given_up_})
    std::erase_if(*ids, [&](const auto& entry) { return entry.second + config_.memory < now; });
  while (!gaps_noted_.empty() && (gaps_noted_.front().first + config_.memory < now ||
                                  gaps_noted_.size() > config_.most_behind_gaps)) {
    behind_gaps_.erase(gaps_noted_.front().second);
    gaps_noted_.pop_front();
  }
}

}  // namespace coord::broadcast
