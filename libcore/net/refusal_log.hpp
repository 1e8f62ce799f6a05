// SPDX-License-Identifier: MIT
// At most so many lines a minute for each source, however often it tries: a scanner, a peer
// with a wrong key or a tool that sends rubbish must not fill the disk. What was not told is
// counted and told with the next line.
//
// Bounded: beyond `max_sources` sources at a time (an attacker with many addresses),
// the others share one place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace coord::net {

class RefusalLog {
 public:
  explicit RefusalLog(Duration interval = std::chrono::minutes(1), std::size_t max_sources = 256,
                      std::uint32_t lines = 1)
      : interval_(interval), max_sources_(max_sources), lines_(lines) {}

  // `SOURCE: refused: WHY` to log, or nothing if enough was told of this source within the interval.
  std::optional<std::string> refused(Instant now, const std::string& source, const std::string& why);
  // The same for a line in other words.
  std::optional<std::string> limited(Instant now, const std::string& source, std::string line);
  std::uint64_t total() const { return total_; }

 private:
  struct Source {
    Instant since;  // when the interval began
    std::uint32_t told = 0;
    std::uint64_t untold = 0;
  };
  void forget_old(Instant now);

  Duration interval_;
  std::size_t max_sources_;
  std::uint32_t lines_;  // an interval
  std::map<std::string, Source> sources_;
  std::uint64_t total_ = 0;
};

}  // namespace coord::net
