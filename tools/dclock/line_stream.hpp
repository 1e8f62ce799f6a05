// SPDX-License-Identifier: MIT
// Standard input, each line one event of this host: what `stamp` and `recv` without a token do.
#pragma once

#include <optional>
#include <string>

#include "cli/exit_status.hpp"
#include "live_clock.hpp"

namespace coord::dclock {

enum class LineMode {
  event,    // each line is the text of an event
  tokens,   // so it is, but a line that begins with a token is a receipt
  receive,  // each line is a receipt: it begins with a token, or is a log line
};

// Reads to the end of input. The clock is locked and saved once for what each read brings, so that other
// shells share it in between and a line is passed on as soon as it is there. A bad line (data) names standard
// input and its number.
Result<cli::Exit> stream_lines(const LiveChoice& live, LineMode mode, bool skip_bad,
                               const std::optional<std::string>& log);

}  // namespace coord::dclock
