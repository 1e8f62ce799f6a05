// A machine from a snapshot: what can be computed is computed again, and the parts must fit each other.
#include <algorithm>

#include "service/machine.hpp"

namespace coord::service {

Error inconsistent(std::string what) {
  return Error{ErrorKind::data, "snapshot of the service", std::move(what),
               "restore this peer with --rejoin"};
}

namespace {

bool sorted_unique(const std::vector<std::string>& names) {
  return !names.empty() && std::ranges::adjacent_find(names, std::greater_equal<>()) == names.end();
}

// Whether another holder of this mode fits beside those that each name has already: with its own family
// always.
bool fits(const LockTable& locks, const std::vector<std::string>& names, const std::vector<Token>& entered,
          Token own, Mode mode, std::uint32_t slots) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Lock* lock = locks.find(names[i]);
    if (lock == nullptr) continue;
    if (lock->slots != slots) return false;
    if (lock->families.contains(family_of(entered, i, own))) continue;
    const bool room = slots > 1 ? lock->families.size() < slots
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

bool well_formed(const std::vector<std::string>& names, Mode mode, std::uint32_t slots) {
  return sorted_unique(names) && mode <= Mode::shared && slots >= 1 &&
         (slots == 1 || mode == Mode::exclusive);
}

}  // namespace

Result<Machine> Machine::restore(State state, std::optional<Limits> limits) {
  Machine machine = limits ? Machine(*limits) : Machine();
  machine.state_ = std::move(state);
  machine.set_level(machine.state_.level);
  Status status = machine.rebuild();
  if (!status) return status.error();
  return machine;
}

Status Machine::rebuild() {
  for (const auto& [node, registration] : state_.registrations) {
    if (registration.client.value == 0 || registration.client.value > state_.applied.value)
      return inconsistent("a registration from the future");
    if (!registration.applied.empty() && registration.applied.begin()->first <= registration.settled)
      return inconsistent("a command that is both settled and open");
  }
  for (const auto& [id, session] : state_.sessions) {
    if (id.value == 0 || id.value > state_.applied.value) return inconsistent("a session from the future");
    if (session.ttl <= Duration::zero() || !in_range(session.ttl, limits_))
      return inconsistent("a session without a lease");
    count_session(session);
  }
  for (const auto& [token, remnant] : state_.remnants) {
    if (token > state_.last_token) return inconsistent("a token that was not given yet");
    if (!well_formed(remnant.names, remnant.mode, remnant.slots) ||
        !good_families(remnant.entered, remnant.names, token))
      return inconsistent("a malformed hold that is over");
    if (!fits(locks_, remnant.names, remnant.entered, token, remnant.mode, remnant.slots))
      return inconsistent("two holders of one lock");
    const Duration longest = std::max(remnant.lock_delay, remnant.min_hold);
    if (!in_range(remnant.lock_delay, limits_) || !in_range(remnant.min_hold, limits_) ||
        longest == Duration::zero())
      return inconsistent("a lock that is kept shut for no time");
    owner_bytes_ += bytes_of_owner(remnant.owner);
    count_names(remnant.owner, remnant.names);
    locks_.hold(remnant.names, remnant.slots, token, Holder{remnant.mode, LogIndex{}, {}}, remnant.entered,
                remnant.period);
  }
  for (const auto& [place, request] : state_.requests) {
    Status status = rebuild_request(place, request);
    if (!status) return status;
  }
  for (const auto& [place, request] : state_.requests) {
    if (request.joins == LogIndex{} || request.joined) continue;
    const auto hold = state_.requests.find(request.joins);
    if (hold == state_.requests.end() || !hold->second.held())
      return inconsistent("a request that joined nobody");
    join(place, request.joins);
  }
  for (const auto& [name, history] : state_.history) {
    if (history.holds.empty() || history.holds.size() > limits_.history_holds)
      return inconsistent("a history of nothing, or too long");
    for (const PastHold& hold : history.holds) history_bytes_ += bytes_of_hold(hold);
    history_bytes_ += name.size();
    history_by_age_.emplace(history.last, name);
  }
  for (const auto& [name, barrier] : state_.barriers.barriers) {
    for (const auto& [number, generation] : barrier.generations) {
      for (const auto& [id, arrival] : generation.arrivals) {
        if (arrival.session != SessionId{} && !state_.sessions.contains(arrival.session))
          return inconsistent("a participant whose session has ended");
      }
    }
  }
  if (!barriers_.rebuild(state_.barriers, state_.applied))
    return inconsistent("a barrier that cannot have come to be");
  return rebuild_elections();
}

Status Machine::rebuild_request(LogIndex place, const Request& request) {
  if (place.value == 0 || place > state_.applied) return inconsistent("a request from the future");
  if (!state_.sessions.contains(request.session))
    return inconsistent("a request of a session that has ended");
  if (!requests_of_[request.session].emplace(request.number, place).second)
    return inconsistent("two requests of one number");
  if (!well_formed(request.names, request.mode, request.slots) || !in_range(request.lock_delay, limits_) ||
      !in_range(request.min_hold, limits_) || request.inside.size() > limits_.nesting ||
      !good_families(request.entered, request.names, request.token))
    return inconsistent("a malformed request");
  count_names(state_.sessions.at(request.session).owner, request.names);
  if (request.joined || (!request.held() && request.joins != LogIndex{})) return done();
  if (!locks_.period_fits(request)) return inconsistent("a name with two rates");
  if (!request.held()) {
    if (!locks_.slots_fit(request)) return inconsistent("a name with two numbers of slots");
    wait_in_line(place);
    return done();
  }
  if (request.token > state_.last_token || state_.remnants.contains(request.token) ||
      !place_of_.emplace(request.token, place).second)
    return inconsistent("a token that was given twice or not yet");
  if (!fits(locks_, request.names, request.entered, request.token, request.mode, request.slots))
    return inconsistent("two holders of one lock");
  locks_.hold(request.names, request.slots, request.token, Holder{request.mode, place, {}}, request.entered,
              request.period);
  return done();
}

}  // namespace coord::service
