// SPDX-License-Identifier: MIT
#include "service/locks/lock_table.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/rule.hpp"

namespace coord::service {

namespace {

// How many wait before `place`, counted no further than `most`.
std::size_t waiting_before(const Lock& lock, LogIndex place, std::size_t most) {
  std::size_t count = 0;
  for (auto it = lock.waiting.begin(); it != lock.waiting.end() && *it < place && count < most; ++it) ++count;
  return count;
}

bool none_before(const std::set<LogIndex>& line, LogIndex place) {
  return line.empty() || !(*line.begin() < place);
}

// Takes a holder's part out of the counts.
void uncount(Lock& lock, const Holder& holder) {
  if (holder.by) --lock.taking_part;
  if (holder.mode == Mode::exclusive) --lock.exclusive;
  const auto family = lock.families.find(holder.family);
  if (family == lock.families.end()) return;
  if (COORD_RULE(family_goes_with_its_last, --family->second == 0)) lock.families.erase(family);
}

}  // namespace

const Lock* LockTable::find(const std::string& name) const {
  const auto it = locks_.find(name);
  return it == locks_.end() ? nullptr : &it->second;
}

bool LockTable::permits_fit(const Request& request) const {
  return std::ranges::all_of(request.names, [&](const std::string& name) {
    const Lock* lock = find(name);
    return lock == nullptr || lock->permits == request.terms.permits;
  });
}

bool LockTable::period_fits(const Request& request) const {
  return std::ranges::all_of(request.names, [&](const std::string& name) {
    const Lock* lock = find(name);
    return lock == nullptr || lock->period == request.terms.period;
  });
}

bool LockTable::entry_fits(const Request& request) const {
  return std::ranges::all_of(request.names, [&](const std::string& name) {
    const Lock* lock = find(name);
    return lock == nullptr || !lock->by || lock->by == request.entry_by();
  });
}

bool LockTable::entry_can_be(const Request& request) const {
  return std::ranges::all_of(request.names, [&](const std::string& name) {
    const Lock* lock = find(name);
    if (lock == nullptr) return true;
    if (request.part && lock->by && lock->by != request.entry_by()) return false;
    return !request.held() || lock->taking_part == (request.part ? lock->holders.size() : 0);
  });
}

std::size_t LockTable::new_names(const Request& request) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(request.names, [&](const std::string& name) { return find(name) == nullptr; }));
}

bool LockTable::admits_at(const Lock& lock, const Request& request, LogIndex place) const {
  if (lock.permits > 1) {
    // Whoever waits here for want of another name keeps its slot: being let in must not cost it its turn.
    const std::size_t taken = lock.families.size();
    return COORD_RULE(slots_respected, taken < lock.permits &&
                                           taken + waiting_before(lock, place, lock.permits) < lock.permits);
  }
  if (lock.by && !COORD_RULE(epoch_begins_when_the_last_has_left, !lock.closed || lock.holders.empty()))
    return false;
  // Whoever has the name by the log, or waits for it since before, comes first: as for one
  // who wants it alone.
  const bool log_has_it = lock.holders.size() > lock.taking_part;
  const bool others_came_before = lock.waiting.size() > lock.waiting_to_take_part;
  if (request.part && !COORD_RULE(part_is_taken_when_the_log_has_let_go, !log_has_it && !others_came_before))
    return false;
  if (request.terms.mode == Mode::exclusive) {
    return COORD_RULE(one_exclusive_holder, lock.holders.empty()) &&
           COORD_RULE(exclusive_waits_in_line, none_before(lock.waiting, place));
  }
  return COORD_RULE(shared_not_beside_exclusive, lock.shared_only()) &&
         COORD_RULE(shared_never_overtakes, none_before(lock.waiting_exclusive, place));
}

