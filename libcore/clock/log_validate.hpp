// SPDX-License-Identifier: MIT
// Every rule of a valid event log, with file and line.
//
// Problem: a viewer draws whatever it is given. A log whose clocks are wrong (a host restarted without its
// state, two processes under one name, a library that forgets to merge) draws as a plausible and false
// history. Vector clocks are redundant, so nearly every such fault contradicts something else in the logs;
// the rules look for these contradictions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "clock/event_log.hpp"
#include "clock/log_reader.hpp"

namespace coord::clock {

enum class Rule {
  missing_own_entry,  // a clock without an entry of its own host
  unknown_host,       // a clock names a host that has no line in any log
  unknown_event,      // a clock names an event after the last one that its host logged
  gap,                // a host's own entries do not run 1, 2, 3, ...
  duplicate,          // two lines of one host with the same own entry
  // an entry is smaller than before: on the host's next event, or its own on the file's next line
  regression,
  intransitive,  // a clock names an event but not what that event knew
  cycle,         // an event comes before itself
};

std::string_view to_string(Rule rule);

struct Violation {
  std::size_t log;  // which reader, in the order given
  std::uint64_t line_number;
  Rule rule;
  HostIndex host;  // whose line it is
  std::string detail;
};

struct Validation {
  std::vector<Violation> violations;  // by file and line
  std::uint64_t events = 0;
  std::uint64_t hosts = 0;    // that have events
  std::uint64_t skipped = 0;  // lines that are not of a log, if those are skipped
  bool complete = true;       // false: there were more violations than are listed
};

// Lists at most `most` violations. Scalar clocks have only duplicates and regressions. An Error (data) where
// a line cannot be read, or is of another kind than the first, and bad lines are not skipped.
Result<Validation> validate(std::vector<LogReader>& logs, const HostTable& hosts, std::size_t most);

}  // namespace coord::clock
