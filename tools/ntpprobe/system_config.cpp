// SPDX-License-Identifier: MIT
#include "ntpprobe/system_config.hpp"

#include "ntpprobe/config_readers.hpp"

namespace coord::ntpprobe {

ConfiguredServers configured_servers(const std::string& root) {
  for (const char* file : {"/etc/chrony/chrony.conf", "/etc/chrony.conf"})
    if (auto found = read_chrony(root, file); !found.names.empty()) return found;
  for (const char* file : {"/etc/ntpsec/ntp.conf", "/etc/ntp.conf"})
    if (auto found = read_ntp(root, file); !found.names.empty()) return found;
  return read_timesyncd(root);
}

}  // namespace coord::ntpprobe
