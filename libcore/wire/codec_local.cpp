// SPDX-License-Identifier: MIT
// The bytes of what a tool and its peer say to each other.
#include "wire/archive.hpp"
#include "wire/local.hpp"

// To an older tool it is a peer that is alone, or one of a group.
template <>
constexpr coord::local::Scope coord::wire::known_at(coord::local::Scope value, std::uint32_t version) {
  using enum coord::local::Scope;
  if (version >= 2) return value;
  return value == host ? private_peer : value == engine ? cluster : value;
}

COORD_WIRE_TYPE(coord::local::Request)
COORD_WIRE_TYPE(coord::local::Answer)
