// At most one line a minute for each source that is refused, however often it tries: a scanner or a peer with
// a wrong key must not fill the disk. Refusals that were not told are counted and told with the next one.
//
// Bounded: beyond `max_sources` sources at a time (an attacker with many addresses), the others share one
// place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace coord::net {

class RefusalLog {
 public:
  explicit RefusalLog(Duration interval = std::chrono::minutes(1), std::size_t max_sources = 256)
      : interval_(interval), max_sources_(max_sources) {}

  // The line to log, or nothing if this source was told of within the interval.
  std::optional<std::string> refused(Instant now, const std::string& source, const std::string& why);
  std::uint64_t total() const { return total_; }

 private:
  struct Source {
    Instant told;
    std::uint64_t untold = 0;
  };
  void forget_old(Instant now);

  Duration interval_;
  std::size_t max_sources_;
  std::map<std::string, Source> sources_;
  std::uint64_t total_ = 0;
};

}  // namespace coord::net
