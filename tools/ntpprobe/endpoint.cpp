// SPDX-License-Identifier: MIT
#include "ntpprobe/endpoint.hpp"

#include <netdb.h>

#include <algorithm>
#include <cctype>

#include "base/format.hpp"
#include "cli/values.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t max_host = 253;  // RFC 1035

bool is_ipv6(const std::string& host) {
  return host.find(':') != std::string::npos;
}

Error bad_server(std::string_view text, std::string what, std::string remedy) {
  return {ErrorKind::usage, std::string(text.substr(0, 80)), std::move(what), std::move(remedy)};
}

}  // namespace

std::string display(const ServerName& name) {
  if (name.port == ntp_port) return name.host;
  return fmt::format("{}:{}", is_ipv6(name.host) ? fmt::format("[{}]", name.host) : name.host, name.port);
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  const auto number = cli::read_integer(text, {1, 65535});
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Result<ServerName> read_server_name(std::string_view text) {
  ServerName name;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos)
      return bad_server(text, "has no closing bracket", "write [ADDRESS]:PORT");
    name.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    has_port = !rest.empty();
    if (has_port && rest[0] != ':')
      return bad_server(text, "has something behind the bracket", "write [ADDRESS]:PORT");
    if (has_port) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const std::size_t colon = text.find(':');
    name.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  } else {
    name.host = text;  // a name, or an IPv6 address without a port
  }
  const auto printable = [](unsigned char c) { return std::isgraph(c) != 0; };
  if (name.host.empty() || name.host.size() > max_host ||
      !std::all_of(name.host.begin(), name.host.end(), printable))
    return bad_server(text.empty() ? "SERVER" : text, "is no host name or address",
                      "write SERVER or SERVER:PORT");
  if (has_port) {
    const auto number = read_port(port);
    if (!number)
      return bad_server(text, "has no port number behind the colon", "give a number from 1 to 65535");
    name.port = *number;
  }
  return name;
}

bool is_numeric(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (found != nullptr) freeaddrinfo(found);
  return code == 0;
}

}  // namespace coord::ntpprobe
