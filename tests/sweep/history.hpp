// SPDX-License-Identifier: MIT
// What the users of the locks saw, and whether one lock service could have shown it to them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sim/linearizability.hpp"

namespace coord::sweep {

// What a user saw of one name of one request. All times are the world's.
struct Seen {
  std::uint64_t run = 0;
  std::string name;
  bool leads = false;  // a leadership of this name, not the lock
  bool shared = false;
  std::uint32_t permits = 1;
  bool lingers = false;  // the name may stay shut after its release: a minimum hold, or a lock delay
  Token token;           // 0: not granted
  bool refused = false;  // as held (-n)
  Instant asked;
  Instant answered;
  // Nobody used the lock any more from here on: released, stopped, or granted too late to begin.
  std::optional<Instant> ended;
  std::optional<Instant> released_by;     // the service confirmed the release
  std::optional<Instant> unguarded_from;  // the wrapper is gone: only the peer stops the command in time
  bool ran = false;                       // the command began
};

// A grant in the log that no user ever heard of: its tool, its peer or its lease was gone before.
struct Unheard {
  std::string name;
  bool shared = false;
  Instant at;  // first applied: it took effect then
};

// What a history calls the leadership of `name`: the lock of that name is another thing.
inline std::string leadership_of(const std::string& name) {
  return "leader of " + name;
}

struct HistoryOptions {
  bool refusals_need_holder = false;  // nothing but a holder makes a request without a wait fail
  std::uint64_t limit = 200'000;      // configurations searched
};

// Grants, releases and refusals as sim::Operation, one object a name. Semaphores are left out (their bound is
// checked when a command begins).
std::vector<sim::Operation> history_of(const std::vector<Seen>& seen,
                                       const std::multimap<Token, Unheard>& unheard);

// No: in words. Undecided counts as yes; `undecided` is set.
std::optional<std::string> not_linearizable(const std::vector<sim::Operation>& history,
                                            const HistoryOptions& options, bool& undecided);

}  // namespace coord::sweep
