// SPDX-License-Identifier: MIT
// The exit statuses of every program, in one table (coordutils(7)). A command that a tool ran passes its own
// status on; where that may equal one of these, `--report FILE` tells them apart.
#pragma once

#include "base/result.hpp"

namespace coord::cli {

// Any int is a valid Exit: a command's own status is Exit{n}.
enum class Exit : int {
  done = 0,
  no = 1,           // not acquired, not leader, timed out with the group healthy, not found
  failed = 3,       // barrier broken, siblings, or another failure that the tool's page names
  late = 4,         // passed late
  before = 10,      // dclock compare
  after = 11,       //
  concurrent = 12,  //
  before_or_concurrent = 13,
  usage = 64,        // a wrong option, name or combination
  data = 65,         // input data unreadable or invalid
  unavailable = 69,  // peer unreachable, no quorum, configuration unusable
  internal = 70,     // our own bug
  output = 74,       // output could not be written
  lost = 75,         // lock or leadership lost while the command ran
  unknown = 76,      // the request may have taken effect
  max_run = 124,     // --max-run exceeded
  not_executable = 126,
  not_found = 127,
};

constexpr Exit exit_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return Exit::usage;
    case ErrorKind::data:
      return Exit::data;
    case ErrorKind::unavailable:
      return Exit::unavailable;
    case ErrorKind::internal:
      return Exit::internal;
    case ErrorKind::output:
      return Exit::output;
    case ErrorKind::unknown:
      return Exit::unknown;
  }
  return Exit::internal;
}

}  // namespace coord::cli