bool LockTable::admits(const Request& request, LogIndex place, const std::vector<Token>& entered) const {
  std::size_t admitting = 0;
  for (std::size_t i = 0; i < request.names.size(); ++i) {
    const Lock* lock = find(request.names[i]);
    const bool enters = family_of(entered, i, Token{}) != Token{};
    if (lock == nullptr || enters || admits_at(*lock, request, place)) ++admitting;
  }
  return COORD_RULE_OR(grant_all_or_none, admitting == request.names.size(), admitting > 0);
}

std::set<LogIndex> LockTable::candidates(const std::set<std::string>& names) const {
  std::set<LogIndex> result;
  for (const std::string& name : names) {
    const Lock* lock = find(name);
    if (lock == nullptr || lock->waiting.empty()) continue;
    if (lock->permits > 1) {
      std::size_t open = lock->permits > lock->families.size() ? lock->permits - lock->families.size() : 0;
      for (auto it = lock->waiting.begin(); it != lock->waiting.end() && open > 0; ++it, --open)
        result.insert(*it);
      continue;
    }
    if (!lock->shared_only()) continue;
    // Either the first alone, or everyone shared before the first exclusive.
    const LogIndex first = *lock->waiting.begin();
    if (lock->holders.empty()) result.insert(first);
    const auto end = lock->waiting_exclusive.empty() ? lock->waiting.end()
                                                     : lock->waiting.find(*lock->waiting_exclusive.begin());
    result.insert(lock->waiting.begin(), end);
  }
  return result;
}

void LockTable::wait(const Request& request, LogIndex place) {
  for (const std::string& name : request.names) {
    Lock& lock = locks_.try_emplace(name).first->second;
    lock.permits = request.terms.permits;
    lock.period = request.terms.period;
    if (lock.waiting.insert(place).second && request.part) ++lock.waiting_to_take_part;
    if (request.part) lock.by = request.entry_by();
    if (request.terms.mode == Mode::exclusive) lock.waiting_exclusive.insert(place);
  }
}

void LockTable::stop_waiting(const Request& request, LogIndex place) {
  for (const std::string& name : request.names) {
    const auto it = locks_.find(name);
    if (it == locks_.end()) continue;
    if (it->second.waiting.erase(place) > 0 && request.part) --it->second.waiting_to_take_part;
    it->second.waiting_exclusive.erase(place);
    look_who_takes_part(it->second);
    drop_if_free(it);
  }
}

void LockTable::hold(const std::vector<std::string>& names, std::uint32_t permits, Token token, Holder holder,
                     const std::vector<Token>& entered, Duration period) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    Lock& lock = locks_.try_emplace(names[i]).first->second;
    lock.permits = permits;
    lock.period = period;
    if (holder.by) lock.by = holder.by;
    holder.family = family_of(entered, i, token);
    const auto [known, is_new] = lock.holders.try_emplace(token, holder);
    if (!is_new) uncount(lock, std::exchange(known->second, holder));
    if (holder.mode == Mode::exclusive) ++lock.exclusive;
    if (holder.by) ++lock.taking_part;
    ++lock.families[holder.family];
  }
}

void LockTable::let_go(const std::vector<std::string>& names, Token token) {
  for (const std::string& name : names) {
    const auto it = locks_.find(name);
    if (it == locks_.end()) continue;
    const auto holder = it->second.holders.find(token);
    if (holder != it->second.holders.end()) {
      uncount(it->second, holder->second);
      it->second.holders.erase(holder);
    }
    look_who_takes_part(it->second);
    drop_if_free(it);
  }
}

void LockTable::close(const std::string& name, bool closed) {
  const auto it = locks_.find(name);
  if (it != locks_.end()) it->second.closed = closed;
}

void LockTable::look_who_takes_part(Lock& lock) {
  if (lock.taking_part + lock.waiting_to_take_part == 0) lock.by.reset();
}

void LockTable::drop_if_free(std::map<std::string, Lock>::iterator lock) {
  if (lock->second.free()) locks_.erase(lock);
}

}  // namespace coord::service
