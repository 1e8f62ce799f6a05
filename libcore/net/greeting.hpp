// SPDX-License-Identifier: MIT
// The peers' hello: what a peer says first on each connection, and what it makes of the other's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"

namespace coord::net {

struct Greeting {
  std::string self;
  wire::GroupDigest group{};
  std::string software;
  Level level = first_level;  // of the group: what is sent and greeted with
  Level knows = first_level;  // the newest that this program knows
  std::uint64_t life = 0;     // of this process
  wire::PeerTiming timing{};
  Token token_floor{};
  std::string peers{};     // as list_of() has it
  std::string founding{};  // id of a group that was founded anew
  bool has_state = true;   // of a group
  std::string group_id{};  // once it is known
  std::set<std::string> founders{};
  NodeId node{};                          // this host's number
  std::map<std::string, NodeId> nodes{};  // those of the others
  std::set<NodeId> retired{};             // of disks that were lost: refused for ever
  // Somebody has said that this host's own is one of these.
  std::function<void(const std::string& peer)> told_retired = [](const std::string&) {};

  // In a frame of hello_version. `theirs`: the number that the peer has said in its own hello.
  Bytes hello_to(const std::string& peer, NodeId theirs = {}) const;
  static Result<wire::PeerHello> read(const wire::Frame& hello);
  // The other side's hello; an error says in `what` why it is refused.
  Result<wire::PeerHello> check(const wire::Frame& hello, const std::string& peer) const;
  bool are_founders(const std::string& peer) const {
    return founders.contains(self) && founders.contains(peer);
  }
  // Why a peer that has said this must not take part; empty: it may.
  std::string refusal_of(const wire::PeerHello& hello) const;
  // Why its disk is not the one that has its name; empty: it is.
  std::string refusal_of_disk(const wire::PeerHello& hello, const std::string& peer) const;
};

// NAME=HOST:PORT,... sorted by name; empty: longer than a hello takes.
std::string list_of(const std::map<std::string, Address>& peers);
// Which entries of another's list are not ours, in words; empty: it has told no list.
std::string difference_of(const std::string& ours, const std::string& theirs);

inline constexpr std::uint32_t hello_version = wire::frame_version;

// Two peers are of one group if this is equal: BLAKE2b over the lines name=address, sorted by name, and the
// id of a group that was founded anew (coordd --found-from; empty: it was not).
wire::GroupDigest group_digest(const std::map<std::string, Address>& peers, const std::string& founding = {});

}  // namespace coord::net
