// SPDX-License-Identifier: MIT
// Versions of a key: what replaces what, in whatever order copies meet.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "base/rule.hpp"
#include "protocol/versions/version.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

Version version(std::uint64_t host, std::uint64_t number, bool removed = false) {
  return {Dot{NodeId{host}, number}, WallTime{}, removed, removed ? 0U : number};
}

std::vector<Dot> dots(const Entry& entry) {
  std::vector<Dot> all;
  for (const Version& each : entry.versions) all.push_back(each.dot);
  return all;
}

// Three copies of one key, written at random by hosts that see their own only, and merged at random: how
// often a value that nobody has replaced is lost, or one that somebody has is there again in the end.
std::pair<int, int> lost_and_returned(std::uint64_t seed) {
  Random random(seed);
  std::vector<Entry> copies(3);
  std::set<Dot> written, replaced;
  std::vector<std::uint64_t> last(3);
  for (int step = 0; step < 40; ++step) {
    const std::size_t at = random.below(3);
    if (random.chance(0.5)) {
      copies[at] = merged(copies[at], copies[random.below(3)]);
      continue;
    }
    std::optional<std::vector<Dot>> names;
    if (random.chance(0.5)) {
      names.emplace();
      for (const Dot& dot : dots(copies[at])) {
        if (random.chance(0.5)) names->push_back(dot);
      }
    }
    for (const Dot& dot : names ? *names : dots(copies[at])) replaced.insert(dot);
    const Version next = version(at + 1, ++last[at], random.chance(0.2));
    write(copies[at], next, names);
    written.insert(next.dot);
  }
  Entry all = merged(merged(copies[0], copies[1]), copies[2]);
  CHECK(all == merged(copies[2], merged(copies[1], copies[0])));
  CHECK(all == merged(all, copies[1]));
  std::pair<int, int> wrong;
  for (const Dot& dot : written) {
    const bool is_there = all.find(dot) != nullptr;
    if (!is_there && !replaced.contains(dot)) ++wrong.first;
    if (is_there && replaced.contains(dot)) ++wrong.second;
  }
  return wrong;
}

std::pair<int, int> lost_and_returned_in_all() {
  std::pair<int, int> sum;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto [lost, returned] = lost_and_returned(seed);
    sum.first += lost;
    sum.second += returned;
  }
  return sum;
}

}  // namespace

TEST_CASE("a write without a context takes the place of all, one with names of these", "[ring]") {
  Entry entry;
  write(entry, version(1, 1), std::nullopt);
  write(entry, version(1, 2), std::vector<Dot>{});
  CHECK(dots(entry) == std::vector<Dot>{{NodeId{1}, 1}, {NodeId{1}, 2}});
  write(entry, version(2, 1), std::vector<Dot>{{NodeId{1}, 2}});
  CHECK(dots(entry) == std::vector<Dot>{{NodeId{1}, 1}, {NodeId{2}, 1}});
  write(entry, version(2, 5), std::nullopt);
  CHECK(dots(entry) == std::vector<Dot>{{NodeId{2}, 5}});
  CHECK(entry.has_heard_of({NodeId{1}, 2}));
  CHECK_FALSE(entry.has_heard_of({NodeId{1}, 3}));
  CHECK_FALSE(entry.has_heard_of({NodeId{3}, 1}));
}

TEST_CASE("a value that is concurrent with a removal wins", "[ring]") {
  Entry a;
  write(a, version(1, 1), std::nullopt);
  Entry b = a;
  write(a, version(1, 2, true), std::nullopt);
  write(b, version(2, 1), std::nullopt);
  CHECK(merged(a, b).versions.size() == 2);
  CHECK(merged(a, b).values() == std::vector<Version>{version(2, 1)});
}

TEST_CASE("copies that meet lose nothing and bring nothing back, in any order", "[ring]") {
  CHECK(lost_and_returned_in_all() == std::pair(0, 0));
  mutants::removed = "ring_sibling_is_kept";
  CHECK(lost_and_returned_in_all().first > 0);
  mutants::removed = "ring_replaced_stays_replaced";
  CHECK(lost_and_returned_in_all().second > 0);
  mutants::removed.clear();
}

TEST_CASE("versions as text", "[ring]") {
  const Dot dot{NodeId{0x9f3c21aa90b1c2d3U}, 12};
  CHECK(text(dot) == "12@9f3c21aa90b1c2d3");
  CHECK(read_dot(text(dot)) == dot);
  CHECK(read_dot("1@0000000000000001") == Dot{NodeId{1}, 1});
  for (const char* wrong :
       {"", "@", "12", "12@", "x@9f3c21aa90b1c2d3", "12@9f3c21aa90b1c2d", "12@9f3c21aa90b1c2d34",
        "-1@9f3c21aa90b1c2d3", "12 @9f3c21aa90b1c2d3", "99999999999999999999@9f3c21aa90b1c2d3"})
    CHECK_FALSE(read_dot(wrong));
}
