// SPDX-License-Identifier: MIT
// Requests from inside of a hold: what they re-enter, and the waits that could never end.
#include <algorithm>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/locks/locks.hpp"
#include "service/locks/wait_graph.hpp"

namespace coord::service {

Token Request::fence() const {
  if (entered.empty() || std::ranges::find(entered, Token{}) != entered.end()) return token;
  return *std::ranges::max_element(entered);
}

bool Locks::Entry::takes(const Request& request, const std::string& name) const {
  if (entered.empty()) return true;
  const auto at = std::ranges::lower_bound(request.names, name) - request.names.begin();
  return entered[static_cast<std::size_t>(at)] == Token{};
}

// The proof is the peer's; here only that they are its sessions, and live.
std::vector<SessionId> Locks::proved(const std::vector<SessionId>& inside, NodeId node) const {
  std::vector<SessionId> result;
  for (const SessionId id : inside) {
    const Session* found = core_->session(id);
    if (found != nullptr && found->node == node && std::ranges::find(result, id) == result.end())
      result.push_back(id);
  }
  return result;
}

// The outermost hold that will do decides: a name's family is that of who took it first.
Locks::Entry Locks::entry(const Request& request) const {
  Entry result;
  if (request.inside.empty() || request.part) return result;  // who takes part re-enters nothing
  result.entered.resize(request.names.size());
  for (std::size_t i = 0; i < request.names.size(); ++i) {
    bool shared = false;
    for (const SessionId outer : request.inside) {
      for (const auto& [number, place] : requests_of(outer)) {
        const Request& hold = state().requests.at(place);
        const auto at = std::ranges::lower_bound(hold.names, request.names[i]);
        const bool holds = COORD_RULE(reenters_only_what_is_held,
                                      hold.held() && at != hold.names.end() && *at == request.names[i]);
        if (!holds || result.entered[i] != Token{} || hold.terms.permits != request.terms.permits) continue;
        if (request.terms.mode == Mode::exclusive && hold.terms.mode == Mode::shared) {
          shared = true;
        } else {
          result.entered[i] =
              hold.family(std::min(static_cast<std::size_t>(at - hold.names.begin()), hold.names.size() - 1));
        }
      }
    }
    if (shared && result.entered[i] == Token{}) result.shared_only = true;
  }
  if (std::ranges::all_of(result.entered, [](Token t) { return t == Token{}; })) result.entered.clear();
  return result;
}

const std::set<LogIndex>& Locks::waits_under(SessionId session) const {
  static const std::set<LogIndex> none;
  const auto it = waits_under_.find(session);
  return it == waits_under_.end() ? none : it->second;
}

void Locks::wait_in_line(LogIndex place) {
  const Request& request = state().requests.at(place);
  table_.wait(request, place);
  count_sites(place, request);
  if (request.join) would_join_[request.names.front()].insert(place);
  waits_under_[request.session].insert(place);
  for (const SessionId outer : request.inside) waits_under_[outer].insert(place);
}

// Does nothing for a request that did not wait.
void Locks::leave_line(LogIndex place, const Request& request) {
  table_.stop_waiting(request, place);
  uncount_sites(place, request);
  if (const auto line = would_join_.find(request.names.front()); line != would_join_.end()) {
    line->second.erase(place);
    if (line->second.empty()) would_join_.erase(line);
  }
  if (const auto joiners = joiners_.find(request.joins); joiners != joiners_.end()) {
    joiners->second.erase(place);
    if (joiners->second.empty()) joiners_.erase(joiners);
  }
  const auto forget = [&](SessionId session) {
    const auto it = waits_under_.find(session);
    if (it == waits_under_.end()) return;
    it->second.erase(place);
    if (it->second.empty()) waits_under_.erase(it);
  };
  forget(request.session);
  for (const SessionId outer : request.inside) forget(outer);
}

// A hold has begun or ended, and requests wait inside of it: one may wait for what it had re-entered, another
// now holds up who waits for this hold.
void Locks::suspect_waits(const Request& request) {
  for (const LogIndex place : waits_under(request.session)) suspects_.insert(place);
}

void Locks::end_deadlocks(Step& step) {
  while (!suspects_.empty()) {
    const LogIndex place = *suspects_.begin();
    const auto suspect = state().requests.find(place);
    std::optional<Deadlock> deadlock;
    if (suspect != state().requests.end() && !suspect->second.held() && !suspect->second.joined)
      deadlock = find_deadlock(*this, suspect->second, place);
    if (!COORD_RULE(cycles_that_close_later_end, !deadlock)) {
      const Request victim = std::move(state().requests.at(deadlock->victim));
      forget_request(deadlock->victim, victim);
      leave_line(deadlock->victim, victim);
      deadlock->cycle.resize(std::min(deadlock->cycle.size(), core_->limits().shown_cycle));
      step.effects.push_back(Deadlocked{victim.session, victim.number, std::move(deadlock->cycle)});
      touched_.insert(victim.names.begin(), victim.names.end());
      grant_next(step);
    } else {
      suspects_.erase(place);
    }
  }
}

}  // namespace coord::service
