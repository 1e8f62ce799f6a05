// SPDX-License-Identifier: MIT
// The servers that this system is configured to follow: chrony's, else ntpsec's (or
// ntpd's), else systemd-timesyncd's.
#pragma once

#include <string>
#include <vector>

#include "ntpprobe/endpoint.hpp"

namespace coord::ntpprobe {

struct ConfiguredServers {
  std::string source;  // the file that named the first of them; empty: none found
  std::vector<ServerName> names;
};

// root: the directory that stands for /, "" for the system itself. Unreadable files and lines that are not
// understood are passed over: this is a list of what to ask, not a check of another program's configuration.
ConfiguredServers configured_servers(const std::string& root);

}  // namespace coord::ntpprobe
