// SPDX-License-Identifier: MIT
// What a gateway tells of its engine's servers: where the leader is, and how its connections to each went.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "wire/local_peers.hpp"

namespace coord::dpeers {

struct EngineEndpoint {
  std::string address;
  std::string state;    // connected, failed, untried: not needed as long as another one serves
  std::string trouble;  // why its last connection ended, or did not come about; empty: none has
  Duration age{};       // how long ago that was
};

struct EngineTold {
  std::optional<std::string> leader;  // "": it says that there is none; nothing: it does not tell
  std::vector<EngineEndpoint> endpoints;
};

EngineTold told_of_engine(const std::string& name, const local::Peers& answer);

}  // namespace coord::dpeers
