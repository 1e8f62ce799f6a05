// SPDX-License-Identifier: MIT
// --slot: which piece of work this is.
#include <time.h>

#include <chrono>

#include "base/rfc3339.hpp"
#include "cli/values.hpp"
#include "delect/civil_day.hpp"
#include "delect/settings.hpp"

namespace coord::delect {

namespace {

constexpr std::string_view automatic = "auto:";

// Of the option that it is the value of, which names itself.
Error wrong(std::string what, std::string remedy) {
  return Error{ErrorKind::usage, "", std::move(what), std::move(remedy)};
}

Result<Duration> read_period(std::string_view text) {
  std::int64_t unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 'd':
        unit = 86'400;
        break;
      case 'h':
        unit = 3'600;
        break;
      case 'm':
        unit = 60;
        break;
      default:
        break;
    }
    if (unit > 1 || text.back() == 's') text.remove_suffix(1);
  }
  constexpr std::int64_t longest = 31 * 86'400;
  const auto count = cli::read_integer(text, {1, longest});
  if (!count || *count > longest / unit)
    return wrong("the period is not a number of s, m, h or d, 1s to 31d", "write auto:1h, say");
  return Duration(std::chrono::seconds(*count * unit));
}

// Days by a zone's calendar, named by their date: a day of 23 or 25 hours is one day.
Result<service::SlotWish> by_calendar(Duration period, std::string_view zone, WallTime now) {
  constexpr Duration day = std::chrono::hours(24);
  if (period % day != Duration::zero())
    return wrong("a time zone is for whole days", "write auto:1d@Europe/Berlin, say, or auto:1h");
  const auto today = civil_day(zone, now);
  if (!today) return today.error();
  const std::int64_t days = period / day;
  service::SlotWish wish;
  wish.key = date_of(*today - ((*today % days) + days) % days);
  wish.period = period;
  return wish;
}

}  // namespace

WallTime wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return WallTime{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

Result<service::SlotWish> slot_wish(std::string_view text, WallTime now) {
  service::SlotWish wish;
  if (!text.starts_with(automatic)) {
    constexpr std::size_t longest = 255;  // service::Limits::slot_key_bytes
    if (text.empty() || text.size() > longest)
      return wrong("a key has 1 to 255 bytes", "give one, such as \"$(date +%F)\", or auto:1h");
    wish.key = text;
    return wish;
  }
  text.remove_prefix(automatic.size());
  const std::size_t at = text.find('@');
  const auto period = read_period(text.substr(0, at));
  if (!period) return period.error();
  if (at != std::string_view::npos) return by_calendar(*period, text.substr(at + 1), now);
  // Whole periods since 1970 in UTC, named by when they began.
  const std::int64_t length = period->count();
  const std::int64_t begun = now.unix_ns - ((now.unix_ns % length) + length) % length;
  wish.key = rfc3339(WallTime{begun}, 0);
  wish.period = *period;
  return wish;
}

}  // namespace coord::delect
