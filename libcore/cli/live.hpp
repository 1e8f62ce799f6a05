// SPDX-License-Identifier: MIT
// A table that is asked for again and again: --live of the listings.
//
// On a terminal it is redrawn in place and cut to the screen; a change of the terminal's size redraws it at
// once; Ctrl-C leaves the last table and the cursor as a shell expects them and ends the program with 130.
// Elsewhere each table follows the one before it after an empty line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/exit_status.hpp"
#include "cli/options.hpp"

namespace coord::cli {

// --live[=SECONDS], and what it was given.
class Live {
 public:
  Option& declare(Options& options);
  bool wanted() const { return every_.has_value(); }
  // `ask` answers with the lines that are to be shown; `none` is shown where there are none. What keeps it
  // from its first answer is an error of the program; later the last answer stays, with the reason above it,
  // until there is a new one.
  Result<Exit> show(const std::function<Result<std::string>()>& ask, std::string_view none) const;

 private:
  std::optional<Duration> every_;
};

// "dlock: nothing held" on stderr, for a person at a terminal: programs see no lines.
void say_none(std::string_view tool, std::string_view none, bool quiet);

}  // namespace coord::cli
