// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cmath>

#include "base/random.hpp"
#include "clock/ntp_filter.hpp"

using namespace coord;
using namespace coord::ntp;
using namespace std::chrono_literals;

namespace {

constexpr Precision precision{30ns, 1us};
const Instant start{std::chrono::hours(1)};

Timestamp at(Duration since_1970) {
  return timestamp_of({since_1970.count()});
}

// Local and true time apart by `offset`, with the given one-way delays.
Exchange exchange(Duration offset, Duration out, Duration back, Duration now = std::chrono::hours(490'000)) {
  return {at(now), at(now + out + offset), at(now + out + 20us + offset), at(now + out + 20us + back)};
}

Sample sample(Duration offset, Duration delay, Instant when = start) {
  return {offset, delay, 100ns, when};
}

bool near(Duration a, Duration b, Duration tolerance = 2ns) {
  return std::chrono::abs(a - b) <= tolerance;
}

}  // namespace

TEST_CASE("offset and delay of an exchange") {
  struct Row {
    const char* what;
    Duration offset, out, back;
  };
  const Row rows[] = {
      {"equal clocks", 0ns, 1ms, 1ms},
      {"local clock behind: positive", 1500ms, 1ms, 1ms},
      {"local clock ahead: negative", -1500ms, 1ms, 1ms},
      {"decades", std::chrono::hours(24 * 365 * 30), 1ms, 1ms},
      {"asymmetry shows as half of its difference", 0ns, 3ms, 1ms},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Exchange e = exchange(row.offset, row.out, row.back);
    CHECK(near(offset_of(e), row.offset + (row.out - row.back) / 2));
    CHECK(near(delay_of(e), row.out + row.back));
  }
}

TEST_CASE("an exchange across the era roll-over of 2036") {
  const Duration just_before = 2'085'978'496s - 1ms;
  const Exchange e = exchange(250us, 600us, 600us, just_before);
  CHECK(e.t4.bits < e.t1.bits);  // the number did roll over
  CHECK(near(offset_of(e), 250us));
  CHECK(near(delay_of(e), 1200us));
}

TEST_CASE("differences of 2^63 have a value, not an overflow") {
  const Exchange e{{0}, {std::uint64_t{1} << 63U}, {std::uint64_t{1} << 63U}, {0}};
  CHECK(offset_of(e) == -2'147'483'648s);
  CHECK(delay_of(e) == 0ns);
}

TEST_CASE("a delay that is a little negative is clamped, one that cannot be is refused") {
  const auto measured = [](Duration delay) {
    const Duration now = std::chrono::hours(490'000);
    const Exchange e{at(now), at(now), at(now + 10ms), at(now + 10ms + delay)};
    return measure(e, precision, start);
  };
  REQUIRE(measured(-1us));
  CHECK(measured(-1us)->delay == precision.local);
  CHECK(measured(0ns)->delay == precision.local);
  CHECK(near(measured(1ms)->delay, 1ms));
  CHECK_FALSE(measured(-5us));
  CHECK_FALSE(measured(-1ms));
  CHECK_FALSE(measured(-1s));
  // T4 before T1: the local clock was set.
  CHECK_FALSE(measure({at(10s), at(10s), at(10s), at(9s)}, precision, start));
}

TEST_CASE("a sample's dispersion is both precisions and 15 ppm of its round trip") {
  const auto s = measure(exchange(0ns, 50ms, 49'980us), precision, start);
  REQUIRE(s);
  CHECK(near(s->dispersion, 30ns + 1us + 1500ns, 5ns));
}

TEST_CASE("an empty filter estimates nothing") {
  CHECK_FALSE(SampleFilter().estimate(start, 1ns));
  SampleFilter filter;
  filter.add(sample(1ms, 1ms));
  filter.clear();
  CHECK_FALSE(filter.estimate(start, 1ns));
}

TEST_CASE("the filter trusts the samples with the least delay") {
  SampleFilter filter;
  filter.add(sample(5ms, 11ms));
  filter.add(sample(100us, 1ms));
  filter.add(sample(-7ms, 15ms));
  const auto e = filter.estimate(start, 1ns);
  REQUIRE(e);
  CHECK(e->offset_min == 100us);
  CHECK(near(e->offset, 100us, 10us));
  CHECK(near(e->offset_mean, Duration(5ms + 100us - 7ms) / 3));
  CHECK(e->delay == 1ms);
  CHECK(e->samples == 3);
  // RFC 5905: sqrt(((0.1-5)^2 + (0.1+7)^2) / 2) ms
  CHECK(near(e->jitter, duration_of_seconds(std::sqrt((4.9 * 4.9 + 7.1 * 7.1) / 2) * 1e-3), 10ns));
}

TEST_CASE("equally good samples are averaged") {
  SampleFilter filter;
  for (const Duration offset : {10us, 12us, 14us, 16us}) filter.add(sample(offset, 1ms));
  CHECK(near(filter.estimate(start, 1ns)->offset, 13us));
}

TEST_CASE("the register keeps its last eight samples, or as many as it was made for") {
  SampleFilter filter;
  filter.add(sample(1s, 1us));
  for (int i = 0; i < 8; ++i) filter.add(sample(1ms, 1ms));
  CHECK(filter.size() == 8);
  CHECK(filter.estimate(start, 1ns)->offset == 1ms);
  SampleFilter wide(20);
  for (int i = 0; i < 30; ++i) wide.add(sample(1ms, 1ms));
  CHECK(wide.size() == 20);
}

TEST_CASE("one sample: no jitter but the clock's own, a bound of half its delay and its dispersion") {
  SampleFilter filter;
  filter.add(sample(1ms, 400us));
  const auto e = filter.estimate(start, 40ns);
  CHECK(e->jitter == 40ns);
  CHECK(e->lowest == 1ms - 200us - 100ns);
  CHECK(e->highest == 1ms + 200us + 100ns);
  CHECK(error_bound({}, *e) == 200us + 100ns);
  CHECK(error_bound({10ms, 3ms}, *e) == 200us + 100ns + 5ms + 3ms);
}

TEST_CASE("root distance has a floor of 5 ms on the round trip, the bound has not") {
  SampleFilter filter;
  filter.add(sample(0ns, 100us));
  const auto e = filter.estimate(start, 40ns);
  CHECK(root_distance({}, *e) == 2500us + 100ns + 40ns);
  CHECK(root_distance({20ms, 1ms}, *e) == 10050us + 1ms + 100ns + 40ns);
  CHECK(error_bound({}, *e) < 100us);
}

TEST_CASE("old samples are worth less: 15 ppm a second") {
  SampleFilter filter;
  filter.add(sample(0ns, 100us));
  const auto e = filter.estimate(start + 100s, 40ns);
  CHECK(e->dispersion == 1500us + 100ns);
  CHECK(e->highest == 1550us + 100ns);
}

TEST_CASE("samples that contradict each other widen the bound to all of them") {
  SampleFilter filter;
  filter.add(sample(0ns, 100us));
  filter.add(sample(10ms, 100us));
  const auto e = filter.estimate(start, 40ns);
  CHECK(e->lowest == -50us - 100ns);
  CHECK(e->highest == 10ms + 50us + 100ns);
  CHECK(error_bound({}, *e) >= 5ms);
}

TEST_CASE("the truth lies within the bound whatever the network does") {
  // Exchanges with heavy-tailed and one-sided delays; the truth is known.
  Random random(7);
  for (int run = 0; run < 2000; ++run) {
    const Duration truth = Duration(static_cast<Duration::rep>(random.below(2'000'000'000))) - 1s;
    SampleFilter filter;
    const auto samples = 1 + random.below(8);
    for (std::uint64_t i = 0; i < samples; ++i) {
      const auto leg = [&] {
        const double tail = std::pow(1.0 - random.unit(), -0.8);  // Pareto
        return Duration(static_cast<Duration::rep>(std::min(20'000.0 * tail, 3e8)));
      };
      const auto s = measure(exchange(truth, leg(), leg() * (random.chance(0.3) ? 9 : 1)), precision, start);
      REQUIRE(s);
      filter.add(*s);
    }
    const auto e = filter.estimate(start, precision.local);
    const Duration bound = error_bound({}, *e);
    CAPTURE(run, truth.count(), e->offset.count(), bound.count());
    REQUIRE(std::chrono::abs(e->offset - truth) <= bound);
  }
}
