// The first message in both directions between peers, inside the encrypted connection: are we the same group,
// and is it you? The key has been proven by then; this catches the honest mistakes: a peer list that differs,
// a name used twice, a version too old.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "wire/bounds.hpp"

namespace coord::wire {

// Raised when peers of the version before could not take part any more; peers of differing versions refuse
// each other.
inline constexpr std::uint32_t peer_protocol_version = 1;

// Of the sorted list name=address,... that --peers gives; two peers with different lists must not elect
// together.
using GroupDigest = std::array<std::uint8_t, 32>;

struct PeerHello {
  std::uint32_t version = peer_protocol_version;
  GroupDigest group{};
  std::string name;  // the sender's
  std::string to;    // whom it believes to speak to
  std::string software;

  bool operator==(const PeerHello&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version, group, at_most<255>(name), at_most<255>(to), text<1024>(software));
  }
};

}  // namespace coord::wire
