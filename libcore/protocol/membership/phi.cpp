// SPDX-License-Identifier: MIT
#include "protocol/membership/phi.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/rule.hpp"

namespace coord::membership {

namespace {

double ratio(Duration a, Duration b) {
  return static_cast<double>(a.count()) / static_cast<double>(std::max<Duration::rep>(b.count(), 1));
}

}  // namespace

double phi_normal(Duration elapsed, Duration mean, Duration deviation) {
  const double z = ratio(elapsed - mean, deviation) / std::numbers::sqrt2;
  if (z < 20) return -std::log10(0.5 * std::erfc(z));
  // erfc(z) ~ exp(-z^2) / (z sqrt(pi)) * (1 - 1/(2 z^2))
  const double tail = 1 / std::sqrt(std::numbers::pi) / z * (1 - 1 / (2 * z * z)) / 2;
  return z * z * std::numbers::log10e - std::log10(tail);
}

double phi_exponential(Duration elapsed, Duration mean) {
  return std::numbers::log10e * ratio(elapsed, mean);
}

void Arrivals::heard(Instant now, bool after_failure) {
  const bool counts = COORD_RULE_OR(phi_interval_of_a_failure_is_dropped, !after_failure, true);
  if (last_ && counts) {
    intervals_.push_back(now - *last_);
    if (intervals_.size() > config_.window) intervals_.pop_front();
  }
  last_ = now;
}

// Where little is known it counts with what is expected: one interval of that length,
// and a quarter's deviation.
Duration Arrivals::mean() const {
  Duration sum = config_.expected;
  for (const Duration interval : intervals_) sum += interval;
  return sum / static_cast<Duration::rep>(intervals_.size() + 1);
}

Duration Arrivals::deviation() const {
  const auto middle = static_cast<double>(mean().count());
  double squares = std::pow(static_cast<double>(config_.expected.count()) / 4, 2);
  for (const Duration interval : intervals_)
    squares += std::pow(static_cast<double>(interval.count()) - middle, 2);
  const Duration found(
      static_cast<Duration::rep>(std::sqrt(squares / static_cast<double>(intervals_.size() + 1))));
  return COORD_RULE_OR(phi_deviation_has_a_floor, std::max(found, config_.least_deviation), found);
}

double Arrivals::phi_after(Duration elapsed) const {
  return config_.distribution == Distribution::normal ? phi_normal(elapsed, mean(), deviation())
                                                      : phi_exponential(elapsed, mean());
}

double Arrivals::phi(Instant now) const {
  return last_ ? phi_after(now - *last_) : 0;
}

Duration Arrivals::patience(double threshold) const {
  if (config_.distribution == Distribution::exponential) {
    return Duration(
        static_cast<Duration::rep>(threshold / std::numbers::log10e * static_cast<double>(mean().count())));
  }
  const Duration middle = mean(), spread = deviation();
  Duration low = middle, high = middle + 64 * spread + Duration(1);
  while (phi_normal(high, middle, spread) < threshold) high += high;
  while (high - low > std::chrono::microseconds(10)) {
    const Duration half = low + (high - low) / 2;
    (phi_normal(half, middle, spread) < threshold ? low : high) = half;
  }
  return high;
}

}  // namespace coord::membership
