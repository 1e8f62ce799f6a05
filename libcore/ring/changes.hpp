// SPDX-License-Identifier: MIT
// How hosts of a ring tell each other what has changed there (watching.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ring/requests.hpp"
#include "service/rings/commands.hpp"

namespace coord::ring::copies {

struct KeyAndEntry {
  std::string key;
  Entry entry;

  bool operator==(const KeyAndEntry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key), entry);
  }
};
// Answered when something has changed since; at once, if it asks from where on. Asked again under the same
// number it takes the place of what was asked before.
struct AskChanges {
  std::uint64_t operation = 0;
  std::string ring, prefix;
  std::optional<std::uint64_t> since;

  bool operator==(const AskChanges&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(prefix), since);
  }
};
struct ChangesAre {
  std::uint64_t operation = 0;
  service::RingHost by;
  std::uint64_t since = 0;  // what to ask with next
  std::vector<KeyAndEntry> rows;

  bool operator==(const ChangesAre&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, by, since, wire::at_most<page_rows>(rows));
  }
};

}  // namespace coord::ring::copies
