// SPDX-License-Identifier: MIT
#include "replica/leases.hpp"

#include <algorithm>

#include "base/lease.hpp"

namespace coord::replica {

namespace {

Duration fraction(Duration whole, double part) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * part));
}

// of the TTL: the wrapper sends TERM first, the peer only if it must; where it knows why, it is the first
constexpr double peer_waits_for_wrapper = 0.02;
constexpr double renew_together = 0.05;       // of the TTL: what is due so soon goes into the same command
constexpr std::size_t in_one_command = 4096;  // service::Limits::sessions_a_renew

}  // namespace

Instant Leases::stop_by(const Lease& lease) const {
  const Instant by_lease = lease::stop_by(lease.counts_from(), lease.ttl);
  return lease.break_at ? std::min(by_lease, *lease.break_at) : by_lease;
}

Instant Leases::terminate_at(const Lease& lease) const {
  const double after = lease.keeps_deadline() ? -peer_waits_for_wrapper : peer_waits_for_wrapper;
  return stop_by(lease) - lease.grace + fraction(lease.ttl, after);
}

Instant Leases::renew_at(const Lease& lease) const {
  return lease::renew_at(lease.renewal_sent, lease.ttl);
}

Instant Leases::take_up_by(const Lease& lease, Instant now) const {
  return std::min(lease::take_up_by(now, lease.ttl), stop_by(lease));
}

void Leases::set(ConnectionId id, Lease& lease, LeaseUse use) {
  clear(id, lease);
  const bool lives = lease.session != SessionId{} && use != LeaseUse::none;
  if (lives && !lease.take_up_by && !lease.renewing) lease.alarm = renew_at(lease);
  if (use == LeaseUse::runs) {
    const Instant stop = lease.terminated || lease.pid == 0 ? stop_by(lease) : terminate_at(lease);
    const Instant next = lease.take_up_by ? std::min(*lease.take_up_by, stop) : stop;
    if (!lease.alarm || next < *lease.alarm) lease.alarm = next;
  }
  if (lease.alarm) alarms_.emplace(std::pair(*lease.alarm, id), &lease);
}

void Leases::clear(ConnectionId id, Lease& lease) {
  if (lease.alarm) alarms_.erase({*lease.alarm, id});
  lease.alarm.reset();
}

std::optional<Instant> Leases::deadline() const {
  if (alarms_.empty()) return std::nullopt;
  return alarms_.begin()->first.first;
}

std::vector<ConnectionId> Leases::ringing(Instant now) const {
  std::vector<ConnectionId> ids;
  for (const auto& [place, lease] : alarms_) {
    if (place.first > now) break;
    ids.push_back(place.second);
  }
  return ids;
}

Leases::Due Leases::due(Instant now) const {
  Due due;
  bool any = false;
  for (const auto& [place, lease] : alarms_) {
    const auto& [when, id] = place;
    if (when > now + (any ? fraction(lease->ttl, renew_together) : Duration{})) break;
    if (lease->renewing || when != renew_at(*lease)) continue;
    any = true;
    due.emplace_back(id, lease);
  }
  return due;
}

std::vector<Leases::Renewal> Leases::renew(const Due& due) {
  std::vector<Renewal> renewals;
  for (const auto& [id, lease] : due) {
    if (lease->session == SessionId{} || lease->renewing) continue;
    if (renewals.empty() || renewals.back().connections.size() >= in_one_command) renewals.emplace_back();
    lease->renewing = true;
    renewals.back().connections.push_back(id);
    renewals.back().body.sessions.push_back(lease->session);
  }
  return renewals;
}

}  // namespace coord::replica
