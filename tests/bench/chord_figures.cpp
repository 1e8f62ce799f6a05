// SPDX-License-Identifier: MIT
// What lookups and load of a Chord ring cost, on ideal rings: the tables of docs/chord.md. No network and no
// clock: the classes that a peer uses, asked one after the other.
//
//   chord_figures [hops|failures|load|moved|large|small] [RINGS]     default: small, a second or two
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "protocol/chord/lookup.hpp"

using namespace coord;
using namespace coord::chord;

namespace {

constexpr std::size_t lookups_each = 1000, hosts_of_list = 3;

List ring_of(std::size_t hosts, std::size_t places, std::uint64_t seed) {
  List all;
  for (std::size_t host = 1; host <= hosts; ++host) {
    for (std::size_t place = 0; place < places; ++place)
      all.push_back({drawn_id(seed * 0x9e3779b97f4a7c15U + host * 64 + place), NodeId{host}, 1});
  }
  std::ranges::sort(all);
  return all;
}

class Tally {
 public:
  void add(double value) { values_.push_back(value); }
  double mean() const {
    double sum = 0;
    for (const double value : values_) sum += value;
    return sum / static_cast<double>(values_.size());
  }
  double percentile(double share) {
    std::ranges::sort(values_);
    return values_[static_cast<std::size_t>(share * static_cast<double>(values_.size() - 1))];
  }

 private:
  std::vector<double> values_;
};

struct Ring {
  List all;
  std::size_t list_hosts = hosts_of_list;
  bool fingers_only = false;  // of its list, each member uses the first successor alone
  std::set<Member> dead{};

