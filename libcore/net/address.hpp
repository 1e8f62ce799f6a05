// HOST:PORT as people write it in --peers and --listen: a name, an IPv4 address, or an IPv6 address in
// brackets.
#pragma once

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

}  // namespace coord::net
