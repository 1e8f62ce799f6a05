// SPDX-License-Identifier: MIT
// What the commands that advance this host's clock have in common: options, the wall clock, and the order of
// steps by which no stamp is ever given twice: lock, advance, save, write the line, unlock.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/options.hpp"
#include "clock/stamp.hpp"
#include "clock_file.hpp"

namespace coord::dclock {

struct LiveChoice {
  ClockChoice clock;
  bool wall = false;  // lines carry the wall time
  Duration max_offset = std::chrono::seconds(60);

  void declare(cli::Options& verb);
  std::optional<WallTime> wall_of(WallTime now) const { return wall ? std::optional(now) : std::nullopt; }
};

WallTime wall_now();

// A line of text that becomes part of a log line: no newline, and short enough to be read back.
Status check_text(std::string_view text);
// Operands as one text, as echo(1) joins them; checked.
Result<std::string> joined(const std::vector<std::string>& words);

// Puts `output` on stdout in the order of the clock: while the lock is held where stdout is a file,
// afterwards where a slow reader could make everybody wait. Ends the lock.
Status hand_out(ClockFile file, std::string_view output);

}  // namespace coord::dclock
