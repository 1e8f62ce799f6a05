// SPDX-License-Identifier: MIT
// A host that takes part in what a classical algorithm settles (agreements/), as the log has fixed it.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"

namespace coord::service {

// No other host, no other disk of it, and where a restart forgets what counts, no other life. 0: was not
// there when the sites were fixed, and counts, but never takes part.
struct DecisionSite {
  NodeId node{};
  std::uint64_t disk = 0, life = 0;
  std::string host{};

  bool operator==(const DecisionSite&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, disk, life, host);
  }
};

}  // namespace coord::service
