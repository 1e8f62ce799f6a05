// SPDX-License-Identifier: MIT
// The peer of all users of a host, which the package brings.
//
// Whether a host has one is told by root's file alone, never by whether its socket answers: a tool that took
// a private peer because the host's is just being started, or has failed, would let two in. So with the file
// and no peer a tool says so and ends with 69.
#pragma once

#include "base/result.hpp"

namespace coord::cli {

inline constexpr char host_file[] = "/etc/coordutils/host";  // also its configuration
inline constexpr char host_socket[] = "/run/coordutils/host.sock";
inline constexpr char host_state[] = "/var/lib/coordutils-host";

// Whether the file is there. An error: it is, and is not root's alone to write.
Result<bool> has_host_peer();

}  // namespace coord::cli
