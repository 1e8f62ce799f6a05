// SPDX-License-Identifier: MIT
// The part of dpeers doctor that looks at addresses and ports: what a name stands for, who answers there, and
// whether a peer could listen.
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "dpeers/findings.hpp"
#include "net/address.hpp"

namespace coord::dpeers {

namespace {

constexpr std::chrono::milliseconds connect_patience{2000};

using Resolved = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Resolved resolve(const net::Address& address, int flags, std::string& why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) why = ::gai_strerror(error);
  return {error == 0 ? list : nullptr, ::freeaddrinfo};
}

bool is_loopback(const addrinfo& one) {
  if (one.ai_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(one.ai_addr)->sin_addr.s_addr) >> 24U) == 127;
  return one.ai_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(one.ai_addr)->sin6_addr) != 0;
}

struct Meant {  // what a host's name stands for here
  std::size_t addresses = 0;
  std::size_t loopbacks = 0;
  std::string first;
};

Meant meant_by(const addrinfo* list) {
  Meant meant;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (meant.addresses++ == 0 &&
        ::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      meant.first = text.data();
    if (is_loopback(*at)) ++meant.loopbacks;
  }
  return meant;
}

bool is_numeric(const std::string& host) {
  std::string ignored;
  return resolve({host, 1}, AI_NUMERICHOST, ignored) != nullptr;
}

// Empty: a peer could listen there now.
std::string listen_at(const net::Address& address) {
  std::string why;
  Resolved list = resolve(address, AI_PASSIVE, why);
  if (!list) return why;
  const Meant meant = meant_by(list.get());
  if (!address.host.empty() && !is_numeric(address.host) &&
      net::listens_everywhere(address.host, meant.addresses, meant.loopbacks))
    list = resolve({"", address.port}, AI_PASSIVE, why);
  if (!list) return why;
  const Descriptor socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), list->ai_addr, list->ai_addrlen) != 0) return std::strerror(errno);
  return "";
}

// A host's name that is a loopback address here: its own is listened on everywhere, another's is this host.
void examine_name(const std::string& name, const net::Address& address, const addrinfo* list, bool own,
                  Findings& findings) {
  if (list == nullptr || is_numeric(address.host) || net::is_name_of_loopback(address.host)) return;
  const Meant meant = meant_by(list);
  if (meant.loopbacks == 0) return;
  const std::string what = fmt::format("{} is {} on this host", address.host, meant.first);
  if (own) {
    add(findings, Health::ok, "address", address.text(),
        fmt::format("{}: the peer listens on every address", what));
  } else {
    add(findings, Health::fail, "address", address.text(),
        fmt::format("{}, so {} is looked for here", what, name),
        "correct the line in /etc/hosts, or write an address in `peers`");
  }
}

}  // namespace

std::string connect_to(const net::Address& address) {
  std::string why;
  const Resolved list = resolve(address, 0, why);
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    const Descriptor socket(::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) continue;
    if (::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0) return "";
    pollfd ready{socket.get(), POLLOUT, 0};
    int error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (::poll(&ready, 1, static_cast<int>(connect_patience.count())) == 0) {
        error = ETIMEDOUT;
      } else {
        (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) return "";
    why = std::strerror(error);
  }
  return why.empty() ? "no address" : why;
}

void examine_listening(const Examined& examined, bool runs, Findings& findings) {
  const auto settings = daemon::check(examined.arguments.peer);
  if (!settings || settings->alone()) return;
  for (const auto& [name, address] : settings->roster.founders()) {
    std::string why;
    const Resolved list = resolve(address, 0, why);
    if (!list)
      add(findings, Health::fail, "address", address.text(), fmt::format("{}: {}", name, why),
          "correct `peers`, or the name service");
    examine_name(name, address, list.get(), name == settings->name, findings);
  }
  if (runs) return;
  const std::string why = listen_at(settings->listen);
  add(findings, why.empty() ? Health::ok : Health::fail, "address", settings->listen.text(),
      why.empty() ? "free to listen on" : fmt::format("cannot be listened on: {}", why),
      why.empty() ? ""
                  : "stop the program on that port, or correct `listen` and this host's address in `peers`");
  for (const net::Address& address : settings->join) {
    const std::string refused = connect_to(address);
    add(findings, refused.empty() ? Health::ok : Health::warn, "address", address.text(),
        refused.empty() ? "a peer answers" : fmt::format("nobody answers: {}", refused),
        refused.empty() ? "" : "start the peer there, open its TCP port to this host, or correct `join`");
  }
  for (const auto& [name, address] : settings->roster.founders()) {
    if (name == settings->name) continue;
    const std::string refused = connect_to(address);
    add(findings, refused.empty() ? Health::ok : Health::warn, "address", address.text(),
        refused.empty() ? fmt::format("{} answers", name)
                        : fmt::format("{} does not answer: {}", name, refused),
        refused.empty()                          ? ""
        : refused == std::strerror(ECONNREFUSED) ? "start that peer"
                                                 : "open its TCP port to this host");
  }
}

}  // namespace coord::dpeers
