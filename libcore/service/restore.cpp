// A machine from a snapshot: what can be computed is computed again, and the parts must fit each other.
#include <algorithm>

#include "service/machine.hpp"

namespace coord::service {

namespace {

Error inconsistent(std::string what) {
  return Error{ErrorKind::data, "snapshot of the service", std::move(what),
               "restore this peer with --rejoin"};
}

bool sorted_unique(const std::vector<std::string>& names) {
  return !names.empty() && std::ranges::adjacent_find(names, std::greater_equal<>()) == names.end();
}

// Whether another holder of this mode fits beside those that each name has already.
bool fits(const LockTable& locks, const std::vector<std::string>& names, Mode mode, std::uint32_t slots) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    const Lock* lock = locks.find(name);
    if (lock == nullptr) return true;
    if (lock->slots != slots) return false;
    if (slots > 1) return lock->holders.size() < slots;
    return lock->holders.empty() ||
           (mode == Mode::shared && lock->holders.begin()->second.mode == Mode::shared);
  });
}

bool in_range(Duration length, const Limits& limits) {
  return length >= Duration::zero() && length <= limits.duration_high;
}

bool well_formed(const std::vector<std::string>& names, Mode mode, std::uint32_t slots) {
  return sorted_unique(names) && mode <= Mode::shared && slots >= 1 &&
         (slots == 1 || mode == Mode::exclusive);
}

}  // namespace

Result<Machine> Machine::restore(State state, Limits limits) {
  Machine machine(limits);
  machine.state_ = std::move(state);
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
        !fits(locks_, remnant.names, remnant.mode, remnant.slots))
      return inconsistent("two holders of one lock");
    const Duration longest = std::max(remnant.lock_delay, remnant.min_hold);
    if (!in_range(remnant.lock_delay, limits_) || !in_range(remnant.min_hold, limits_) ||
        longest == Duration::zero())
      return inconsistent("a lock that is kept shut for no time");
    owner_bytes_ += bytes_of_owner(remnant.owner);
    name_bytes_ += bytes_of_names(remnant.names);
    locks_.hold(remnant.names, remnant.slots, token, Holder{remnant.mode, LogIndex{}});
  }
  for (const auto& [place, request] : state_.requests) {
    Status status = rebuild_request(place, request);
    if (!status) return status;
  }
  return done();
}

Status Machine::rebuild_request(LogIndex place, const Request& request) {
  if (place.value == 0 || place > state_.applied) return inconsistent("a request from the future");
  if (!state_.sessions.contains(request.session))
    return inconsistent("a request of a session that has ended");
  if (!requests_of_[request.session].emplace(request.number, place).second)
    return inconsistent("two requests of one number");
  if (!well_formed(request.names, request.mode, request.slots) || !in_range(request.lock_delay, limits_) ||
      !in_range(request.min_hold, limits_))
    return inconsistent("a malformed request");
  name_bytes_ += bytes_of_names(request.names);
  if (!request.held()) {
    if (!locks_.slots_fit(request)) return inconsistent("a name with two numbers of slots");
    locks_.wait(request, place);
    return done();
  }
  if (request.token > state_.last_token || state_.remnants.contains(request.token) ||
      !place_of_.emplace(request.token, place).second)
    return inconsistent("a token that was given twice or not yet");
  if (!fits(locks_, request.names, request.mode, request.slots))
    return inconsistent("two holders of one lock");
  locks_.hold(request.names, request.slots, request.token, Holder{request.mode, place});
  return done();
}

}  // namespace coord::service
