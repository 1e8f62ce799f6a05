// SPDX-License-Identifier: MIT
// A unit that starts a peer again every few seconds until what is wrong has mended itself would fill the
// journal with one line. What was said of the last failed start is kept in the service's runtime directory.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace coord::coordd {

// $RUNTIME_DIRECTORY, as systemd gives it to a service that has one directory there; nothing elsewhere.
std::optional<std::string> runtime_directory();

// Was just this said within the last minute? If not, it counts as said now. Where nothing can be kept: no.
// The time is the system's: a step of the clock costs one line more or a minute of silence.
bool said_lately(const std::string& directory, const std::string& cause);

// As often as a unit starts a peer again that has failed by what can mend itself.
inline constexpr std::chrono::seconds pace{5};

// For so long, whoever comes to this listening socket is told why nobody serves there, and sent away. As long
// as a single connection waits at its socket, systemd starts a service at once that has ended, whatever its
// status was: several times a second, each time with the same line, as long as some tool tries.
void turn_away(int socket, const std::string& why, std::chrono::milliseconds time = pace);

}  // namespace coord::coordd
