// SPDX-License-Identifier: MIT
#include "cli/age.hpp"

#include <algorithm>
#include <chrono>

#include "base/format.hpp"

namespace coord::cli {

std::string age_text(Duration age) {
  const auto seconds = std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(age).count(), 0);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86'400);
}

std::string age_text(WallTime since, WallTime now) {
  return age_text(Duration(std::max<std::int64_t>(now.unix_ns - since.unix_ns, 0)));
}

}  // namespace coord::cli
