// SPDX-License-Identifier: MIT
// The clocks of the group's hosts against this host's, as its peer measures them all the time by the
// datagrams that the members exchange (members/offset.hpp). Nothing is sent for it.
#pragma once

#include <string>

#include "cli/exit_status.hpp"
#include "ntpprobe/settings.hpp"
#include "wire/local_peers.hpp"

namespace coord::ntpprobe {

// A pair of clocks a line: from this host's, to another's. Pure.
std::string pairs_json(const local::Peers& peers);
std::string pairs_text(const local::Peers& peers);
// `name: why` of each host whose clock is not known, a line each; escaped.
std::vector<std::string> unknown_clocks(const local::Peers& peers);

// 1 if the clock of one is not known, who is named.
Result<cli::Exit> show_peers(const Settings& settings);

}  // namespace coord::ntpprobe
