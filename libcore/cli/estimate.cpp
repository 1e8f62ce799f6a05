// SPDX-License-Identifier: MIT
#include "cli/estimate.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {
namespace {

constexpr Duration until_first = std::chrono::seconds(1);  // what takes no longer needs no line
constexpr Duration until_next = std::chrono::milliseconds(200);

}  // namespace

std::string left_text(Duration passed, std::uint64_t done, std::uint64_t total) {
  if (done == 0 || done >= total) return "";
  const double whole = static_cast<double>(passed.count()) / static_cast<double>(done);
  const double left = std::min(whole * static_cast<double>(total - done), 9e18);
  return fmt::format("{} left",
                     age_text(Duration(static_cast<Duration::rep>(left)) + std::chrono::milliseconds(999)));
}

Estimate::Estimate(std::string what, std::uint64_t total, std::string unit, bool enabled)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      began_(process::boot_now()),
      next_(began_ + until_first),
      line_(enabled && total > 0) {}

void Estimate::at(std::uint64_t done) {
  done_ = std::max(done_, std::min(done, total_));
  if (!line_.active()) return;
  const Instant now = process::boot_now();
  if (now < next_) return;
  next_ = now + until_next;
  line_.show(text(now - began_));
}

std::string Estimate::text(Duration passed) const {
  const auto percent = static_cast<int>(100.0 * static_cast<double>(done_) / static_cast<double>(total_));
  const std::string text = unit_.empty() ? fmt::format("{}: {} %", what_, percent)
                                         : fmt::format("{}: {} of {} {}", what_, done_, total_, unit_);
  const std::string left = left_text(passed, done_, total_);
  return left.empty() ? text : fmt::format("{}, {}", text, left);
}

}  // namespace coord::cli
