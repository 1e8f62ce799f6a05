// SPDX-License-Identifier: MIT
#include "ring/placement.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "protocol/chord/sha1.hpp"

namespace coord::ring {

namespace {

std::size_t majority(const Hosts& hosts) {
  return hosts.size() / 2 + 1;
}

bool has_majority(const Hosts& hosts, const std::set<Host>& of) {
  std::size_t count = 0;
  for (const Host& host : hosts) count += of.contains(host) ? 1U : 0U;
  return count >= majority(hosts);
}

// As of after, where they are the same members: so one that moves is one, by whatever it is compared.
Hosts called_as(Hosts before, const Hosts& after) {
  for (Host& host : before) {
    const auto same = std::ranges::find_if(
        after, [&](const Host& each) { return each.host == host.host && each.joined == host.joined; });
    if (same != after.end()) host = *same;
  }
  return before;
}

const Host* find(const Hosts& hosts, NodeId host) {
  const auto found = std::ranges::find(hosts, host, &Host::host);
  return found == hosts.end() ? nullptr : &*found;
}

}  // namespace

chord::Id id_of_key(const std::string& key) {
  return chord::id_of_digest(chord::sha1(key));
}

// ---- sets

bool ReplicaSet::is_kept_by(const Host& host) const {
  return std::ranges::find(now, host) != now.end() || std::ranges::find(before, host) != before.end();
}

Hosts ReplicaSet::all() const {
  Hosts both = now;
  for (const Host& host : before) {
    if (std::ranges::find(now, host) == now.end()) both.push_back(host);
  }
  return both;
}

// Who comes has not read yet what was written before.
bool ReplicaSet::can_read(const std::set<Host>& answered) const {
  return has_majority(COORD_RULE_OR(ring_reads_from_those_of_before, before.empty(), true) ? now : before,
                      answered);
}

bool ReplicaSet::is_written(const std::set<Host>& stored) const {
  if (COORD_RULE_OR(ring_write_wants_a_majority, false, true)) return !stored.empty();
  if (!has_majority(now, stored)) return false;
  return COORD_RULE_OR(ring_write_reaches_those_of_before, before.empty(), true) ||
         has_majority(before, stored);
}

std::size_t ReplicaSet::wanted() const {
  return std::max(majority(now), before.empty() ? 0 : majority(before));
}

// ---- the circle

Placement::Placement(const service::Ring& ring)
    : number_(ring.number),
      replicas_(ring.replicas),
      hosts_(ring.hosts),
      hosts_before_(called_as(ring.before, ring.hosts)),
      now_(circle_of(ring.hosts, hosts_)),
      before_(circle_of(ring.before, hosts_before_)) {}

// A host has its places whichever life it has: one that comes again on an empty disk moves no other's keys.
Placement::Circle Placement::circle_of(const Hosts& hosts, const Hosts& called) {
  Circle circle;
  std::map<std::string_view, std::size_t> zones;
  for (std::size_t host = 0; host < hosts.size(); ++host) {
    const std::size_t zone = zones.emplace(hosts[host].zone, zones.size()).first->second;
    for (std::uint32_t i = 0; i < hosts[host].places; ++i) {
      circle.places.push_back(
          {id_of_key(fmt::format("{}/{}", hosts[host].host.value, i)), called[host], zone});
    }
  }
  std::ranges::sort(circle.places, {}, &Place::id);
  circle.zones = zones.size();
  return circle;
}

Hosts Placement::owners(const Circle& circle, const chord::Id& key, std::size_t most) {
  Hosts owners, others;  // the first ones of their zones, and those that follow in these
  std::set<std::size_t> zones;
  const auto& places = circle.places;
  const auto first = std::ranges::lower_bound(places, key, {}, &Place::id);
  const auto begin = static_cast<std::size_t>(first - places.begin());
  for (std::size_t i = 0; i < places.size() && owners.size() < most; ++i) {
    if (zones.size() == circle.zones && owners.size() + others.size() >= most) break;
    const auto& [id, host, zone] = places[(begin + i) % places.size()];
    if (COORD_RULE_OR(ring_copies_are_spread_over_zones, zones.insert(zone).second, i == 0)) {
      owners.push_back(host);
    } else if (others.size() < most && std::ranges::find(owners, host) == owners.end() &&
               std::ranges::find(others, host) == others.end()) {
      others.push_back(host);
    }
  }
  others.resize(std::min(others.size(), most - std::min(most, owners.size())));
  owners.insert(owners.end(), others.begin(), others.end());
  return owners;
}

ReplicaSet Placement::of(const chord::Id& key) const {
  return {owners(now_, key, replicas_), owners(before_, key, replicas_)};
}

ReplicaSet Placement::of_key(const std::string& key) const {
  return of(id_of_key(key));
}

Hosts Placement::behind(const std::string& key) const {
  Hosts all = owners(now_, id_of_key(key), hosts_.size());
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(replicas_, all.size())));
  return all;
}

const Host* Placement::member(NodeId host) const {
  return find(hosts_, host);
}

const Host* Placement::earlier_member(NodeId host) const {
  return find(hosts_before_, host);
}

Hosts Placement::all() const {
  return ReplicaSet{hosts_, hosts_before_}.all();
}

std::vector<ReplicaSet> Placement::arcs() const {
  std::vector<ReplicaSet> arcs;
  for (const Circle* circle : {&now_, &before_}) {
    for (const Place& place : circle->places) arcs.push_back(of(place.id));
  }
  return arcs;
}

std::set<Host> Placement::leavers() const {
  std::set<Host> leave;
  for (const Host& host : hosts_before_) {
    if (member(host.host) == nullptr) leave.insert(host);
  }
  return leave;
}

std::set<Host> Placement::gainers() const {
  std::set<Host> gain;
  if (!is_changing()) return gain;
  for (const ReplicaSet& set : arcs()) {
    for (const Host& host : set.now) {
      if (std::ranges::find(set.before, host) == set.before.end()) gain.insert(host);
    }
  }
  return gain;
}

}  // namespace coord::ring
