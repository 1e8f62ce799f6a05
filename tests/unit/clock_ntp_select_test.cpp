// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "clock/ntp_select.hpp"
#include "clock/ntp_smear.hpp"

using namespace coord;
using namespace coord::ntp;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t s_ns = 1'000'000'000;
constexpr WallTime ordinary_day{1'789'000'000 * s_ns};   // 2026-09-10
constexpr std::int64_t new_year_2017_s = 1'483'228'800;  // the last leap second came right before it

Candidate server(Duration offset, Duration distance, Leap leap = Leap::none) {
  Candidate c;
  c.offset = offset;
  c.root_distance = distance;
  c.bound = distance / 2;
  c.jitter = 1us;
  c.stratum = 2;
  c.leap = leap;
  return c;
}

std::string standings(const std::vector<Candidate>& candidates, WallTime utc = ordinary_day) {
  std::string text;
  for (const Standing standing : select(candidates, utc).standings)
    text += standing == Standing::truechimer ? 'T' : standing == Standing::falseticker ? 'F' : 'S';
  return text;
}

WallTime from_leap(Duration distance) {
  return {new_year_2017_s * s_ns + distance.count()};
}

}  // namespace

TEST_CASE("who is a truechimer") {
  struct Row {
    const char* what;
    std::vector<Candidate> servers;
    const char* expected;
    bool majority;
  };
  const Row rows[] = {
      {"nobody", {}, "", false},
      {"one server is its own majority", {server(1ms, 5ms)}, "T", true},
      {"two that agree", {server(0ms, 5ms), server(3ms, 5ms)}, "TT", true},
      {"two that touch", {server(0ms, 5ms), server(10ms, 5ms)}, "TT", true},
      {"two that disagree: none is believed", {server(0ms, 5ms), server(100ms, 5ms)}, "FF", false},
      {"two against one", {server(0ms, 5ms), server(500ms, 5ms), server(1ms, 5ms)}, "TFT", true},
      {"the liar may claim to be exact",
       {server(0ms, 5ms), server(500ms, 1us), server(1ms, 5ms)},
       "TFT",
       true},
      {"three of five",
       {server(0ms, 5ms), server(1s, 5ms), server(1ms, 5ms), server(-1s, 5ms), server(2ms, 5ms)},
       "TFTFT",
       true},
      {"two against two",
       {server(0ms, 5ms), server(1ms, 5ms), server(1s, 5ms), server(1s, 5ms)},
       "FFFF",
       false},
      {"all different", {server(0ms, 5ms), server(1s, 5ms), server(2s, 5ms)}, "FFF", false},
      {"a vague server agrees with everybody",
       {server(0ms, 5ms), server(1ms, 5ms), server(1s, 2s)},
       "TTT",
       true},
      {"a chain of overlaps has a middle",
       {server(0ms, 5ms), server(4ms, 5ms), server(8ms, 5ms)},
       "TTT",
       true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(standings(row.servers) == row.expected);
    CHECK(select(row.servers, ordinary_day).majority == row.majority);
  }
}

TEST_CASE("the combined offset leans to the servers that are nearer to the truth") {
  const Selection s = select({server(0us, 1ms), server(300us, 2ms)}, ordinary_day);
  CHECK(s.offset == 100us);
  CHECK(s.used_count == 2);
}

TEST_CASE("clustering drops the truechimer that adds more spread than it removes") {
  std::vector<Candidate> servers{server(0us, 20ms), server(10us, 20ms), server(20us, 20ms),
                                 server(9ms, 20ms)};
  const Selection s = select(servers, ordinary_day);
  CHECK(standings(servers) == "TTTT");
  CHECK(s.used == std::vector<bool>{true, true, true, false});
  CHECK(s.used_count == 3);
  // But not where every server jitters more than they differ.
  for (Candidate& c : servers) c.jitter = 50ms;
  CHECK(select(servers, ordinary_day).used_count == 4);
}

TEST_CASE("the bound covers what a majority of the truechimers allow") {
  // Bounds: 0 +- 1 ms and 1.5 ms +- 1 ms: in common 0.5 .. 1 ms.
  const Selection s = select({server(0us, 2ms), server(1500us, 2ms)}, ordinary_day);
  CHECK(s.offset == 750us);
  CHECK(s.bound == 250us);
  // They agree within their root distances, but their own bounds have nothing in common: all of both.
  const Selection apart = select({server(0us, 2ms), server(3ms, 2ms)}, ordinary_day);
  CHECK(apart.offset == 1500us);
  CHECK(apart.bound == 2500us);
}

TEST_CASE("a minority of liars never moves the truth out of the bound") {
  Random random(11);
  for (int run = 0; run < 3000; ++run) {
    const std::size_t total = 1 + random.below(9);
    const std::size_t liars = random.below((total + 1) / 2);
    const Duration truth = Duration(static_cast<Duration::rep>(random.below(s_ns))) - 500ms;
    std::vector<Candidate> servers;
    for (std::size_t i = 0; i < total; ++i) {
      const Duration bound = 1us + Duration(static_cast<Duration::rep>(random.below(10'000'000)));
      const Duration error =
          Duration(static_cast<Duration::rep>(random.below(2 * static_cast<std::uint64_t>(bound.count())))) -
          bound;
      Candidate c = server(truth + error, bound + 2500us);
      c.bound = bound;
      if (i < liars) c.offset += 1s + Duration(static_cast<Duration::rep>(random.below(s_ns)));
      servers.push_back(c);
    }
    const Selection s = select(servers, ordinary_day);
    CAPTURE(run, total, liars);
    REQUIRE(s.majority);
    REQUIRE(std::chrono::abs(s.offset - truth) <= s.bound);
  }
}

TEST_CASE("where a leap second may be near") {
  CHECK_FALSE(leap_proximity(ordinary_day));
  CHECK(leap_proximity(from_leap(0ns)) == Duration(0ns));
  CHECK(leap_proximity(from_leap(-3h)) == Duration(-3h));
  CHECK(leap_proximity(from_leap(24h)) == Duration(24h));
  CHECK_FALSE(leap_proximity(from_leap(25h)));
  CHECK(leap_proximity({1'782'864'000 * s_ns + 1}) == Duration(1ns));  // 2026-07-01
  CHECK(smear_gap(0ns) == 500ms);
  CHECK(smear_gap(-6h) == 250ms);
  CHECK(smear_gap(6h) == 250ms);
  CHECK(smear_gap(13h) == 0ns);
}

TEST_CASE("smearing and stepping servers are never combined") {
  const Leap none = Leap::none;
  const Leap leap = Leap::insert_second;
  struct Row {
    const char* what;
    Duration from_leap;
    std::vector<Candidate> servers;
    const char* expected;
  };
  const Row rows[] = {
      {"all announce", -3h, {server(0ms, 5ms, leap), server(1ms, 5ms, leap)}, "TT"},
      {"one hides it", -3h, {server(0ms, 5ms, leap), server(1ms, 5ms, none), server(0ms, 5ms, leap)}, "TST"},
      {"most hide it", -3h, {server(0ms, 5ms, leap), server(1ms, 5ms, none), server(0ms, 5ms, none)}, "STT"},
      {"half of them: no answer", -3h, {server(0ms, 5ms, leap), server(1ms, 5ms, none)}, "SS"},
      {"apart by the smear before the leap",
       -6h,
       {server(0ms, 5ms), server(-250ms, 5ms), server(1ms, 5ms)},
       "TST"},
      {"apart by the smear after the leap",
       6h,
       {server(0ms, 5ms), server(250ms, 5ms), server(1ms, 5ms)},
       "TST"},
      {"vague servers that would agree",
       -6h,
       {server(0ms, 200ms), server(251ms, 200ms), server(1ms, 200ms)},
       "TST"},
      {"apart by something else", -6h, {server(0ms, 5ms), server(-100ms, 5ms), server(1ms, 5ms)}, "TFT"},
      {"on another day",
       -48h,
       {server(0ms, 5ms, leap), server(1ms, 5ms, none), server(0ms, 5ms, leap)},
       "TTT"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(standings(row.servers, from_leap(row.from_leap)) == row.expected);
  }
  const Selection half = select({server(0ms, 5ms, leap), server(1ms, 5ms, none)}, from_leap(-3h));
  CHECK_FALSE(half.majority);
}
