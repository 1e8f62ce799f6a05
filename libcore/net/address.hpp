// SPDX-License-Identifier: MIT
// HOST:PORT as people write it in --peers and --listen: a name, an IPv4 address, or
// an IPv6 address in brackets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace coord::net {

struct Address {
  std::string host;  // without brackets; empty: every interface (to listen on)
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
  std::string text() const;
};

// ErrorKind::usage, naming the text.
Result<Address> parse_address(std::string_view text);

// Whether a peer that is to listen at `name` listens on every address of its host: where the name is not the
// loopback's own and stands for `loopbacks` addresses of it, or for several `addresses`. Debian's /etc/hosts
// has the host's own name as 127.0.1.1; a socket bound to that is reached by no other host, and of several
// addresses the others may know any.
bool listens_everywhere(std::string_view name, std::size_t addresses, std::size_t loopbacks);
// localhost and the like: meant to be reached from this host alone.
bool is_name_of_loopback(std::string_view name);

}  // namespace coord::net
