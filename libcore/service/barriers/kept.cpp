// SPDX-License-Identifier: MIT
// What is kept of barriers, within which bounds, and what is computed from it anew.
#include <algorithm>

#include "base/check.hpp"
#include "service/barriers/change.hpp"
#include "service/words.hpp"

namespace coord::service {

void Barriers::close_late(Change& change, Generation& generation) const {
  if (!generation.late_open) return;
  generation.late_open = false;
  change.effects.push_back(TimerEnded{TimerKind::barrier_late, generation.timer()});
}

void Barriers::stop_delay(Change& change, const Generation& generation) const {
  if (generation.after_over) return;
  change.effects.push_back(TimerEnded{TimerKind::barrier_after, generation.timer()});
}

// Of the generations that are over the latest stays. A barrier that nobody uses is kept until there are too
// many of them.
void Barriers::tidy(Change& change, Place& barrier) {
  auto& generations = barrier.second.generations;
  std::vector<std::uint64_t> over;
  for (const auto& [number, generation] : generations) {
    if (generation.over()) over.push_back(number);
  }
  const bool used = over.size() < generations.size();
  if (!over.empty()) over.pop_back();
  for (const std::uint64_t number : over) erase(barrier, number);
  if (generations.empty()) {
    bytes_ -= barrier.first.size();
    if (barrier.second.idle_since == LogIndex{}) not_used_now(barrier.second);
    change.state.barriers.erase(std::string(barrier.first));
    return;
  }
  if (used || barrier.second.idle_since != LogIndex{}) return;
  not_used_now(barrier.second);
  barrier.second.idle_since = change.index;
  idle_.emplace(change.index, barrier.first);
  idle_bytes_ += bytes_of(barrier.first, barrier.second);
  while (idle_.size() > core_->limits().idle_barriers || idle_bytes_ > core_->limits().idle_barrier_bytes)
    forget_one(change);
}

void Barriers::not_used_now(const Barrier& barrier) {
  const auto used = used_by_.find(barrier.user);
  COORD_CHECK(used != used_by_.end() && used->second > 0);
  if (--used->second == 0) used_by_.erase(used);
}

void Barriers::erase(Place& barrier, std::uint64_t number) {
  const auto found = barrier.second.generations.find(number);
  bytes_ -= bytes_of(found->second);
  by_place_.erase(found->second.place);
  barrier.second.generations.erase(found);
}

void Barriers::forget_one(Change& change) {
  COORD_CHECK(!idle_.empty());
  const std::string name = idle_.begin()->second;
  idle_.erase(idle_.begin());
  const auto found = change.state.barriers.find(name);
  const std::size_t bytes = bytes_of(name, found->second);
  bytes_ -= bytes;
  idle_bytes_ -= bytes;
  for (auto& [number, generation] : found->second.generations) {
    close_late(change, generation);
    by_place_.erase(generation.place);
  }
  change.state.forgotten = std::max(change.state.forgotten, found->second.last);
  change.state.barriers.erase(found);
}

const Barriers::Seat* Barriers::seat(SessionId session) const {
  const auto found = seats_.find(session);
  return found == seats_.end() ? nullptr : &found->second;
}

Duration Barriers::timer_length(TimerKind kind, Token token) const {
  const auto found = by_place_.find(LogIndex{token.value});
  if (found == by_place_.end()) return {};
  const auto& [name, number] = found->second;
  const Generation& generation = state().barriers.at(name).generations.at(number);
  if (kind == TimerKind::barrier_late) return generation.late_open ? core_->limits().late_window : Duration{};
  const bool runs = generation.stage == GenerationStage::gathering && !generation.after_over;
  return runs ? generation.terms.after : Duration{};
}

std::vector<RunningTimer> Barriers::running_timers() const {
  std::vector<RunningTimer> running;
  for (const auto& [place, generation] : by_place_) {
    for (const TimerKind kind : timers) {
      const Token token{place.value};
      if (const Duration length = timer_length(kind, token); length > Duration::zero())
        running.push_back({kind, token, length});
    }
  }
  return running;
}

Status Barriers::rebuild(Rebuild& /*rebuild*/) {
  for (const auto& [name, barrier] : state().barriers) {
    for (const auto& [number, generation] : barrier.generations) {
      for (const auto& [id, arrival] : generation.arrivals) {
        if (arrival.session != SessionId{} && core_->session(arrival.session) == nullptr)
          return inconsistent("a participant whose session has ended");
      }
    }
  }
  if (!rebuild_all(state(), core_->state().applied))
    return inconsistent("a barrier that cannot have come to be");
  return done();
}

bool Barriers::rebuild_all(const BarrierState& state, LogIndex applied) {
  for (const auto& [name, barrier] : state.barriers) {
    const bool idle = barrier.idle_since != LogIndex{};
    if (barrier.generations.empty() || barrier.idle_since > applied) return false;
    for (const auto& [number, generation] : barrier.generations) {
      const bool gathers = generation.stage == GenerationStage::gathering;
      const bool placed = generation.place != LogIndex{} && generation.place <= applied &&
                          by_place_.emplace(generation.place, std::pair(name, number)).second;
      if (!placed || gathers != (number == barrier.last + 1) || number > barrier.last + 1) return false;
      if (generation.arrivals.empty() || (idle && !generation.over())) return false;
      if (generation.late_open && (gathers || generation.arrivals.size() >= generation.terms.count))
        return false;
      if (generation.terms.count == 0 || generation.terms.after < Duration::zero()) return false;
      const auto turn = generation.arrivals.find(generation.turn);
      const bool runs = turn != generation.arrivals.end() && turn->second.running();
      const bool waits =
          generation.terms.in_turn && generation.stage == GenerationStage::released && !generation.over();
      if (runs != waits || (!waits && !generation.turn.empty())) return false;
      for (const auto& [id, arrival] : generation.arrivals) {
        if (arrival.session == SessionId{} && gathers) return false;
        if (arrival.session != SessionId{} && !seats_.emplace(arrival.session, Seat{name, id, number}).second)
          return false;
      }
    }
    const std::size_t bytes = bytes_of(name, barrier);
    bytes_ += bytes;
    if (!idle) {
      ++used_by_[barrier.user];
      continue;
    }
    idle_.emplace(barrier.idle_since, name);
    idle_bytes_ += bytes;
  }
  return true;
}

void Barriers::list_holding(Words& words) const {
  for (const auto& [name, barrier] : state().barriers) {
    const bool runs = std::ranges::any_of(barrier.generations, [](const auto& numbered) {
      const Generation& generation = numbered.second;
      return generation.stage != GenerationStage::gathering && !generation.over();
    });
    if (runs) words.add("barrier", name, nullptr);
  }
}

}  // namespace coord::service
