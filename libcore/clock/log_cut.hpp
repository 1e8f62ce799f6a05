// SPDX-License-Identifier: MIT
// Consistent cuts (Mattern 1989; Chandy and Lamport, TOCS 1985): "the first N events of each host" is a state
// that the system can have been in only if no message in it was received before it was sent.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "clock/event_log.hpp"

namespace coord::clock {

// By host: how many of its events lie within the cut.
using Cut = std::vector<std::uint64_t>;

// `HOST=N,HOST=N`: a host that is not named has none of its events in the cut. `\,` is a comma within a name.
// An Error (data) for a host without events or a number beyond its last; an Error (usage) for anything else.
Result<Cut> parse_cut(std::string_view text, const EventLog& log);

struct CutVerdict {
  std::vector<Message> violations;  // received within the cut, sent after it
  std::vector<Message> in_flight;   // sent within the cut, received after it: the state of the channels
  bool consistent() const { return violations.empty(); }
};

// The log must be indexed. Messages that no line receives do not show in clocks and are not in flight here.
CutVerdict judge_cut(const EventLog& log, const Cut& cut);

// The largest in which no event knows of one that is not in it, or in no log: what is beyond it is the tail
// of logs that ended before the others, or a host's events behind one that is in no log. Each host's clock
// must grow: of lines with the same number of a host all are in it, or none.
Cut largest_cut(const EventLog& log);

}  // namespace coord::clock
