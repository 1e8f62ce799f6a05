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

struct ServerName {
  std::string host;
  std::uint16_t port = ntp_port;
  bool operator==(const ServerName&) const = default;
};

// host, host:port, 192.0.2.1:123, 2001:db8::1, [2001:db8::1]:123. ErrorKind::usage.
Result<ServerName> read_server_name(std::string_view text);

// 1 to 65535.
std::optional<std::uint16_t> read_port(std::string_view text);

enum class Family { any, ipv4, ipv6 };

struct Endpoint {
  std::string server;   // as given, with the port where it is not 123
  std::string address;  // numeric; empty if the name has none
  sockaddr_storage socket_address{};
  socklen_t size = 0;
  std::string failure;  // why there is no address
};

// All addresses of all names, each once (the first name that leads to it), names looked up side by side. A
// name without an address is an Endpoint with a failure. At most 16 addresses a name.
std::vector<Endpoint> resolve(const std::vector<ServerName>& names, Family family);

std::string display(const ServerName& name);

}  // namespace coord::ntpprobe
