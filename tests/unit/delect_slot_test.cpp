// SPDX-License-Identifier: MIT
// Periods of delect --slot auto: around the nights in which clocks are changed.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "delect/settings.hpp"

using namespace coord;

namespace {

// 2025, UTC.
WallTime at(unsigned month, unsigned day, int hour, int minute) {
  using namespace std::chrono;
  const sys_days date = year_month_day(year(2025), std::chrono::month(month), std::chrono::day(day));
  return WallTime{nanoseconds(date.time_since_epoch() + hours(hour) + minutes(minute)).count()};
}

std::string key(std::string_view text, WallTime now) {
  const auto wish = delect::slot_wish(text, now);
  REQUIRE(wish.ok());
  return wish->key;
}

}  // namespace

TEST_CASE("a job of 01:30 in Berlin has a day of its own in the night that clocks go forward") {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) return;
  const WallTime runs[] = {at(3, 29, 0, 30), at(3, 30, 0, 30), at(3, 30, 23, 30), at(3, 31, 23, 30)};
  const std::string berlin[] = {"2025-03-29", "2025-03-30", "2025-03-31", "2025-04-01"};
  for (int i = 0; i < 4; ++i) CHECK(key("auto:1d@Europe/Berlin", runs[i]) == berlin[i]);
  // By UTC the third falls on the day of the second.
  CHECK(key("auto:1d", runs[1]) == key("auto:1d", runs[2]));
}

TEST_CASE("and in the night that they go back an hour that is there twice is of one day") {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) return;
  CHECK(key("auto:1d@Europe/Berlin", at(10, 25, 22, 30)) == "2025-10-26");
  CHECK(key("auto:1d@Europe/Berlin", at(10, 26, 0, 30)) == "2025-10-26");
  CHECK(key("auto:1d@Europe/Berlin", at(10, 26, 1, 30)) == "2025-10-26");
  CHECK(key("auto:1d@Europe/Berlin", at(10, 26, 22, 59)) == "2025-10-26");
  CHECK(key("auto:1d@Europe/Berlin", at(10, 26, 23, 0)) == "2025-10-27");
}

TEST_CASE("several days together begin on the same day for every host, and TZ stays what it was") {
  ::setenv("TZ", "Asia/Tokyo", 1);
  std::string last;
  int changes = 0;
  for (unsigned day = 1; day <= 28; ++day) {
    const std::string now = key("auto:7d@UTC", at(2, day, 12, 0));
    CHECK(now <= "2025-02-" + std::string(day < 10 ? "0" : "") + std::to_string(day));
    if (now != last) ++changes;
    last = now;
  }
  CHECK((changes == 4 || changes == 5));
  CHECK(std::string(std::getenv("TZ")) == "Asia/Tokyo");
  ::unsetenv("TZ");
}
