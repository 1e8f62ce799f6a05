// SPDX-License-Identifier: MIT
// What a service manager waits for (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names.
#pragma once

#include <string>
#include <string_view>

namespace coord::coordd {

// "READY=1", "STOPPING=1". Does nothing without NOTIFY_SOCKET, never waits, and a failure changes nothing.
void tell_service_manager(std::string_view state);

// The line that `systemctl status` shows: what the peer is at, or why it has not started.
void tell_status(const std::string& text);

// "RELOADING=1" with the time that goes with it; READY=1 ends it.
void tell_reloading();

}  // namespace coord::coordd
