// SPDX-License-Identifier: MIT
// What is remembered of rings: all of a snapshot's section.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/rings/commands.hpp"

namespace coord::service {

struct Ring {
  Token number{};  // of its last change: rises with each, over all rings, also when a ring comes again
  std::uint32_t replicas = 0;
  std::vector<RingHost> hosts{};   // by host
  std::vector<RingHost> before{};  // not empty: one comes or goes, and this is who had the data before

  bool operator==(const Ring&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, replicas, hosts, before);
  }
};

struct KeptRings {
  std::map<std::string, Ring> rings{};

  bool operator==(const KeptRings&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(rings);
  }
};

}  // namespace coord::service
