#include "net/greeting.hpp"

#include <sodium.h>

#include "base/check.hpp"
#include "wire/codec.hpp"

namespace coord::net {

Bytes Greeting::hello_to(const std::string& peer) const {
  return wire::encode(wire::PeerHello{wire::peer_protocol_version, group, self, peer, software});
}

Result<wire::PeerHello> Greeting::check(ByteView payload, const std::string& peer) const {
  const auto refuse = [](std::string why) -> Error {
    return {ErrorKind::unavailable, "", std::move(why), ""};
  };
  // Later versions may append to the hello: it is how versions are told apart.
  const auto hello = wire::decode<wire::PeerHello>(payload, {.newer_sender = true});
  if (!hello.ok()) return refuse("its hello cannot be read: " + hello.error().what);
  if (hello->version != wire::peer_protocol_version)
    return refuse("it speaks version " + std::to_string(hello->version) + " of the peers' protocol, not " +
                  std::to_string(wire::peer_protocol_version) + ": install the same version on every host");
  if (hello->name != peer || hello->to != self)
    return refuse("its hello names other peers than its key does");
  if (hello->group != group)
    return refuse("it has another list of peers: make --peers the same on every host");
  return hello;
}

wire::GroupDigest group_digest(const std::map<std::string, Address>& peers) {
  std::string lines;
  for (const auto& [name, address] : peers) lines += name + "=" + address.text() + "\n";
  wire::GroupDigest digest{};
  COORD_CHECK(sodium_init() >= 0);
  const ByteView input = bytes_of(lines);
  crypto_generichash(digest.data(), digest.size(), input.data(), input.size(), nullptr, 0);
  return digest;
}

}  // namespace coord::net
