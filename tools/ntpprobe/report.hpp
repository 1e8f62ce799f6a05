// SPDX-License-Identifier: MIT
// A measurement as text for people, JSON, CSV, one number, or a Nagios line. Pure: the caller prints.
#pragma once

#include <optional>
#include <string>

#include "cli/table.hpp"
#include "ntpprobe/measurement.hpp"

namespace coord::ntpprobe {

// Seconds with nine decimals: "+0.000012345" and "0.000012345".
std::string signed_seconds(Duration value);
std::string plain_seconds(Duration value);

// host, or "host (address)" where they differ.
std::string server_label(const ServerResult& server);

struct TextStyle {
  std::size_t width = cli::Table::any_width;  // of the terminal; narrow ones get fewer columns
  bool color = false;
  bool verbose = false;  // everything that is known about each server
  bool samples = false;  // each sample with the source of its stamps
};
std::string text_report(const Measurement& m, const TextStyle& style);
// The closing line: the combined offset, or why there is none.
std::string text_summary(const Measurement& m);

std::string json_report(const Measurement& m, bool samples);

std::string csv_title();
std::string csv_report(const Measurement& m, bool samples);

// One line for a pipe that is watched.
std::string watch_line(const Measurement& m);

// A Nagios plugin's answer: status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and its
// line with performance data.
struct Thresholds {
  std::optional<Duration> warn;  // of the offset's absolute value
  std::optional<Duration> crit;
  std::optional<unsigned> max_stratum;
};
struct CheckResult {
  int status = 3;
  std::string line;
};
CheckResult check_report(const Measurement& m, const Thresholds& thresholds);
CheckResult check_unknown(const std::string& why);

}  // namespace coord::ntpprobe
