// SPDX-License-Identifier: MIT
// Copies of what a host misses while it is away, kept by hosts that are not its key's.
//
// Problem: while one of a key's hosts is away its writes have one copy less, and the loss of one more disk
// may be too much. Algorithm: hinted hand-off (DeCandia et al., "Dynamo", SOSP 2007, 4.6): the next host
// behind the key's own keeps the entry in its place, and hands it over when that host is back. The obvious
// extension, to count such a copy as one of the majority that a write wants (Dynamo's "sloppy quorum"), loses
// what a quorum is for: a read asks the key's own hosts, and would not see it. So a hint never counts.
//
// Who keeps a hint has a row that is not its own, as when a host has come (giving_back.cpp), and does the
// same with it: sends it to all of the key's hosts until each has it, and drops it then.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr std::size_t most_surplus_rows = 4096;  // in memory; the others are read again

}  // namespace

// For each host that has not stored it and for which nobody keeps it. Who does not take it is followed by the
// next one.
void Replicas::send_hints(copies::Store store, const std::set<Host>& stored, Hints& hints) {
  const auto found = rings_.find(store.ring);
  if (found == rings_.end() || found->second.placement.is_changing()) return;
  const Placement& placement = found->second.placement;
  const Hosts others = placement.behind(store.key);
  if (others.empty()) return;
  for (const Host& host : placement.of_key(store.key).now) {
    if (stored.contains(host) || hints.kept_for.contains(host)) continue;
    store.hint_for = host;
    send(others[hints.next++ % others.size()].host, store);
  }
}

// Of this host's disk.
void Replicas::keep_hint(const std::string& name, const std::string& key, Entry entry) {
  const auto found = rings_.find(name);
  if (found == rings_.end()) return;
  Surplus& surplus = found->second.surplus;
  const bool has_room = surplus.rows.size() < most_surplus_rows || surplus.rows.contains(key) ||
                        surplus.on_their_way.contains(key);
  has_room ? add_surplus(found->second, key, std::move(entry)) : read_surplus_again(surplus);
  tick_at_ = now_;
}

// A key has one row, whatever comes of it: what is on its way takes over what is new, and is sent to all
// again when it has its turn. What was said of it before counts no more.
void Replicas::add_surplus(Ring& ring, const std::string& key, Entry entry) {
  Surplus& surplus = ring.surplus;
  const auto way = surplus.on_their_way.find(key);
  if (way == surplus.on_their_way.end()) {
    Entry& waits = surplus.rows[key];
    waits = merged(waits, entry);
    return;
  }
  Delivery& delivery = deliveries_.at(way->second);
  entry = merged(delivery.row.entry, entry);
  if (entry == delivery.row.entry) return;
  auto moved = deliveries_.extract(way->second);
  moved.key() = way->second = ++last_;
  Delivery& again = moved.mapped();
  again.row.entry = std::move(entry);
  again.holders = own_values(again.row.entry);
  again.stored.clear();
  deliveries_.insert(std::move(moved));
}

// What is on this host's disk.
std::vector<copies::Holder> Replicas::own_values(const Entry& entry) const {
  std::vector<copies::Holder> holders;
  for (const Version& version : entry.values()) holders.push_back({version.dot, self_});
  return holders;
}

void Replicas::read_surplus_again(Surplus& surplus) {
  surplus.after.clear();
  surplus.more = true;
  surplus.reads_again = surplus.is_reading;
}

}  // namespace coord::ring
