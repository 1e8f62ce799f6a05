#include "ntpprobe/endpoint.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <thread>

#include "cli/values.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t max_addresses = 16;  // a pool name has 4; a hostile one shall not make us ask thousands
constexpr std::size_t max_host = 253;      // RFC 1035

bool is_ipv6(const std::string& host) {
  return host.find(':') != std::string::npos;
}

Error bad_server(std::string_view text, std::string what, std::string remedy) {
  return {ErrorKind::usage, std::string(text.substr(0, 80)), std::move(what), std::move(remedy)};
}

std::string numeric(const sockaddr* address, socklen_t size) {
  char host[NI_MAXHOST] = "";
  if (getnameinfo(address, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return host;
}

std::vector<Endpoint> look_up(const ServerName& name, Family family) {
  addrinfo hints{};
  hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int code = getaddrinfo(name.host.c_str(), std::to_string(name.port).c_str(), &hints, &raw);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(raw, [](addrinfo* p) {
    if (p != nullptr) freeaddrinfo(p);
  });
  Endpoint endpoint;
  endpoint.server = display(name);
  if (code != 0) {
    endpoint.failure = code == EAI_AGAIN ? "name server does not answer" : "name has no address";
    return {endpoint};
  }
  std::vector<Endpoint> found;
  for (const addrinfo* a = list.get(); a != nullptr && found.size() < max_addresses; a = a->ai_next) {
    std::memcpy(&endpoint.socket_address, a->ai_addr, a->ai_addrlen);
    endpoint.size = a->ai_addrlen;
    endpoint.address = numeric(a->ai_addr, a->ai_addrlen);
    found.push_back(endpoint);
  }
  return found;
}

bool same_address(const Endpoint& a, const Endpoint& b) {
  return a.size > 0 && a.size == b.size && std::memcmp(&a.socket_address, &b.socket_address, a.size) == 0;
}

}  // namespace

std::string display(const ServerName& name) {
  if (name.port == ntp_port) return name.host;
  return (is_ipv6(name.host) ? "[" + name.host + "]" : name.host) + ":" + std::to_string(name.port);
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

std::vector<Endpoint> resolve(const std::vector<ServerName>& names, Family family) {
  std::vector<std::vector<Endpoint>> answers(names.size());
  const auto numeric_address = [](const std::string& host) {
    in6_addr buffer{};
    return inet_pton(AF_INET, host.c_str(), &buffer) == 1 || inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.size() == 1 || numeric_address(names[i].host)) {
      answers[i] = look_up(names[i], family);
    } else {
      threads.emplace_back([&, i] { answers[i] = look_up(names[i], family); });
    }
  }
  threads.clear();  // joins
  std::vector<Endpoint> all;
  for (const auto& answer : answers)
    for (const Endpoint& endpoint : answer)
      if (std::none_of(all.begin(), all.end(),
                       [&](const Endpoint& known) { return same_address(known, endpoint); }))
        all.push_back(endpoint);
  return all;
}

}  // namespace coord::ntpprobe
