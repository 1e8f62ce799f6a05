// SPDX-License-Identifier: MIT
// Log lines of one host, many in a row. Between two receipts nothing of a vector changes but the host's own
// entry, so the text around it is kept: stamping a line is then little more than copying it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clock/stamp.hpp"

namespace coord::clock {

class StampWriter {
 public:
  // Appends what log_line() returns. Between two calls without forget(), only the host's own entry (and the
  // times) may have changed.
  void append(std::string& out, const Stamp& stamp, std::optional<WallTime> wall, std::string_view text);
  void forget() { known_ = false; }

 private:
  bool known_ = false;
  std::string before_, after_;  // what surrounds the own entry: HOST {...,"HOST": and ,...}
};

}  // namespace coord::clock
