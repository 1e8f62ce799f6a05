// SPDX-License-Identifier: MIT
// How surprising it is that a node has not been heard of: phi-accrual (Hayashibara, Defago, Yared, Katayama,
// "The phi Accrual Failure Detector", SRDS 2004).
//
// Problem: a fixed time-out is too long on a quiet network and too short on a loaded one. Algorithm:
// remember the last intervals between heartbeats and compute phi(t) = -log10 P(an interval is longer
// than t), t since the last one. Whoever acts chooses how sure he wants to be: phi 8 is a wrong
// suspicion in 10^8 intervals, if the distribution is right; phi is not the probability of being alive.
// The paper (and Akka) take intervals as normal, Cassandra as exponential, which has one parameter and a
// longer tail: phi = t / mean * log10 e.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"

namespace coord::membership {

enum class Distribution : std::uint8_t { normal, exponential };

// In the log domain: the tail of a normal distribution underflows beyond 38 standard deviations.
double phi_normal(Duration elapsed, Duration mean, Duration deviation);
double phi_exponential(Duration elapsed, Duration mean);

class Arrivals {
 public:
  struct Config {
    Distribution distribution = Distribution::normal;
    Duration expected{};         // the interval at which heartbeats are sent: where nothing is known yet
    std::size_t window = 100;    // intervals remembered
    Duration least_deviation{};  // intervals that happen to be alike promise nothing
  };
  explicit Arrivals(Config config) : config_(config) {}

  // `after_failure`: it was suspected meanwhile: the interval says nothing of a node that is alive.
  void heard(Instant now, bool after_failure);
  bool ever() const { return last_.has_value(); }
  double phi(Instant now) const;
  // The time since the last heartbeat at which phi reaches the threshold.
  Duration patience(double threshold) const;
  Duration mean() const;
  Duration deviation() const;

 private:
  double phi_after(Duration elapsed) const;

  Config config_;
  std::deque<Duration> intervals_;
  std::optional<Instant> last_;
};

}  // namespace coord::membership
