// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <set>

#include "base/random.hpp"

using namespace coord;
using namespace std::chrono_literals;

TEST_CASE("below() stays below, reaches every value, and is even") {
  Random random(1);
  int seen[7] = {};
  for (int i = 0; i < 70'000; ++i) ++seen[random.below(7)];
  for (const int count : seen) CHECK(count == Approx(10'000).margin(500));
  CHECK(random.below(1) == 0);
  for (int i = 0; i < 1000; ++i) CHECK(random.below(~std::uint64_t{0}) < ~std::uint64_t{0});
}

TEST_CASE("between() includes both ends, and one value alone") {
  Random random(2);
  std::set<Duration> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.between(-2ns, 2ns));
  CHECK(seen.size() == 5);
  CHECK(*seen.begin() == -2ns);
  CHECK(*seen.rbegin() == 2ns);
  CHECK(random.between(5s, 5s) == 5s);
}

TEST_CASE("unit() is from 0 to below 1 and chance() keeps to its probability") {
  Random random(3);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = random.unit();
    CHECK((value >= 0 && value < 1));
    hits += random.chance(0.25) ? 1 : 0;
  }
  CHECK(hits == Approx(25'000).margin(1000));
  CHECK_FALSE(random.chance(0));
  CHECK(random.chance(1));
}

TEST_CASE("neighbouring seeds give unrelated numbers, copies the same ones") {
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) first.insert(Random(seed).next());
  CHECK(first.size() == 1000);
  Random random(4);
  random.next();
  Random copy = random;
  CHECK(copy.next() == random.next());
}
