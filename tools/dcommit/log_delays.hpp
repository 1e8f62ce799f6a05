// SPDX-License-Identifier: MIT
// How many messages had to follow each other until this host knew what the group's log has decided (dcommit
// and dpropose by the log).
//
// The log's own messages are not numbered by what they carry, so this is worked out from who led: whoever
// orders says so to the leader, that one to all, a majority answers, and the leader tells the others. If
// another one leads afterwards the order went to either, perhaps to both, and nobody knows what followed
// what: then it is not known.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "cli/connect.hpp"

namespace coord::dcommit {

struct Leadership {
  std::string self, leader;
  std::uint64_t term = 0;
  std::set<std::string> voters;
  bool operator==(const Leadership&) const = default;
};
// As this host's peer knows it; nullopt: none is known, or an engine keeps the log.
std::optional<Leadership> who_leads(const cli::ConnectOptions& options);
// From the host that has ordered it. nullopt: not known.
std::optional<std::uint32_t> log_delays(const std::optional<Leadership>& before,
                                        const std::optional<Leadership>& after, const std::string& submitter);

}  // namespace coord::dcommit
