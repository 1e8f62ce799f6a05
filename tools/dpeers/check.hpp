// SPDX-License-Identifier: MIT
// dpeers --check: the group's state as monitoring systems take it: one line, and a status of 0 to 3
// (Monitoring Plugins Development Guidelines: OK, WARNING, CRITICAL, UNKNOWN).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/connect.hpp"
#include "dpeers/findings.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

enum class Verdict : int { ok = 0, warning = 1, critical = 2, unknown = 3 };

struct Check {
  Verdict verdict = Verdict::ok;
  std::string line;
};

// Pure. `used`: how full the file system of the state directory is, 0 to 1, where it can be asked; `clock`:
// what doctor finds of this host's, of which a rate that leases do not allow for counts. The offsets of the
// other hosts' clocks count as they do for doctor.
Check judge(const local::Peers& group, std::optional<double> used, const Findings& clock);

// Asks this host's peer, and starts none. What cannot be asked is a verdict, not an error.
Check check(const cli::ConnectOptions& options);

}  // namespace coord::dpeers
