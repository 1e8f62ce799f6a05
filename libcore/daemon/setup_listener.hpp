// SPDX-License-Identifier: MIT
// coordd --setup leaves a listener behind, so that the next host can check both directions before any peer
// runs. It has the port that this host's peer wants: it keeps a file in the state directory locked, and ends
// when it sees that a peer has taken that directory.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::daemon {

inline constexpr char setup_listener_name[] = "setup-listener";  // in the state directory
inline constexpr Duration setup_listener_looks = std::chrono::milliseconds(50);

// By a peer that has its directory: waits until the listener is gone, if there is one.
Status end_setup_listener(const std::string& state_dir);

}  // namespace coord::daemon
