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
  if (surplus.rows.size() < most_surplus_rows) {
    surplus.rows.push_back({key, std::move(entry)});
  } else {
    surplus.after.clear();
    surplus.more = true;
  }
  tick_at_ = now_;
}

}  // namespace coord::ring
