// SPDX-License-Identifier: MIT
#include "base/rfc3339.hpp"

#include <array>
#include <cstring>
#include <string>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::array<std::int64_t, 10> power_of_ten = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// Reads exactly `digits` decimal digits at `at`; -1 if one is not a digit.
int read_digits(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    const int digit = text[i] - '0';
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

// "Z" or "+hh:mm" / "-hh:mm" as seconds east of UTC.
std::optional<int> read_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = read_digits(text, 1, 2);
  const int minutes = read_digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const int seconds = (hours * 60 + minutes) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

}  // namespace

std::string rfc3339(WallTime time, int fraction_digits) {
  COORD_CHECK(fraction_digits >= 0 && fraction_digits <= 9);
  using namespace std::chrono;
  const sys_time<nanoseconds> point{nanoseconds(time.unix_ns)};
  const auto day = floor<days>(point);
  const year_month_day date(day);
  const hh_mm_ss<nanoseconds> clock(point - day);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                                 clock.subseconds().count());
  text.resize(fraction_digits == 0 ? 19 : 20 + static_cast<std::size_t>(fraction_digits));
  return text += 'Z';
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  if (text[10] != 'T' && text[10] != 't') return std::nullopt;
  const int year = read_digits(text, 0, 4), month = read_digits(text, 5, 2), day = read_digits(text, 8, 2);
  const int hour = read_digits(text, 11, 2), minute = read_digits(text, 14, 2),
            second = read_digits(text, 17, 2);
  if (year < 1 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;

  std::int64_t fraction_ns = 0;
  std::size_t at = 19;
  if (text[at] == '.') {
    std::size_t digits = 0;
    while (at + 1 + digits < text.size() && text[at + 1 + digits] >= '0' && text[at + 1 + digits] <= '9')
      ++digits;
    if (digits == 0 || digits > 9) return std::nullopt;
    fraction_ns = read_digits(text, at + 1, digits) * power_of_ten[9 - digits];
    at += 1 + digits;
  }
  const auto offset = read_offset(text.substr(at));
  if (!offset) return std::nullopt;

  const std::int64_t day_number = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = day_number * 86'400 + (hour * 60 + minute) * 60 + second - *offset;
  WallTime time;
  if (__builtin_mul_overflow(seconds, ns_per_second, &time.unix_ns)) return std::nullopt;
  if (__builtin_add_overflow(time.unix_ns, fraction_ns, &time.unix_ns)) return std::nullopt;
  return time;
}

}  // namespace coord
