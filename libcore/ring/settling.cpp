// SPDX-License-Identifier: MIT
// Whether what a removed key's record leads to needs no record any more.
//
// Problem: a value carries its writer's nearest dependencies only, and a reader follows them from key to key
// (session.hpp). Where one of these keys was removed, its tombstone is what leads on; collected, it leaves a
// reader without all that lies behind, which some copies may not have yet. The obvious answer, keeping such
// tombstones, keeps them for ever. Algorithm: before it goes, its owner follows it as a reader would. What
// all copies of a key have, a reader sees on whichever it asks, told or not; so if each version on the way is
// on all copies of its key, nothing is lost with the tombstone. Else it stays until the next time.
//
// All hosts of the ring are asked, not the key's alone: a version that none of them has, twice in a row, was
// removed and collected itself (collected.cpp).
#include <algorithm>
#include <set>
#include <utility>

#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr std::size_t most_followed = 1024;
constexpr std::size_t most_remembered = 4096;

// What is no key was written by no tool of ours, and nobody can be asked for it.
void follow(under_way::Settling& settling, const std::vector<Dependency>& more) {
  for (const Dependency& each : more) {
    if (is_key(each.key) && settling.followed.insert(each).second) settling.next.push_back(each);
  }
}

}  // namespace

// The next thing to ask for; all tombstones that may go are asked about then (burying.cpp).
void Replicas::settle_tombstones(const std::string& name, Ring& ring) {
  Settling& settling = ring.burying.settling;
  if (settling.answered.size() > most_remembered) settling.answered.clear();
  while (!settling.rows.empty()) {
    if (settling.followed.empty()) follow(settling, settling.rows.front().entry.dependencies());
    // What was asked for a row before need not be asked for again: of a chain of removed keys each leads to
    // all before it.
    bool leads_on = false;
    while (!settling.next.empty() && !leads_on) {
      const auto known = settling.answered.find(settling.next.front());
      if (known == settling.answered.end()) break;
      settling.next.pop_front();
      leads_on = !known->second;
      if (known->second) follow(settling, *known->second);
    }
    leads_on = leads_on || settling.followed.size() > most_followed;
    if (!settling.next.empty() && !leads_on) {
      settling.operation = ++last_;
      settling.said.clear();
      return ask_to_settle(name, ring);
    }
    if (!leads_on) ring.burying.rows.push_back(std::move(settling.rows.front()));
    settling.rows.pop_front();
    settling.followed.clear();
    settling.next.clear();
  }
  if (ring.burying.rows.empty()) return end_burying(ring, true);
  ring.burying.again = now_;
  tick_at_ = now_;
}

void Replicas::ask_to_settle(const std::string& name, const Ring& ring) {
  const Settling& settling = ring.burying.settling;
  for (const Host& host : ring.placement.all()) {
    if (settling.said.contains(host)) continue;
    send(host.host,
         copies::AskEntry{settling.operation, name, ring.burying.number, settling.next.front().key});
  }
}

// False: it is no answer to that.
bool Replicas::heard_to_settle(const copies::EntryIs& message) {
  const auto is_asked = [&](const auto& each) {
    return each.second.burying.settling.operation == message.operation && message.operation != 0;
  };
  const auto found = std::ranges::find_if(rings_, is_asked);
  if (found == rings_.end()) return false;
  auto& [name, ring] = *found;
  Settling& settling = ring.burying.settling;
  if (ring.placement.number() != message.number || ring.burying.number != message.number) return true;
  settling.said.insert_or_assign(message.by, message.entry);
  const Hosts all = ring.placement.all();
  if (!std::ranges::all_of(all, [&](const Host& host) { return settling.said.contains(host); })) return true;
  settling.operation = 0;
  const Dependency asked = settling.next.front();
  const ReplicaSet set = ring.placement.of_key(asked.key);
  const auto has_it = [&](const auto& said) { return said.second.has_heard_of(asked.dot); };
  const auto is_here = [&](const Host& host) { return settling.said.at(host).has_heard_of(asked.dot); };
  const bool is_nowhere = std::ranges::none_of(settling.said, has_it);
  if (is_nowhere && !std::exchange(settling.is_asked_twice, true)) {
    settle_tombstones(name, ring);
    return true;
  }
  settling.is_asked_twice = false;
  const Hosts keep = set.all();
  auto& answered = settling.answered[asked];
  if (is_nowhere || std::ranges::all_of(keep, is_here)) {
    std::set<Dependency> more;
    for (const auto& [host, entry] : settling.said) {
      for (Dependency& each : entry.dependencies()) more.insert(std::move(each));
    }
    answered.emplace(more.begin(), more.end());
  }
  settle_tombstones(name, ring);
  return true;
}

}  // namespace coord::ring
