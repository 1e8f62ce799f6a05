// SPDX-License-Identifier: MIT
// Two peers and a ring of hosts, as the log sees it: for scenarios, and for the removal of its rules.
#pragma once

#include <cstdint>

#include "service_scenario.hpp"

namespace coord::service {

struct RingLog {
  Log log;
  Peer a, b;

  RingLog() : log{StateMachine::at_level(2)}, a(log, 1), b(log, 2) {}

  // Of whoever has looked before, or has seen it as another member.
  std::string join(std::uint64_t host, std::uint32_t places = 8, std::uint32_t replicas = 3) {
    return join_instead_of(joined(host), host, places, replicas);
  }
  std::string join_instead_of(Token seen, std::uint64_t host, std::uint32_t places = 8,
                              std::uint32_t replicas = 3) {
    return a.propose(JoinRing{"main", NodeId{host}, places, replicas, 1000, "user", seen});
  }
  Token joined(std::uint64_t host) const {
    for (const RingHost& each : view().hosts) {
      if (each.host.value == host) return each.joined;
    }
    return {};
  }
  std::string move(std::uint64_t host, std::uint32_t places) { return join(host, places, 0); }
  // `seen`: the ring's number when its values were looked for.
  std::string leave(std::uint64_t host, bool discard = false, std::uint64_t seen = 0) {
    return b.propose(LeaveRing{"main", NodeId{host}, discard, 1000, "user", Token{seen}});
  }
  std::string settle(std::uint64_t number) {
    return a.propose(SettleRing{"main", Token{number}, 1000, "user"});
  }
  std::string renumber(std::uint64_t number) {
    return a.propose(SettleRing{"main", Token{number}, 1000, "user", true});
  }
  RingView view() const { return log.machine.of<Rings>().answer(GetRing{"main"}); }
  std::uint64_t number() const { return view().number.value; }
  // Hosts, and those of before.
  std::string hosts() const {
    std::string text;
    for (const RingHost& host : view().hosts) text += std::to_string(host.host.value) + " ";
    text += "|";
    for (const RingHost& host : view().before) text += " " + std::to_string(host.host.value);
    return text;
  }
};

}  // namespace coord::service
