// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "base/rfc3339.hpp"

using namespace coord;

TEST_CASE("wall times are written in UTC with the digits asked for") {
  CHECK(rfc3339({0}) == "1970-01-01T00:00:00.000000000Z");
  CHECK(rfc3339({1'795'310'835'123'456'789}) == "2026-11-22T01:27:15.123456789Z");
  CHECK(rfc3339({1'795'310'835'123'956'789}, 3) == "2026-11-22T01:27:15.123Z");
  CHECK(rfc3339({1'795'310'835'123'956'789}, 0) == "2026-11-22T01:27:15Z");
  CHECK(rfc3339({-1}, 6) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("wall times are read as they are written, and with fractions and offsets") {
  struct Row {
    const char* text;
    std::int64_t unix_ns;
  };
  const Row rows[] = {{"1970-01-01T00:00:00Z", 0},
                      {"1970-01-01T01:00:00+01:00", 0},
                      {"1969-12-31T23:30:00.5-00:30", 500'000'000},
                      {"2026-11-22T01:27:15.123456789Z", 1'795'310'835'123'456'789},
                      {"2016-12-31T23:59:60Z", 1'483'228'800'000'000'000},
                      {"2024-02-29t00:00:00z", 1'709'164'800'000'000'000}};
  for (const auto& row : rows) {
    INFO(row.text);
    REQUIRE(parse_rfc3339(row.text));
    CHECK(parse_rfc3339(row.text)->unix_ns == row.unix_ns);
  }
}

TEST_CASE("what is not RFC 3339 is not a wall time") {
  for (const char* text : {"", "now", "2026-11-22", "2026-11-22 01:27:15Z", "2026-11-22T01:27:15",
                           "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z",
                           "2026-11-22T01:60:00Z", "2026-11-22T01:27:15.Z", "2026-11-22T01:27:15.1234567890Z",
                           "2026-11-22T01:27:15Zx", "2026-11-22T01:27:15+1:00", "0000-01-01T00:00:00Z",
                           "9999-12-31T23:59:59Z", "2026-11-22T01:27:1aZ", "2026-11-22T01:27:15+25:00"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}
