// SPDX-License-Identifier: MIT
// Two peers and the map of keys, as the log sees them: for scenarios, and for the removal of its rules.
#pragma once

#include <cstdint>

#include "service_scenario.hpp"

namespace coord::service {

struct Map {
  Log log;
  Peer a, b;

  Map() : log{StateMachine::at_level(2)}, a(log, 1), b(log, 2) {}

  static PutValue as(std::uint32_t uid, std::string user, std::string key, std::string value,
                     WantedVersion wanted = {}) {
    return {std::move(key), std::move(value), wanted, uid, std::move(user)};
  }
  std::string put(std::string key, std::string value, WantedVersion wanted = {}) {
    return a.propose(as(1000, "user", std::move(key), std::move(value), wanted));
  }
  std::string rm(std::string key, WantedVersion wanted = {}) {
    return a.propose(RemoveValue{std::move(key), wanted, 1000, "user"});
  }
  std::string live(Peer& peer, std::string key, std::string value, WantedVersion wanted = {}) {
    Acquire acquire;
    acquire.put = SessionValue{std::move(key), std::move(value), wanted};
    acquire.wait = false;
    return peer.lock(acquire);
  }
  // VALUE@VERSION, or nothing.
  std::string get(std::string key) const {
    const ValueView view = log.machine.of<Values>().answer(GetValue{std::move(key)});
    return view.of.version == Token{} ? "" : view.value + "@" + std::to_string(view.of.version.value);
  }
};

}  // namespace coord::service
