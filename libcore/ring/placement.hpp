// SPDX-License-Identifier: MIT
// Which hosts of a ring keep a key's copies, and which of them are a majority.
//
// A key's owner is the first place at or after the key's own (protocol/chord/id.hpp); its copies are on the
// hosts of the places that follow, until N distinct hosts are named. All follows from what the group has
// agreed on (service/rings), so it is the same on each host that has the ring's number.
//
// Zones: hosts that share a room or a rack are lost together. So of the hosts that follow, first the first
// one of each zone is taken, and if there are fewer zones than copies, then the first ones that are left.
// Hosts whose zone is not told are of one zone. That is the greedy choice, so a host that comes, goes or
// moves still changes each set by one host at most, which majorities of before and after rely on. A host that
// moves, to other places or another zone, is the same member before and after.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "protocol/chord/id.hpp"
#include "service/rings/state.hpp"

namespace coord::ring {

using Host = service::RingHost;
using Hosts = std::vector<Host>;

// Whose copies count. While a host comes or goes: those of before as well.
struct ReplicaSet {
  Hosts now, before;  // the owner first

  bool is_kept_by(const Host& host) const;
  Hosts all() const;
  const Hosts& readable() const { return before.empty() ? now : before; }  // have all that was written
  // Enough of them: each write is seen by each read that begins after it.
  bool can_read(const std::set<Host>& answered) const;
  bool is_written(const std::set<Host>& stored) const;
  std::size_t wanted() const;  // copies that a write must have at least
};

class Placement {
 public:
  Placement() = default;
  explicit Placement(const service::Ring& ring);

  struct Place {
    chord::Id id;
    Host host;
    std::size_t zone = 0;  // where it stands on this circle: a number for each zone
    bool operator<(const Place& other) const { return id < other.id; }
  };

  Token number() const { return number_; }
  std::size_t replicas() const { return replicas_; }
  bool is_changing() const { return !before_.places.empty(); }
  const std::vector<Place>& places() const { return now_.places; }
  ReplicaSet of(const chord::Id& key) const;
  ReplicaSet of_key(const std::string& key) const;
  // The hosts behind those of the key, in the order in which they would keep it.
  Hosts behind(const std::string& key) const;
  const Host* member(NodeId host) const;          // as it is to be
  const Host* earlier_member(NodeId host) const;  // as it was before, while one comes or goes
  Hosts all() const;
  // One set for each arc on which nothing differs.
  std::vector<ReplicaSet> arcs() const;
  // Who has to read keys that it did not keep before.
  std::set<Host> gainers() const;
  // Who goes, with what it keeps. Not a host that comes again on another disk.
  std::set<Host> leavers() const;
  bool is_leaving(NodeId host) const { return earlier_member(host) != nullptr && member(host) == nullptr; }

 private:
  struct Circle {
    std::vector<Place> places;
    std::size_t zones = 0;
  };
  // `called`: as each of them is named in what follows from it.
  static Circle circle_of(const Hosts& hosts, const Hosts& called);
  static Hosts owners(const Circle& circle, const chord::Id& key, std::size_t most);

  Token number_{};
  std::size_t replicas_ = 0;
  Hosts hosts_, hosts_before_;
  Circle now_, before_;
};

chord::Id id_of_key(const std::string& key);

}  // namespace coord::ring
