// SPDX-License-Identifier: MIT
// What the shell users ask for.
#include <algorithm>

#include "sweep/tools.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;

std::string numbered(const char* kind, std::uint64_t number) {
  return kind + std::to_string(number);
}

}  // namespace

void Tools::some_names(local::Acquire& request) {
  if (random_.chance(config_.semaphore)) {
    const std::uint64_t pool = random_.below(3);
    request.names = {numbered("pool-", pool)};
    request.permits = 2 + static_cast<std::uint32_t>(pool);
    return;
  }
  const bool several = random_.chance(config_.several);
  const std::uint64_t count =
      several ? 2 + random_.below(std::max<std::size_t>(config_.names_at_once, 2) - 1) : 1;
  for (std::uint64_t i = 0; i < count; ++i)
    request.names.push_back(numbered("lock-", random_.below(config_.names)));
  std::sort(request.names.begin(), request.names.end());
  request.names.erase(std::unique(request.names.begin(), request.names.end()), request.names.end());
  if (random_.chance(config_.shared)) request.mode = local::Mode::shared;
}

local::Acquire Tools::some_lock() {
  local::Acquire request;
  some_names(request);
  const bool may_refuse = !config_.plain || request.mode == local::Mode::exclusive;
  request.wait = !(may_refuse && random_.chance(config_.no_wait));
  if (random_.chance(config_.lock_delay))
    request.lock_delay = random_.between(milliseconds(10), milliseconds(400));
  if (random_.chance(config_.min_hold))
    request.min_hold = random_.between(milliseconds(10), milliseconds(400));
  return request;
}

// delect. What a slot's key is, its scripts agree on, as crontabs do: by the time, here of a second or so.
local::Acquire Tools::some_candidacy() {
  local::Acquire request;
  const std::uint64_t job = random_.below(std::min<std::size_t>(config_.names, 4));
  request.names = {numbered("job-", job)};
  request.wait = !random_.chance(config_.no_wait);
  if (random_.chance(config_.min_hold))
    request.min_hold = random_.between(milliseconds(10), milliseconds(400));
  service::Candidacy wish;
  wish.priority = static_cast<std::int32_t>(random_.below(3));
  wish.preempt = random_.chance(0.3);
  if (random_.chance(config_.slot)) {
    service::SlotWish slot;
    const bool by_the_clock = job % 2 == 1;
    const Duration length = by_the_clock ? milliseconds(1000) : milliseconds(700);
    if (by_the_clock) slot.period = length;
    // Their clocks differ by less than half a period.
    const Duration skew = by_the_clock ? random_.between(Duration{}, length * 4 / 10) : Duration{};
    slot.key = numbered(
        "", 1'000'000 + static_cast<std::uint64_t>((world_.now().time_since_epoch() + skew) / length));
    slot.attempts = 1 + static_cast<std::uint32_t>(job % 3);
    wish.slot = slot;
  }
  request.candidacy = wish;
  return request;
}

local::Acquire Tools::some_permit() {
  local::Acquire request;
  request.names = {numbered("rate-", random_.below(2))};
  const Rate rate = *rate_of(request.names.front());
  request.permits = rate.permits;
  request.period = request.min_hold = rate.period;
  return request;
}

local::Acquire Tools::some_flight() {
  local::Acquire request;
  const std::uint64_t flight = random_.below(2);
  request.names = {numbered("flight-", flight)};
  request.key_high = 1 + flight;
  request.join = true;
  return request;
}

local::Acquire Tools::some_request() {
  const auto choose = [&] {
    if (random_.chance(config_.candidacy)) return some_candidacy();
    if (random_.chance(config_.rate)) return some_permit();
    return random_.chance(config_.join) ? some_flight() : some_lock();
  };
  local::Acquire request = choose();
  request.request = 1;
  request.ttl = random_.between(config_.ttl_low, config_.ttl_high);
  request.command = "script";
  return request;
}

local::Stand Tools::some_order(const std::string& name, bool enroll) {
  return {1, name, enroll, static_cast<std::int32_t>(random_.below(3)), ""};
}

// delect --enroll, --withdraw: nothing runs, and the peer stands for the name whether somebody asks or not.
void Tools::stand(NodeId host, local::Stand order, bool insist) {
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) return;
  if (insist && order.enroll && withdraws_) return;  // its time has passed
  const std::uint64_t id = ++last_id_;
  Look& look = looks_[id];
  look.host = host;
  look.over = true;
  if (insist) look.insists = order;
  const replica::ConnectionId connection{id};
  say(host, connection, local::Hello{local::protocol_version, "delect"});
  say(host, connection, std::move(order));
}

void Tools::enroll_everywhere(bool enroll) {
  if (!enrolls()) return;
  withdraws_ = !enroll;
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    stand(NodeId{host}, some_order(enrolled_everywhere, enroll), true);
    if (enroll) continue;
    for (const char* name : {"post-0", "post-1"}) stand(NodeId{host}, some_order(name, false), true);
  }
}

// A dlock inside of the command of another: mostly for what that one holds, which is then held twice.
void Tools::nest(std::uint64_t outer) {
  later(Duration{}, milliseconds(100), [this, outer] {
    Run* around = find(outer);
    if (world_.violation() || around == nullptr || around->stage != Stage::running || !around->connected ||
        world_.state(around->host) != sim::NodeState::running)
      return;
    local::Acquire request = some_request();
    request.candidacy.reset();
    request.join = false;
    const local::Acquire& theirs = around->request;
    const bool permit = theirs.period > Duration{};  // is for one command
    const bool again = random_.chance(0.7) && !theirs.candidacy && !permit;
    request.names = {again ? theirs.names[random_.below(theirs.names.size())]
                           : numbered("lock-", random_.below(config_.names))};
    request.mode = again ? theirs.mode : local::Mode::exclusive;
    request.permits = again ? theirs.permits : 1;
    request.period = request.lock_delay = request.min_hold = Duration{};
    for (const std::size_t i : around->seen) seen_[i].lingers = true;
    start_inside(*around, outer, std::move(request));
  });
}

}  // namespace coord::sweep
