// SPDX-License-Identifier: MIT
// What is remembered of the map: all of a snapshot's section.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

struct Value {
  std::string bytes{};
  Token version{};     // rises with each change, over all keys, also when a key comes again
  std::string user{};  // who gave it
  WallTime since{};
  SessionId session{};  // with which it ends; 0: with none
  std::uint64_t request = 0;

  bool operator==(const Value&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(bytes, version, user, since, session, request);
  }
};

struct KeptValues {
  std::map<std::string, Value> values{};

  bool operator==(const KeptValues&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(values);
  }
};

}  // namespace coord::service
