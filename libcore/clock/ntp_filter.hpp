// SPDX-License-Identifier: MIT
// From one exchange to one server's offset.
//
// An exchange gives four times: request sent T1 and received T2, reply sent T3 and received T4. The offset is
// the mean of the two one-way differences and is wrong by half the difference of the two one-way delays,
// which no measurement can see. What can be known is the limit: the error is at most half the round trip plus
// what the clocks themselves may have strayed. Averaging all samples is the obvious improvement and is wrong
// on a network, where a few packets wait long: queues only ever add delay. So the samples with the least
// delay are trusted (RFC 5905, 10), and the bound is the intersection of what each single sample allows.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "clock/ntp_packet.hpp"

namespace coord::ntp {

struct Exchange {
  Timestamp t1, t2, t3, t4;
};

// The exact values, before any clamp. Positive offset: the local clock is behind.
Duration offset_of(const Exchange& exchange);
Duration delay_of(const Exchange& exchange);

struct Sample {
  Duration offset{};
  Duration delay{};       // never below the local precision
  Duration dispersion{};  // how far the stamps themselves may be wrong (RFC 5905 epsilon0)
  Instant at;             // when the reply came in, on a clock that is never set
};

struct Precision {
  Duration local{};
  Duration server{};
};

// nothing if the delay is negative by more than clocks of these precisions and 15 ppm can explain: then one
// of the clocks was set in between, or the server's times are not those of this exchange.
std::optional<Sample> measure(const Exchange& exchange, Precision precision, Instant at);

// What one server's samples say. All intervals and offsets are as of the Instant asked for.
struct Estimate {
  Duration offset{};       // weighted towards the samples of least delay
  Duration offset_min{};   // of the sample with the least delay
  Duration offset_mean{};  // of all samples: best where jitter is uniform
  Duration delay{};        // the least
  Duration dispersion{};   // of the least-delay sample, with its age
  Duration jitter{};       // RFC 5905, 10: root mean square of the differences to the least-delay sample
  Duration lowest{};       // if the server is right the truth lies between these two
  Duration highest{};
  std::size_t samples = 0;
};

// The clock filter's shift register.
class SampleFilter {
 public:
  static constexpr std::size_t default_stages = 8;  // RFC 5905 NSTAGE

  explicit SampleFilter(std::size_t stages = default_stages);

  // Keeps the last `stages` samples.
  void add(const Sample& sample);
  // After the local clock was set nothing measured before means anything.
  void clear() { samples_.clear(); }
  std::size_t size() const { return samples_.size(); }

  // nothing while there are no samples. local_precision: the least jitter reported.
  std::optional<Estimate> estimate(Instant now, Duration local_precision) const;

 private:
  std::size_t stages_;
  std::deque<Sample> samples_;  // oldest first
};

// What the server says about its own distance to the reference clocks.
struct Root {
  Duration delay{};
  Duration dispersion{};
};

// RFC 5905, 11.2 LAMBDA: with its floor of 5 ms on the round trip, which is why it is pessimistic on a LAN.
Duration root_distance(const Root& root, const Estimate& estimate);

// The farthest that the truth can be from the estimate's offset, provided the server is as good as it says.
Duration error_bound(const Root& root, const Estimate& estimate);

}  // namespace coord::ntp
