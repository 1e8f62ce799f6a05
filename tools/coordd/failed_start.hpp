// SPDX-License-Identifier: MIT
// A unit that starts a peer again every few seconds until what is wrong has mended itself would fill the
// journal with one line. What was said of the last failed start is kept in the service's runtime directory.
#pragma once

#include <optional>
#include <string>

namespace coord::coordd {

// $RUNTIME_DIRECTORY, as systemd gives it to a service that has one directory there; nothing elsewhere.
std::optional<std::string> runtime_directory();

// Was just this said within the last minute? If not, it counts as said now. Where nothing can be kept: no.
// The time is the system's: a step of the clock costs one line more or a minute of silence.
bool said_lately(const std::string& directory, const std::string& cause);

}  // namespace coord::coordd
