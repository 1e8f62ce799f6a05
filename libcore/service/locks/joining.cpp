// SPDX-License-Identifier: MIT
// Waiting for another's run instead of running again, and what is remembered of holds that are over.
#include <algorithm>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/locks/locks.hpp"

namespace coord::service {

// ---- joining

bool Locks::runs_the_same(const Request& request, const std::string& user, const Request& hold) const {
  return hold.held() && hold.key == request.key && hold.names == request.names &&
         hold.terms.mode == request.terms.mode && hold.terms.permits == request.terms.permits &&
         COORD_RULE(joins_only_its_own_user, core_->session(hold.session)->owner.user == user);
}

// The place of a hold that the request may join; 0: none.
LogIndex Locks::same_run(const Request& request, const std::string& user) const {
  const Lock* lock = table_.find(request.names.front());
  if (lock == nullptr) return {};
  for (const auto& [token, holder] : lock->holders) {
    if (holder.place == LogIndex{}) continue;
    if (runs_the_same(request, user, state().requests.at(holder.place))) return holder.place;
  }
  return {};
}

void Locks::join(LogIndex place, LogIndex hold) {
  Request& request = state().requests.at(place);
  request.joins = hold;
  joiners_[hold].insert(place);
  waits_under_[request.session].insert(place);
  for (const SessionId outer : request.inside) waits_under_[outer].insert(place);
}

// Those in line who would join it need not stand there any more.
void Locks::join_what_was_granted(LogIndex hold) {
  const Request& granted = state().requests.at(hold);
  const auto line = would_join_.find(granted.names.front());
  if (line == would_join_.end()) return;
  for (const LogIndex place : std::set<LogIndex>(line->second)) {
    const Request& request = state().requests.at(place);
    if (!runs_the_same(request, core_->session(request.session)->owner.user, granted)) continue;
    leave_line(place, request);
    join(place, hold);
    touched_.insert(request.names.begin(), request.names.end());
    suspects_.insert(place);
  }
}

// A status is theirs; without one nobody knows whether it was done, and they stand in line for it.
void Locks::end_joined(LogIndex place, const Request& hold, std::optional<std::uint8_t> status, Step& step) {
  const auto found = joiners_.find(place);
  if (found == joiners_.end()) return;
  for (const LogIndex waiting : std::set<LogIndex>(found->second)) {
    Request& request = state().requests.at(waiting);
    leave_line(waiting, request);
    request.joins = LogIndex{};
    if (status) {
      request.joined = status;
      step.effects.push_back(Joined{request.session, request.number, hold.fence(), *status});
    } else {
      wait_in_line(waiting);
      touched_.insert(request.names.begin(), request.names.end());
      suspects_.insert(waiting);
    }
  }
}

// ---- history

std::size_t bytes_of_hold(const PastHold& hold) {
  constexpr std::size_t numbers = 96;
  return numbers + bytes_of_owner(hold.owner);
}

void Locks::forget_history(std::map<std::string, NameHistory>::iterator name) {
  history_by_age_.erase({name->second.last, name->first});
  history_bytes_ -= name->first.size();
  for (const PastHold& hold : name->second.holds) history_bytes_ -= bytes_of_hold(hold);
  state().history.erase(name);
}

// Names that were re-entered are no holds of their own.
void Locks::note_history(const Request& hold, const End& end, const Step& step) {
  const Session* session = core_->session(hold.session);
  PastHold past{.session = hold.session,
                .owner = session != nullptr ? session->owner : Owner{},
                .mode = hold.terms.mode,
                .permits = hold.terms.permits,
                .token = hold.fence(),
                .asked = hold.asked,
                .granted = hold.since,
                .ended = step.wall,
                .why = end.why,
                .status = end.status};
  past.owner.command.resize(std::min(past.owner.command.size(), core_->limits().history_command));
  for (std::size_t i = 0; i < hold.names.size(); ++i) {
    if (hold.family(i) != hold.token) continue;
    const auto name = state().history.try_emplace(hold.names[i]).first;
    NameHistory& history = name->second;
    if (history.holds.empty()) history_bytes_ += name->first.size();
    history_by_age_.erase({history.last, name->first});
    history.last = step.index;
    history_by_age_.emplace(history.last, name->first);
    history_bytes_ += bytes_of_hold(past);
    history.holds.push_back(past);
    if (history.holds.size() > core_->limits().history_holds) {
      history_bytes_ -= bytes_of_hold(history.holds.front());
      history.holds.erase(history.holds.begin());
    }
  }
  while (state().history.size() > core_->limits().history_names ||
         history_bytes_ > core_->limits().history_bytes)
    forget_history(state().history.find(history_by_age_.begin()->second));
}

}  // namespace coord::service
