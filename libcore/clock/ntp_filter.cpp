// SPDX-License-Identifier: MIT
#include "clock/ntp_filter.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/check.hpp"

namespace coord::ntp {
namespace {

constexpr Duration min_round_trip = std::chrono::milliseconds(5);  // RFC 5905 MINDISP, as used in 11.2

// Half of what a sample leaves open at `now`.
Duration half_width(const Sample& sample, Instant now) {
  return sample.delay / 2 + sample.dispersion + drift_over(now - sample.at);
}

// A sample that waited no longer than the best one in any queue counts fully; one that waited
// `scale` longer counts a quarter of that, so that a few equally good samples average out their
// noise and a late one changes nothing.
double weight(Duration excess, Duration scale) {
  const double ratio = seconds_of(excess) / seconds_of(scale);
  return 1.0 / ((1.0 + ratio) * (1.0 + ratio));
}

Duration jitter_of(const std::vector<Sample>& by_delay, Duration floor) {
  if (by_delay.size() < 2) return floor;
  double sum = 0;
  for (const Sample& sample : by_delay) {
    const double difference = seconds_of(by_delay.front().offset - sample.offset);
    sum += difference * difference;
  }
  return std::max(floor, duration_of_seconds(std::sqrt(sum / static_cast<double>(by_delay.size() - 1))));
}

// The truth satisfies every sample; if no value does (a clock that drifts by more
// than 15 ppm) it satisfies one.
void bracket(const std::vector<Sample>& samples, Instant now, Estimate& estimate) {
  Duration low = Duration::min();
  Duration high = Duration::max();
  Duration outer_low = Duration::max();
  Duration outer_high = Duration::min();
  for (const Sample& sample : samples) {
    const Duration half = half_width(sample, now);
    low = std::max(low, sample.offset - half);
    high = std::min(high, sample.offset + half);
    outer_low = std::min(outer_low, sample.offset - half);
    outer_high = std::max(outer_high, sample.offset + half);
  }
  const bool consistent = low <= high;
  estimate.lowest = consistent ? low : outer_low;
  estimate.highest = consistent ? high : outer_high;
}

}  // namespace

Duration offset_of(const Exchange& exchange) {
  return half_sum(ticks_between(exchange.t2, exchange.t1), ticks_between(exchange.t3, exchange.t4));
}

Duration delay_of(const Exchange& exchange) {
  return from_ticks(ticks_between(exchange.t4, exchange.t1)) -
         from_ticks(ticks_between(exchange.t3, exchange.t2));
}

std::optional<Sample> measure(const Exchange& exchange, Precision precision, Instant at) {
  const Duration elapsed = from_ticks(ticks_between(exchange.t4, exchange.t1));
  if (elapsed < Duration::zero()) return std::nullopt;
  Sample sample;
  sample.offset = offset_of(exchange);
  sample.delay = delay_of(exchange);
  sample.dispersion = precision.local + precision.server + drift_over(elapsed);
  sample.at = at;
  if (sample.delay < -sample.dispersion) return std::nullopt;
  sample.delay = std::max(sample.delay, precision.local);
  return sample;
}

SampleFilter::SampleFilter(std::size_t stages) : stages_(stages) {
  COORD_CHECK(stages > 0);
}

void SampleFilter::add(const Sample& sample) {
  samples_.push_back(sample);
  if (samples_.size() > stages_) samples_.pop_front();
}

std::optional<Estimate> SampleFilter::estimate(Instant now, Duration local_precision) const {
  if (samples_.empty()) return std::nullopt;
  std::vector<Sample> by_delay(samples_.begin(), samples_.end());
  std::stable_sort(by_delay.begin(), by_delay.end(),
                   [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
  const Sample& best = by_delay.front();
  // The spread of an undisturbed path is a small part of its delay; below some
  // microseconds it is the machine's own.
  const Duration scale = std::max<Duration>(best.delay / 10, std::chrono::microseconds(2));
  double weights = 0;
  double weighted = 0;
  double plain = 0;
  for (const Sample& sample : by_delay) {
    const double share = weight(sample.delay - best.delay, scale);
    const double difference = seconds_of(sample.offset - best.offset);
    weights += share;
    weighted += share * difference;
    plain += difference;
  }
  Estimate estimate;
  estimate.offset_min = best.offset;
  estimate.offset = best.offset + duration_of_seconds(weighted / weights);
  estimate.offset_mean = best.offset + duration_of_seconds(plain / static_cast<double>(by_delay.size()));
  estimate.delay = best.delay;
  estimate.dispersion = best.dispersion + drift_over(now - best.at);
  estimate.jitter = jitter_of(by_delay, local_precision);
  estimate.samples = by_delay.size();
  bracket(by_delay, now, estimate);
  // An average may leave the bracket of the single samples; the truth does not.
  estimate.offset = std::clamp(estimate.offset, estimate.lowest, estimate.highest);
  return estimate;
}

Duration root_distance(const Root& root, const Estimate& estimate) {
  return std::max(min_round_trip, root.delay + estimate.delay) / 2 + root.dispersion + estimate.dispersion +
         estimate.jitter;
}

Duration error_bound(const Root& root, const Estimate& estimate) {
  const Duration own = std::max(estimate.offset - estimate.lowest, estimate.highest - estimate.offset);
  return own + root.delay / 2 + root.dispersion;
}

}  // namespace coord::ntp