  Route ask(const Member& self, const Id& key) const {
    Fingers fingers(self);
    fingers.fill(all);
    const List successors = ideal_view(self, all, fingers_only ? 1 : list_hosts).successors;
    return route(self, successors, fingers, key, fingers_only ? 1 : route_width);
  }
  // As chordctl does: until nobody that lives is known between a member and the key.
  Lookup find(const Member& from, const Id& key) const {
    Lookup lookup(key, {from});
    while (const auto next = lookup.next()) {
      if (dead.contains(*next)) {
        lookup.dead(*next);
      } else {
        lookup.answered(*next, ask(*next, key));
      }
    }
    return lookup;
  }
  // As the table of the paper counts: until a list reaches the key, and then the members at and after it.
  std::pair<double, double> path_and_timeouts_of_paper(const Member& from, const Id& key) const {
    Lookup lookup(key, {from});
    double path = 0, timeouts = 0;
    while (const auto next = lookup.next()) {
      if (dead.contains(*next)) {
        timeouts += 1;
        lookup.dead(*next);
        continue;
      }
      const Route route = ask(*next, key);
      lookup.answered(*next, route);
      path += 1;
      if (route.successors.empty()) continue;
      for (const Member& owner : lookup.owners()) {
        if (!dead.contains(owner)) break;
        timeouts += 1;
      }
      break;
    }
    return {path, timeouts};
  }
  const Member& anybody(Random& random) const {
    for (;;) {
      const Member& member = all[random.below(all.size())];
      if (!dead.contains(member)) return member;
    }
  }
};

void hops(std::size_t rings, std::size_t members, bool fingers_only) {
  Tally tally;
  for (std::size_t i = 1; i <= rings; ++i) {
    const Ring ring{ring_of(members, 1, i), hosts_of_list, fingers_only};
    Random random(i);
    for (std::size_t lookup = 0; lookup < lookups_each; ++lookup) {
      const Lookup found = ring.find(ring.anybody(random), drawn_id(random.next()));
      tally.add(static_cast<double>(found.hops().size()) - 1);  // the asker's own answer is none
    }
  }
  std::printf("hops      N %6zu  %-22s mean %.2f  p99 %.0f\n", members,
              fingers_only ? "fingers only" : "and 3 successors", tally.mean(), tally.percentile(0.99));
}

void failures(std::size_t rings, double share) {
  Tally path, timeouts, own_path, own_timeouts;
  std::size_t failed = 0;
  for (std::size_t i = 1; i <= rings; ++i) {
    Ring ring{ring_of(1000, 1, i), 20};
    Random random(i);
    for (const Member& member : ring.all) {
      if (random.chance(share)) ring.dead.insert(member);
    }
    for (std::size_t lookup = 0; lookup < lookups_each; ++lookup) {
      const Member& from = ring.anybody(random);
      const Id key = drawn_id(random.next());
      const auto [of_path, of_timeouts] = ring.path_and_timeouts_of_paper(from, key);
      path.add(of_path);
      timeouts.add(of_timeouts);
      const Lookup found = ring.find(from, key);
      double live = 0;
      for (const Lookup::Hop& hop : found.hops()) live += hop.answered ? 1 : 0;
      own_path.add(live - 1);
      own_timeouts.add(static_cast<double>(found.hops().size()) - live);
      const List owners = found.is_found() ? found.owners() : List{};
      failed +=
          std::ranges::all_of(owners, [&](const Member& owner) { return ring.dead.contains(owner); }) ? 1 : 0;
    }
  }
  std::printf(
      "failures  p %.1f  path %.2f  time-outs %.2f  chordctl: path %.2f  time-outs %.2f  failed %zu\n", share,
      path.mean(), timeouts.mean(), own_path.mean(), own_timeouts.mean(), failed);
}

// Keys a host over the mean, at 10^4 hosts: so much of the ring as its places own.
void load(std::size_t hosts, std::size_t places) {
  const List all = ring_of(hosts, places, 1);
  std::vector<double> share(hosts + 1);
  for (std::size_t i = 0; i < all.size(); ++i)
    share[all[i].host.value] += share_of_ring(all[(i + all.size() - 1) % all.size()].id, all[i].id);
  Tally tally;
  for (std::size_t host = 1; host <= hosts; ++host) tally.add(share[host] * static_cast<double>(hosts));
  std::printf("load      %5zu hosts  %2zu places  p1 %.2f  p99 %.2f\n", hosts, places, tally.percentile(0.01),
              tally.percentile(0.99));
}

NodeId owner_in(const List& ring, const Id& key) {
  const auto owner = std::ranges::lower_bound(ring, key, {}, &Member::id);
  return (owner == ring.end() ? ring.front() : *owner).host;
}

// A host leaves, or joins, a ring of so many: keys that change their owner, over K/N. N counts it in.
void moved(std::size_t times, std::size_t hosts, std::size_t places) {
  constexpr std::size_t keys = 10'000;
  double sum = 0;
  std::size_t from_or_to_others = 0;
  for (std::size_t i = 1; i <= times; ++i) {
    const List with = ring_of(hosts, places, i);
    List without = with;
    const NodeId one{1 + i % hosts};
    std::erase_if(without, [one](const Member& member) { return member.host == one; });
    Random random(i);
    for (std::size_t key = 0; key < keys; ++key) {
      const Id id = drawn_id(random.next());
      const NodeId before = owner_in(with, id), after = owner_in(without, id);
      sum += before != after ? 1 : 0;
      from_or_to_others += before != after && before != one ? 1 : 0;
    }
  }
  std::printf(
      "moved     %zu joins and leaves of %zu hosts with %zu places: %.3f of K/N; between others %zu\n", times,
      hosts, places,
      sum / static_cast<double>(times) / (static_cast<double>(keys) / static_cast<double>(hosts)),
      from_or_to_others);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "small";
  const std::size_t rings = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100;
  if (what == "hops") {
    for (const std::size_t members : {8, 64, 256, 1024, 4096, 16384}) {
      hops(rings, members, true);
      hops(rings, members, false);
    }
  } else if (what == "failures") {
    for (const double share : {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}) failures(rings, share);
  } else if (what == "load") {
    for (const std::size_t places : {1, 2, 5, 10, 20}) load(10'000, places);
  } else if (what == "moved") {
    moved(1000, 20, 10);
  } else if (what == "large") {
    hops(1, 100'000, true);
  } else if (what == "small") {
    hops(2, 64, true);
    failures(1, 0.5);
    load(500, 5);
    moved(20, 10, 5);
  } else {
    std::fprintf(stderr, "chord_figures: %s: not a table: give hops, failures, load, moved, large or small\n",
                 what.c_str());
    return 64;
  }
}
