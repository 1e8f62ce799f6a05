// SPDX-License-Identifier: MIT
#include "net/local_address.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <memory>

#include "base/descriptor.hpp"

namespace coord::net {

// The kernel lets a socket be bound to these only.
bool is_local(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), "0", &hints, &list) != 0) return false;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(list, ::freeaddrinfo);
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const Descriptor socket(::socket(each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket.is_open() && ::bind(socket.get(), each->ai_addr, each->ai_addrlen) == 0) return true;
  }
  return false;
}

}  // namespace coord::net
