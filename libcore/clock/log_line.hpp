// SPDX-License-Identifier: MIT
// One line of an event log:
//
//   HOST CLOCK [@TIME] [TEXT]
//   web1 {"web1":3,"db":1} @2026-11-22T01:27:15.123456789Z got the answer
//
// with single blanks between the parts. TIME is RFC 3339 (wall time, for reading and for clock skew) or a
// hybrid clock's text; a word that begins with '@' and is neither belongs to TEXT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "clock/clock_text.hpp"
#include "clock/hybrid_clock.hpp"

namespace coord::clock {

// A parsed line. The views point into the line.
struct LogLine {
  std::string_view raw;  // the whole line, without its newline
  HostIndex host = 0;
  // The place of the event among those of its host: the host's own entry (vector, matrix), the counter
  // (lamport) or the bits (hlc). 0: the own entry is missing.
  std::uint64_t own = 0;
  bool only_own_grew = false;  // all else of the vector is as on the line that the parser read before
  ParsedClock clock;
  std::string_view clock_text;
  std::optional<WallTime> wall;
  std::optional<HybridTime> hybrid;
  std::string_view text;
};

class LineParser {
 public:
  explicit LineParser(HostTable& hosts) : hosts_(hosts), clocks_(hosts) {}

  // Returns why `raw` is not a log line; nullptr if it is one, and `line` then holds it. For a matrix clock,
  // the entries are those of the host's own row: what the host itself knows, which is its vector clock.
  const char* parse(std::string_view raw, LogLine& line);
  // The line just parsed is not one, or is of no use: it leaves no trace, and its names are taken back so
  // that only the table's first `hosts` are left.
  void take_back(std::size_t hosts);

 private:
  bool parse_like_last(LogLine& line);
  void remember(const LogLine& line);
  const char* parse_rest(std::string_view rest, LogLine& line);

  HostTable& hosts_;
  ClockReader clocks_;
  std::string last_host_name_;
  HostIndex last_host_ = HostTable::none;
  // Between two receipts a host's lines differ in its own entry only. What surrounds that entry in the last
  // vector line, from the host to the closing brace; empty: nothing to go by.
  std::string before_own_, after_own_;
  std::vector<ClockEntry> last_entries_;
  std::size_t own_place_ = 0;
  std::uint64_t last_own_ = 0;
};

// Reads the `@TIME` at the beginning of `rest`, if there is one, and takes it off.
void take_time(std::string_view& rest, LogLine& line);

}  // namespace coord::clock
