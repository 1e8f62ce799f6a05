// SPDX-License-Identifier: MIT
// Which servers: SERVER[:PORT] as people write it, and the addresses behind the names.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace coord::ntpprobe {

constexpr std::uint16_t ntp_port = 123;

enum class Family { any, ipv4, ipv6 };

struct ServerName {
  std::string host;
  std::uint16_t port = ntp_port;
  Family family = Family::any;  // which of its addresses are meant
  bool operator==(const ServerName&) const = default;
};

// host, host:port, 192.0.2.1:123, 2001:db8::1, [2001:db8::1]:123. ErrorKind::usage.
Result<ServerName> read_server_name(std::string_view text);

// 1 to 65535.
std::optional<std::uint16_t> read_port(std::string_view text);

// An address rather than a name: nobody has to be asked for it.
bool is_numeric(const std::string& host);

struct Endpoint {
  std::string server;   // as given, with the port where it is not 123
  std::string address;  // numeric; empty if the name has none
  sockaddr_storage socket_address{};
  socklen_t size = 0;
  std::string failure;    // why there is no address
  std::size_t place = 0;  // of its name among those asked
};

// The family to look a name up in: the one asked for, else the name's own.
inline Family family_for(const ServerName& name, Family asked) {
  return asked == Family::any ? name.family : asked;
}

std::string display(const ServerName& name);

}  // namespace coord::ntpprobe
