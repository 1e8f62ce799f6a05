// SPDX-License-Identifier: MIT
// dpeers hand-over: a peer that is alone (the host's, or this user's private one) makes way for a group.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"

namespace coord::dpeers {

struct HandOverSettings {
  cli::ConnectOptions peer;
  bool quiet = false;
  bool abort = false;  // open it again
  bool yes = false;    // do not ask
  Duration within{};   // for those who hold
};

// Lists what the group does not take over and asks; then the peer grants nothing new until nobody holds
// anything, writes its highest token down, and ends. Status 1: not confirmed; or somebody still holds, and
// the peer goes on as before.
Result<cli::Exit> hand_over(const HandOverSettings& settings);

}  // namespace coord::dpeers
