// SPDX-License-Identifier: MIT
// What lookups and load of a Chord ring cost, on ideal rings: the tables of docs/chord.md. No network and no
// clock: the classes that a peer uses, asked one after the other.
//
//   chord_figures [hops|failures|load|moved|large|small] [RINGS]     default: small, a second or two
//   chord_figures check [RINGS]     against the literature: 1 if a figure is off
#include <algorithm>
#include <cmath>
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

struct MeanAndP99 {
  double mean = 0, p99 = 0;
};
MeanAndP99 hops(std::size_t rings, std::size_t members, bool fingers_only) {
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
  return {tally.mean(), tally.percentile(0.99)};
}

struct PathAndTimeouts {
  double path = 0, timeouts = 0;
  std::size_t failed = 0;
};
PathAndTimeouts failures(std::size_t rings, double share) {
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
  return {path.mean(), timeouts.mean(), failed};
}

// Keys a host over the mean, at 10^4 hosts: so much of the ring as its places own.
struct P1AndP99 {
  double p1 = 0, p99 = 0;
};
P1AndP99 load(std::size_t hosts, std::size_t places) {
  const List all = ring_of(hosts, places, 1);
  std::vector<double> share(hosts + 1);
  for (std::size_t i = 0; i < all.size(); ++i)
    share[all[i].host.value] += share_of_ring(all[(i + all.size() - 1) % all.size()].id, all[i].id);
  Tally tally;
  for (std::size_t host = 1; host <= hosts; ++host) tally.add(share[host] * static_cast<double>(hosts));
  std::printf("load      %5zu hosts  %2zu places  p1 %.2f  p99 %.2f\n", hosts, places, tally.percentile(0.01),
              tally.percentile(0.99));
  return {tally.percentile(0.01), tally.percentile(0.99)};
}

NodeId owner_in(const List& ring, const Id& key) {
  const auto owner = std::ranges::lower_bound(ring, key, {}, &Member::id);
  return (owner == ring.end() ? ring.front() : *owner).host;
}

// A host leaves, or joins, a ring of so many: keys that change their owner, over K/N. N counts it in.
struct Moved {
  double of_share = 0;
  std::size_t between_others = 0;
};
Moved moved(std::size_t times, std::size_t hosts, std::size_t places) {
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
  const double of_share =
      sum / static_cast<double>(times) / (static_cast<double>(keys) / static_cast<double>(hosts));
  std::printf(
      "moved     %zu joins and leaves of %zu hosts with %zu places: %.3f of K/N; between others %zu\n", times,
      hosts, places, of_share, from_or_to_others);
  return {of_share, from_or_to_others};
}

// Figures that are held against those of the literature.
class Judge {
 public:
  void within(const std::string& what, double measured, double literature, double share,
              double at_least = 0) {
    if (std::abs(measured - literature) <= std::max(share * literature, at_least)) return;
    std::printf("OFF       %s: %.3f, and %.3f in the literature\n", what.c_str(), measured, literature);
    ++off_;
  }
  void none(const std::string& what, std::size_t measured) {
    within(what, static_cast<double>(measured), 0, 0);
  }
  int status() const { return off_ == 0 ? 0 : 1; }

 private:
  std::size_t off_ = 0;
};

constexpr double rounding = 0.011;     // figures are given with two places
constexpr std::size_t in_table = 100;  // rings, of which the literature gives the means; fewer are for a look

// One ring of 100,000, of which the literature gives no table: half of log2 N, a little less as everywhere.
void check_large(Judge& judge) {
  constexpr std::size_t members = 100'000;
  const MeanAndP99 found = hops(1, members, true);
  judge.within("hops of 100000", found.mean, 0.5 * std::log2(static_cast<double>(members)), 0.03);
}

int check(std::size_t rings) {
  Judge judge;
  struct Hops {
    std::size_t members;
    double mean, p99;
  };
  for (const Hops& each : {Hops{8, 1.41, 3}, Hops{64, 2.86, 5}, Hops{256, 3.87, 7}, Hops{1024, 4.86, 8},
                           Hops{4096, 5.89, 10}, Hops{16384, 6.85, 11}}) {
    const MeanAndP99 found = hops(rings, each.members, true);
    const std::string what = "hops of " + std::to_string(each.members);
    judge.within(what, found.mean, each.mean, 0.03);
    judge.within(what + ", p99", found.p99, each.p99, 0, 1);
  }
  // Where a tenth has failed the paper gives 0.60 time-outs, which do not follow from
  // its own path: docs/chord.md.
  struct Failed {
    double share, path, timeouts;
  };
  for (const Failed& each : {Failed{0.0, 3.84, 0}, Failed{0.1, 4.03, 0.45}, Failed{0.2, 4.22, 1.17},
                             Failed{0.3, 4.44, 2.02}, Failed{0.4, 4.69, 3.23}, Failed{0.5, 5.09, 5.10}}) {
    const PathAndTimeouts found = failures(rings, each.share);
    const std::string what = std::to_string(each.share) + " failed: ";
    judge.within(what + "path", found.path, each.path, rings < in_table ? 0.10 : 0.03);
    judge.within(what + "time-outs", found.timeouts, each.timeouts, 0.10, rounding);
    // Of a half that fails more may follow each other than any list names.
    if (each.share < 0.5) judge.none(what + "failed lookups", found.failed);
  }
  struct Load {
    std::size_t places;
    double p1, p99;
  };
  for (const Load& each : {Load{1, 0.01, 4.59}, Load{2, 0.07, 3.32}, Load{5, 0.24, 2.35},
                           Load{10, 0.38, 1.92}, Load{20, 0.51, 1.65}}) {
    const P1AndP99 found = load(10'000, each.places);
    const std::string what = "load of " + std::to_string(each.places) + " places, p";
    judge.within(what + "1", found.p1, each.p1, 0.10, rounding);
    judge.within(what + "99", found.p99, each.p99, 0.10);
  }
  const Moved found = moved(1000, 20, 10);
  judge.within("keys that move", found.of_share, 1, 0.05);
  judge.none("keys that move between others", found.between_others);
  if (rings >= in_table) check_large(judge);
  return judge.status();
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
  } else if (what == "check") {
    return check(rings);
  } else if (what == "small") {
    hops(2, 64, true);
    failures(1, 0.5);
    load(500, 5);
    moved(20, 10, 5);
  } else {
    std::fprintf(stderr,
                 "chord_figures: %s: not a table: give hops, failures, load, moved, large, small or check\n",
                 what.c_str());
    return 64;
  }
}
