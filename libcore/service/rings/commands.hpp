// SPDX-License-Identifier: MIT
// What is said about Chord rings, by commands and by tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace coord::service {

// A host of a ring. One that lost its disk comes again under a larger `joined`, and is another member then.
struct RingHost {
  NodeId host{};
  Token joined{};            // when it came in; no other member of any ring has the same
  std::uint32_t places = 0;  // virtual nodes
  std::string zone{};        // where it stood when it came in, as people call that; empty: not told

  auto operator<=>(const RingHost&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(host, joined, places, zone);
  }
};

// This host comes in; the first one founds the ring and says how many copies; 0 copies: it is in, and moves.
struct JoinRing {
  std::string ring{};
  NodeId host{};
  std::uint32_t places = 0;
  std::uint32_t replicas = 0;
  std::uint32_t uid = 0;
  std::string user{};
  Token instead_of{};  // as which member who orders has seen it; 0: as none

  std::string& name() { return ring; }
  bool operator==(const JoinRing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(ring, host, places, replicas, uid, user, instead_of);
  }
};

// It goes; the last one ends the ring, if `discard` says so. With a number: of a ring that has that one
// still, however many hosts it has.
struct LeaveRing {
  std::string ring{};
  NodeId host{};
  bool discard = false;
  std::uint32_t uid = 0;
  std::string user{};
  Token number{};

  std::string& name() { return ring; }
  bool operator==(const LeaveRing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(ring, host, discard, uid, user, number);
  }
};

// All that the change with this number hands over is where it belongs. Or, with `renumbers`, of a ring that
// does not change: it gets another number, and with that all that was ordered of it as it was with this one
// is void.
struct SettleRing {
  std::string ring{};
  Token number{};
  std::uint32_t uid = 0;
  std::string user{};
  bool renumbers = false;

  std::string& name() { return ring; }
  bool operator==(const SettleRing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(ring, number, uid, user, renumbers);
  }
};

// ---- a question, and its answer

struct GetRing {
  std::string ring{};

  std::string& name() { return ring; }
  const std::string& name() const { return ring; }
  bool operator==(const GetRing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(ring);
  }
};

struct RingView {
  std::string ring{};
  Token number{};  // 0: there is no such ring
  std::uint32_t replicas = 0;
  std::vector<RingHost> hosts{};
  std::vector<RingHost> before{};  // while one comes or goes: who had the data before

  bool operator==(const RingView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(ring, number, replicas, hosts, before);
  }
};

}  // namespace coord::service
