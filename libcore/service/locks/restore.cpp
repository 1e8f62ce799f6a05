// SPDX-License-Identifier: MIT
// Locks from a snapshot.
#include <algorithm>
#include <functional>

#include "service/core.hpp"
#include "service/locks/locks.hpp"

namespace coord::service {

namespace {

bool sorted_unique(const std::vector<std::string>& names) {
  return !names.empty() && std::ranges::adjacent_find(names, std::greater_equal<>()) == names.end();
}

// Whether another holder of this mode fits beside those that each name has already:
// with its own family always.
bool fits(const LockTable& locks, const std::vector<std::string>& names, const std::vector<Token>& entered,
          Token own, Mode mode, std::uint32_t permits) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Lock* lock = locks.find(names[i]);
    if (lock == nullptr) continue;
    if (lock->permits != permits) return false;
    if (lock->families.contains(family_of(entered, i, own))) continue;
    const bool room = permits > 1 ? lock->families.size() < permits
                                  : lock->families.empty() || (mode == Mode::shared && lock->shared_only());
    if (!room) return false;
  }
  return true;
}

bool good_families(const std::vector<Token>& entered, const std::vector<std::string>& names, Token own) {
  return entered.empty() ||
         (entered.size() == names.size() && std::ranges::all_of(entered, [&](Token t) { return t < own; }) &&
          std::ranges::any_of(entered, [](Token t) { return t != Token{}; }));
}

bool in_range(Duration length, const Limits& limits) {
  return length >= Duration::zero() && length <= limits.duration_high;
}

bool well_formed(const std::vector<std::string>& names, Mode mode, std::uint32_t permits) {
  return sorted_unique(names) && mode <= Mode::shared && permits >= 1 &&
         (permits == 1 || mode == Mode::exclusive);
}

}  // namespace

Status Locks::rebuild(Rebuild& rebuild) {
  for (const auto& [token, lingering_hold] : state().lingering_holds) {
    Status status = rebuild_lingering_hold(token, lingering_hold, rebuild);
    if (!status) return status;
  }
  for (const auto& [place, request] : state().requests) {
    Status status = rebuild_request(place, request, rebuild);
    if (!status) return status;
  }
  for (const auto& [place, request] : state().requests) {
    if (request.joins == LogIndex{} || request.joined) continue;
    const auto hold = state().requests.find(request.joins);
    if (hold == state().requests.end() || !hold->second.held())
      return inconsistent("a request that joined nobody");
    join(place, request.joins);
  }
  if (Status status = rebuild_epochs(); !status) return status;
  for (const auto& [name, history] : state().history) {
    if (history.holds.empty() || history.holds.size() > core_->limits().history_holds)
      return inconsistent("a history of nothing, or too long");
    for (const PastHold& hold : history.holds) history_bytes_ += bytes_of_hold(hold);
    history_bytes_ += name.size();
    history_by_age_.emplace(history.last, name);
  }
  return done();
}

Status Locks::rebuild_lingering_hold(Token token, const LingeringHold& lingering_hold, Rebuild& rebuild) {
  if (token > core_->state().last_token || !rebuild.is_new(token))
    return inconsistent("a token that was not given yet");
  if (!well_formed(lingering_hold.names, lingering_hold.terms.mode, lingering_hold.terms.permits) ||
      !good_families(lingering_hold.entered, lingering_hold.names, token))
    return inconsistent("a malformed hold that is over");
  if (!fits(table_, lingering_hold.names, lingering_hold.entered, token, lingering_hold.terms.mode,
            lingering_hold.terms.permits))
    return inconsistent("two holders of one lock");
  const Duration longest = std::max(lingering_hold.terms.lock_delay, lingering_hold.terms.min_hold);
  if (!in_range(lingering_hold.terms.lock_delay, core_->limits()) ||
      !in_range(lingering_hold.terms.min_hold, core_->limits()) || longest == Duration::zero())
    return inconsistent("a lock that is kept shut for no time");
  core_->count_owner(lingering_hold.owner);
  core_->count_names(lingering_hold.owner, lingering_hold.names);
  table_.hold(lingering_hold.names, lingering_hold.terms.permits, token,
              Holder{lingering_hold.terms.mode, LogIndex{}, {}}, lingering_hold.entered,
              lingering_hold.terms.period);
  return done();
}

Status Locks::rebuild_request(LogIndex place, const Request& request, Rebuild& rebuild) {
  if (place.value == 0 || place > core_->state().applied) return inconsistent("a request from the future");
  if (core_->session(request.session) == nullptr)
    return inconsistent("a request of a session that has ended");
  if (!rebuild.is_new(request.session, request.number)) return inconsistent("two requests of one number");
  requests_of_[request.session].emplace(request.number, place);
  if (!well_formed(request.names, request.terms.mode, request.terms.permits) ||
      !in_range(request.terms.lock_delay, core_->limits()) ||
      !in_range(request.terms.min_hold, core_->limits()) || request.inside.size() > core_->limits().nesting ||
      !good_families(request.entered, request.names, request.token))
    return inconsistent("a malformed request");
  core_->count_names(core_->state().sessions.at(request.session).owner, request.names);
  if (request.joined || (!request.held() && request.joins != LogIndex{})) return done();
  if (!table_.entry_can_be(request)) return inconsistent("a name that is entered in two ways");
  if (!table_.period_fits(request)) return inconsistent("a name with two rates");
  if (!request.held()) {
    if (!table_.permits_fit(request)) return inconsistent("a name with two numbers of permits");
    wait_in_line(place);
    return done();
  }
  if (request.token > core_->state().last_token || !rebuild.is_new(request.token) ||
      !place_of_.emplace(request.token, place).second)
    return inconsistent("a token that was given twice or not yet");
  if (!fits(table_, request.names, request.entered, request.token, request.terms.mode, request.terms.permits))
    return inconsistent("two holders of one lock");
  table_.hold(request.names, request.terms.permits, request.token,
              Holder{request.terms.mode, place, {}, request.entry_by()}, request.entered,
              request.terms.period);
  return done();
}

}  // namespace coord::service
