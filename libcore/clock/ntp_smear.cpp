// SPDX-License-Identifier: MIT
#include "clock/ntp_smear.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace coord::ntp {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Duration window = hours(24);
constexpr Duration smear_half = hours(12);
constexpr Duration gap_tolerance = milliseconds(20);  // smears differ in their curves and their exact start

// Leaves out the smaller of two groups, or both when neither is the larger.
std::vector<bool> keep_larger(const std::vector<bool>& in_first) {
  const auto size = static_cast<std::ptrdiff_t>(in_first.size());
  const std::ptrdiff_t first = std::count(in_first.begin(), in_first.end(), true);
  std::vector<bool> out(in_first.size());
  for (std::size_t i = 0; i < in_first.size(); ++i)
    out[i] = in_first[i] ? 2 * first <= size : 2 * (size - first) <= size;
  return out;
}

bool announces(const Candidate& c) {
  return c.leap == Leap::insert_second || c.leap == Leap::delete_second;
}

// The servers below the gap that looks like a smear; empty if there is none.
std::vector<bool> below_gap(const std::vector<Candidate>& candidates, Duration expected) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return candidates[a].offset < candidates[b].offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Candidate& low = candidates[order[i - 1]];
    const Candidate& high = candidates[order[i]];
    const Duration gap = high.offset - low.offset;
    const Duration doubt = low.bound + high.bound;
    if (gap <= doubt || std::chrono::abs(gap - expected) > doubt + gap_tolerance) continue;
    std::vector<bool> below(candidates.size(), false);
    for (std::size_t k = 0; k < i; ++k) below[order[k]] = true;
    return below;
  }
  return {};
}

}  // namespace

std::optional<Duration> leap_proximity(WallTime utc) {
  using namespace std::chrono;
  const sys_time<nanoseconds> now{nanoseconds(utc.unix_ns)};
  const year this_year = year_month_day(floor<days>(now)).year();
  for (const year_month_day after :
       {this_year / January / 1, this_year / July / 1, (this_year + years(1)) / January / 1}) {
    const Duration distance = now - sys_days(after);
    if (abs(distance) <= window) return distance;
  }
  return std::nullopt;
}

Duration smear_gap(Duration from_leap) {
  const Duration distance = std::chrono::abs(from_leap);
  if (distance >= smear_half) return Duration::zero();
  return (smear_half - distance) / (24 * 3600);
}

std::vector<bool> smear_suspects(const std::vector<Candidate>& candidates, WallTime utc) {
  std::vector<bool> none(candidates.size(), false);
  const auto proximity = leap_proximity(utc);
  if (!proximity || candidates.size() < 2) return none;
  std::vector<bool> announcing(candidates.size());
  std::transform(candidates.begin(), candidates.end(), announcing.begin(), announces);
  const std::ptrdiff_t count = std::count(announcing.begin(), announcing.end(), true);
  if (count > 0 && count < static_cast<std::ptrdiff_t>(candidates.size())) return keep_larger(announcing);
  const Duration expected = smear_gap(*proximity);
  if (expected == Duration::zero()) return none;
  const std::vector<bool> below = below_gap(candidates, expected);
  return below.empty() ? none : keep_larger(below);
}

}  // namespace coord::ntp
