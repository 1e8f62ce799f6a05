// SPDX-License-Identifier: MIT
// What a peer counts for monitoring, and how that is laid out: OpenMetrics text 1.0.
//
// Names of locks are whatever users make up, without bound, and each label value is a series that a
// monitoring system keeps for good. So names are labels only where the configuration lists them
// (metrics_names), and users never are. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "node/part.hpp"

namespace coord::daemon {

inline constexpr std::size_t most_metrics_names = 64;

// Of durations. How many were at most so long, for each bound.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds_s)
      : bounds_s_(std::move(bounds_s)), counts_(bounds_s_.size()) {}

  void observe(Duration time);
  const std::vector<double>& bounds_s() const { return bounds_s_; }
  std::uint64_t count() const { return count_; }
  double sum_s() const { return sum_s_; }
  std::uint64_t at_most(std::size_t bound) const;

 private:
  std::vector<double> bounds_s_;       // ascending
  std::vector<std::uint64_t> counts_;  // above the bound before
  std::uint64_t count_ = 0;
  double sum_s_ = 0;
};

// From microseconds of a disk to seconds; from a millisecond to hours of people's commands.
Histogram short_times();
Histogram long_times();

// Of grants to this host's tools: of all, or of one name.
struct GrantMeters {
  std::uint64_t grants = 0, losses = 0;
  Histogram wait = long_times(), hold = long_times();
};

struct Meters {
  GrantMeters all;
  std::map<std::string, GrantMeters> named;  // those that are listed
  std::uint64_t leader_changes = 0;
  Histogram commit = short_times();     // from a leader's append to the majority's
  Histogram disk_sync = short_times();  // of writes that are synced

  void granted(const std::vector<std::string>& names, std::optional<Duration> waited);
  void lost(const std::vector<std::string>& names);
  void held(const std::vector<std::string>& names, Duration time);
};

// What is asked for when it is shown.
struct Gauges {
  double started_s = 0;  // Unix time
  std::uint64_t sessions = 0, locks = 0, tools = 0;
  std::uint64_t term = 0, level = 0;
  bool leads = false, has_leader = false;
  std::uint64_t log_entries = 0, log_bytes = 0;
  struct Link {
    std::string peer;
    bool up = false;
    std::optional<Duration> round_trip;
  };
  std::vector<Link> links;
  struct Member {
    std::string peer;
    std::string state;  // as dpeers shows it
    std::optional<double> phi;
  };
  std::vector<Member> members;  // the other peers
  std::vector<node::Count> parts;
};

std::string open_metrics(const Meters& meters, const Gauges& gauges);

// Of a value of a label: backslash, quote and line break; what is not UTF-8 is replaced.
std::string label_text(const std::string& value);

}  // namespace coord::daemon
