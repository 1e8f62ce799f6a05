// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <limits>

#include "clock/ntp_time.hpp"

using namespace coord;
using namespace coord::ntp;
using namespace std::chrono_literals;

namespace {
constexpr std::int64_t second = std::int64_t{1} << 32;
constexpr std::int64_t era_1_unix_s = 2'085'978'496;  // 2036-02-07T06:28:16Z
WallTime unix_s(std::int64_t s, std::int64_t ns = 0) {
  return {s * 1'000'000'000 + ns};
}
}  // namespace

TEST_CASE("a wall-clock time becomes an NTP timestamp and comes back, in every era near its pivot") {
  struct Row {
    WallTime time;
    std::uint64_t bits;
  };
  const Row rows[] = {
      {unix_s(0), 0x83aa7e80'00000000},
      {unix_s(0, 500'000'000), 0x83aa7e80'80000000},
      {unix_s(-1, 0), 0x83aa7e7f'00000000},
      {unix_s(era_1_unix_s - 1, 999'999'999), 0xffffffff'fffffffc},
      {unix_s(era_1_unix_s), 0x00000000'00000000},
      {unix_s(era_1_unix_s + 5, 250'000'000), 0x00000005'40000000},
      {unix_s(4'102'444'800), 0x7830d580'00000000},  // 2100
  };
  for (const Row& row : rows) {
    CAPTURE(row.time.unix_ns);
    CHECK(timestamp_of(row.time).bits == row.bits);
    CHECK(wall_time_of({row.bits}, row.time) == row.time);
    CHECK(wall_time_of({row.bits}, {row.time.unix_ns + 60LL * 365 * 86400 * 1'000'000'000}) == row.time);
    CHECK(wall_time_of({row.bits}, {row.time.unix_ns - 60LL * 365 * 86400 * 1'000'000'000}) == row.time);
  }
}

TEST_CASE("differences are taken modulo 2^64 and so know no era") {
  const Timestamp before = timestamp_of(unix_s(era_1_unix_s - 1));
  const Timestamp after = timestamp_of(unix_s(era_1_unix_s + 1));
  CHECK(ticks_between(after, before) == 2 * second);
  CHECK(ticks_between(before, after) == -2 * second);
  CHECK(ticks_between({0}, {1}) == -1);
  CHECK(ticks_between({std::uint64_t{1} << 63U}, {0}) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("ticks become nanoseconds, rounded, up to the ends of the range") {
  CHECK(from_ticks(0) == 0ns);
  CHECK(from_ticks(second) == 1s);
  CHECK(from_ticks(-second) == -1s);
  CHECK(from_ticks(second / 2) == 500ms);
  CHECK(from_ticks(4) == 1ns);  // 0.93 ns
  CHECK(from_ticks(-4) == -1ns);
  CHECK(from_ticks(2) == 0ns);  // 0.47 ns
  CHECK(from_ticks(std::numeric_limits<std::int64_t>::min()) == -2'147'483'648s);
  CHECK(from_ticks(std::numeric_limits<std::int64_t>::max()) == 2'147'483'648s);
}

TEST_CASE("half a sum does not overflow where the sum would") {
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  const auto highest = std::numeric_limits<std::int64_t>::max();
  CHECK(half_sum(second, second) == 1s);
  CHECK(half_sum(second, -second) == 0ns);
  CHECK(half_sum(lowest, lowest) == -2'147'483'648s);
  CHECK(half_sum(highest, highest) == 2'147'483'648s);
  CHECK(half_sum(lowest, highest) == 0ns);
}

TEST_CASE("a step moves a timestamp, across the era too") {
  CHECK((Timestamp{0} + 1s).bits == 0x1'00000000);
  CHECK((Timestamp{0} + -1s).bits == 0xffffffff'00000000);
  CHECK((timestamp_of(unix_s(era_1_unix_s - 1)) + 1500ms).bits == 0x80000000);
}

TEST_CASE("the short format rounds up and holds to its range") {
  CHECK(duration_of(Short{0x00010000}) == 1s);
  CHECK(duration_of(Short{0x00000001}) == 15'259ns);  // 2^-16 s, rounded up
  CHECK(duration_of(Short{0xffffffff}) > 65'535s);
  CHECK(short_of(1s).bits == 0x00010000);
  CHECK(short_of(1ns).bits == 1);
  CHECK(short_of(-1s).bits == 0);
  CHECK(short_of(std::chrono::hours(1000)).bits == 0xffffffff);
}

TEST_CASE("precisions are powers of two within sense") {
  CHECK(power_of_two(0) == 1s);
  CHECK(power_of_two(-1) == 500ms);
  CHECK(power_of_two(-20) == 953ns);
  CHECK(power_of_two(-30) == 1ns);
  CHECK(power_of_two(-128) == 1ns);
  CHECK(power_of_two(3) == 8s);
  CHECK(power_of_two(127) == power_of_two(16));
}

TEST_CASE("seconds to nanoseconds survive what is no duration") {
  CHECK(duration_of_seconds(-0.123456789) == -123'456'789ns);
  CHECK(duration_of_seconds(1e300) > std::chrono::hours(24 * 365 * 290));
  CHECK(duration_of_seconds(-std::numeric_limits<double>::infinity()) < -std::chrono::hours(24 * 365 * 290));
  CHECK(duration_of_seconds(std::numeric_limits<double>::quiet_NaN()) == 0ns);
  CHECK(drift_over(1s) == 15us);
  CHECK(drift_over(-1s) == 15us);
  CHECK(drift_over(1ns) == 1ns);
}
