// SPDX-License-Identifier: MIT
#include "net/greeting.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/check.hpp"
#include "wire/codec.hpp"

namespace coord::net {

Bytes Greeting::hello_to(const std::string& peer) const {
  return wire::encode(wire::PeerHello{level, group, self, peer, software, knows, life, timing, token_floor},
                      hello_version);
}

// A peer that lags behind the group's level is let in, if its program knows it: else it could never catch up.
std::string Greeting::refusal_of(const wire::PeerHello& hello) const {
  const auto number = [](Level n) { return std::to_string(n); };
  if (hello.version > knows)
    return "its group is at level " + number(hello.version) + ", and this program knows level " +
           number(knows) + ": install the same release on every host";
  if (std::max(hello.knows, hello.version) < level)
    return "its program knows level " + number(hello.knows) + ", and the group is at level " + number(level) +
           ": install the group's release on its host";
  return "";
}

Result<wire::PeerHello> Greeting::check(const wire::Frame& frame, const std::string& peer) const {
  const auto refuse = [](std::string why) -> Error {
    return {ErrorKind::unavailable, "", std::move(why), ""};
  };
  // Later versions may append to the hello: it is how versions are told apart.
  wire::DecodeOptions options = frame.decode_options();
  options.newer_sender = true;
  const auto hello = wire::decode<wire::PeerHello>(frame.payload, options);
  if (!hello.ok()) return refuse("its hello cannot be read: " + hello.error().what);
  if (const std::string why = refusal_of(*hello); !why.empty()) return refuse(why);
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
