// SPDX-License-Identifier: MIT
// The leases of this host's sessions: when each must be renewed, and when what runs under it must have
// stopped. The rule itself, and why it is safe: sessions.hpp.
//
// A lease rings once, for whatever comes first. Renewals that are due at about the same time go into the same
// command: a host with a thousand tools writes one entry for them all.
//
// Pure; owned by Sessions and by Participants, each with its own. A Lease that has an alarm must stay where
// it is in memory until clear().
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/commands.hpp"

namespace coord::replica {

// A tool's connection and the session on it, which may outlive the connection. Given by
// the driver, never used twice.
using ConnectionId = StrongId<struct ConnectionTag>;

struct Lease {
  SessionId session;  // 0: not opened yet, or ended
  Duration ttl{};
  Instant renewal_sent;                // of the last renewal that succeeded; the opening counts as one
  std::optional<Instant> elsewhere{};  // likewise, of what is held under it elsewhere (HeldElsewhere)
  // Likewise, of an earlier life of this peer that was a site of an epoch in which it takes part.
  std::optional<Instant> took_part{};
  bool renewing = false;
  std::uint32_t pid = 0;  // of the command, once it runs; 0: not known
  Duration grace{};
  bool terminated = false;          // TERM was sent
  std::optional<Instant> break_at;  // somebody wants it broken: TERM was sent, KILL comes then
  // Nobody has taken up what was granted under it: it is not renewed, and passed on then.
  std::optional<Instant> take_up_by;
  std::optional<Instant> alarm;  // its place among the alarms

  // What runs under it ends in time although the lease is renewed.
  bool keeps_deadline() const { return took_part && elsewhere; }
  Instant counts_from() const { return elsewhere ? std::min(renewal_sent, *elsewhere) : renewal_sent; }
};

enum class LeaseUse : std::uint8_t { none, kept, runs };  // runs: a command, which must be stopped in time

class Leases {
 public:
  // When KILL is due; when TERM is, by this peer: its tool sends it first, unless this peer has to say why;
  // when to renew.
  Instant stop_by(const Lease& lease) const;
  Instant terminate_at(const Lease& lease) const;
  Instant renew_at(const Lease& lease) const;
  // Of what is granted now.
  Instant take_up_by(const Lease& lease, Instant now) const;

  void set(ConnectionId id, Lease& lease, LeaseUse use);
  void clear(ConnectionId id, Lease& lease);
  std::optional<Instant> deadline() const;
  std::vector<ConnectionId> ringing(Instant now) const;

  using Due = std::vector<std::pair<ConnectionId, Lease*>>;
  // Those whose renewal is due, and if there are any those for whom it soon will be.
  Due due(Instant now) const;
  // Begins their renewals: one a command. The caller sets their alarms anew.
  struct Renewal {
    std::vector<ConnectionId> connections;
    service::Renew body;
  };
  static std::vector<Renewal> renew(const Due& due);

 private:
  std::map<std::pair<Instant, ConnectionId>, Lease*> alarms_;
};

}  // namespace coord::replica
