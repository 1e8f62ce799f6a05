// SPDX-License-Identifier: MIT
// The first message in both directions between peers, inside the encrypted connection: are we the same group,
// and is it you? The key has been proven by then; this catches the honest mistakes: a peer list that differs,
// a name used twice, a version too old.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::wire {

// Of the sorted list name=address,... that --peers gives; two peers with different
// lists must not elect together.
using GroupDigest = std::array<std::uint8_t, 32>;

// How patient a peer is. The values must not differ much within a group; that they do is told, not refused,
// or they could never be changed host by host.
struct PeerTiming {
  Duration heartbeat{};
  Duration election_low{};
  Duration election_high{};

  bool operator==(const PeerTiming&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(heartbeat, election_low, election_high);
  }
};

inline constexpr std::size_t longest_list = 2048;  // a hello must fit its frame

// Sent in a frame of the newest version: release 0.1.0 skips what it does not know. But it refuses a
// `version` above 1, and so is kept out of a group that has left level 1.
struct PeerHello {
  Level version = first_level;  // the group's level, as the sender knows it: all that follows is of it
  GroupDigest group{};
  std::string name;  // the sender's
  std::string to;    // whom it believes to speak to
  std::string software;
  Level knows = first_level;  // the newest that its program knows
  std::uint64_t life = 0;     // random, of its process: its announcement of `knows` is void with it
  PeerTiming timing{};
  // The highest token of a peer alone whose place the sender takes in the group: the group's are above it.
  Token token_floor{};
  std::string peers{};     // the list that `group` is of, NAME=HOST:PORT,...; empty where it is too long
  WallTime wall{};         // the sender's clock when it was sent
  std::string founding{};  // id of its group, if that was founded anew; part of `group`
  std::string group_id{};  // of its group, once that is known
  NodeId node{};           // the sender's number: of its disk
  // A number that the receiver's name had until its disk was lost: no disk of that number is of the group any
  // more. 0: none.
  NodeId retired{};

  bool operator==(const PeerHello&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version, group, at_most<255>(name), at_most<255>(to), text<1024>(software));
    archive.since(2, knows, life, timing, token_floor, text<longest_list>(peers), wall, at_most<64>(founding),
                  at_most<64>(group_id), node, retired);
  }
};

}  // namespace coord::wire
