// SPDX-License-Identifier: MIT
// What a tool says and asks of a family of the service that has no requests of its own (service/family.hpp):
// its commands and questions as they are. So a new family needs nothing here. From version
// 2 on (local_version.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "service/families.hpp"
#include "wire/bounds.hpp"
#include "wire/local_choices.hpp"

namespace coord::local {

// Answered by Ordered, or by Refused if it cannot be ordered, or may have been.
struct Order {
  std::uint64_t request = 0;
  service::AnyOrder what;

  bool operator==(const Order&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, what);
  }
};

// Answered by Shown; with `watch` again and again, whenever what it asks for looks different, until the
// connection ends. Linearizable unless `stale`.
struct Question {
  std::uint64_t request = 0;
  service::AnyQuestion what;
  bool stale = false, watch = false;

  bool operator==(const Question&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, what, stale, watch);
  }
};

struct Ordered {
  std::uint64_t request = 0;
  bool done = false;
  RefusedKind kind = RefusedKind::held;  // not done: what kind of refusal it is, and why
  std::string why;
  Token token;  // as the family says: of a key, its version

  bool operator==(const Ordered&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, done, kind, wire::text<1024>(why), token);
  }
};

struct Shown {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  service::AnyView what;

  bool operator==(const Shown&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, what);
  }
};

}  // namespace coord::local
