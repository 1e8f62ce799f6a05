// The peers' hello: what a peer says first on each connection, and what it makes of the other's.
#pragma once

#include <map>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "wire/hello.hpp"

namespace coord::net {

struct Greeting {
  std::string self;
  wire::GroupDigest group{};
  std::string software;

  Bytes hello_to(const std::string& peer) const;
  // The other side's hello; an error says in `what` why it is refused.
  Result<wire::PeerHello> check(ByteView payload, const std::string& peer) const;
};

// Two peers are of one group if this is equal: BLAKE2b over the lines name=address, sorted by name.
wire::GroupDigest group_digest(const std::map<std::string, Address>& peers);

}  // namespace coord::net
