// SPDX-License-Identifier: MIT
#include "delect/civil_day.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/names.hpp"

namespace coord::delect {

namespace {

constexpr std::int64_t day_s = 86'400;

// glibc takes a name that it does not know for UTC, without a word.
bool is_zone(const std::string& zone) {
  const bool fits = !zone.empty() && zone.size() <= 100 && zone.front() != '/' &&
                    zone.find("..") == std::string::npos && std::all_of(zone.begin(), zone.end(), [](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                             std::string_view("_+-/").find(c) != std::string_view::npos;
                    });
  if (!fits) return false;
  const char* place = std::getenv("TZDIR");
  const std::string path = fmt::format(
      "{}/{}", place != nullptr && *place != '\0' ? std::string(place) : "/usr/share/zoneinfo", zone);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 4> magic{};
  return file.is_open() && ::read(file.get(), magic.data(), magic.size()) == 4 &&
         std::string_view(magic.data(), 4) == "TZif";
}

// TZ is the command's: it gets back what it was.
class InZone {
 public:
  explicit InZone(const std::string& zone) {
    if (const char* before = std::getenv("TZ"); before != nullptr) before_ = before;
    ::setenv("TZ", (fmt::format(":{}", zone)).c_str(), 1);
    ::tzset();
  }
  ~InZone() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace

Result<std::int64_t> civil_day(std::string_view zone, WallTime now) {
  const std::string name(zone);
  if (!is_zone(name))
    return Error{ErrorKind::usage, "", fmt::format("there is no time zone {}", cli::shown(name)),
                 "name one of tzdata's, such as Europe/Berlin, or leave @ZONE out for days of UTC"};
  const InZone there(name);
  const std::time_t at = now.unix_ns / 1'000'000'000;
  std::tm civil{};
  if (::localtime_r(&at, &civil) == nullptr)
    return Error{ErrorKind::usage, "", "the clock's time is none of that zone", "set the clock"};
  const std::chrono::year_month_day date{std::chrono::year(civil.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(civil.tm_mon) + 1),
                                         std::chrono::day(static_cast<unsigned>(civil.tm_mday))};
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::string date_of(std::int64_t day) {
  return rfc3339(WallTime{day * day_s * 1'000'000'000}, 0).substr(0, 10);
}

}  // namespace coord::delect
