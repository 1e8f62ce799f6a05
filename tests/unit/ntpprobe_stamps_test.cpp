// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "ntpprobe/stamps.hpp"

using namespace coord;
using namespace coord::ntpprobe;
using namespace std::chrono_literals;

TEST_CASE("a step of the wall clock is noticed once, the passing of time is not") {
  StepDetector steps;
  const auto reading = [](Duration wall, Duration steady) {
    return Reading{{wall.count()}, Instant(steady)};
  };
  CHECK_FALSE(steps.was_set_before(reading(1000s, 5s)));
  CHECK_FALSE(steps.was_set_before(reading(1010s, 15s)));
  CHECK_FALSE(steps.was_set_before(reading(1010s + 900us, 15s)));  // a pause between the two readings
  CHECK(steps.was_set_before(reading(1012s, 16s)));
  CHECK_FALSE(steps.was_set_before(reading(1013s, 17s)));
  CHECK(steps.was_set_before(reading(13s, 18s)));
}

TEST_CASE("the clocks can be read, and their precision is one") {
  const Reading first = read_clocks();
  const Reading second = read_clocks();
  CHECK(second.steady >= first.steady);
  CHECK(local_precision() >= 1ns);
  CHECK(local_precision() <= 1ms);
}
