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

namespace coord::wire {

// One that a writer of that version would not have written is none.
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, local::Scope& value) {
  value = static_cast<local::Scope>(archive.integer<std::underlying_type_t<local::Scope>>());
  if (!is_enumerator(value) || known_at(value, archive.version()) != value)
    throw Malformed("a choice is out of its range");
}

}  // namespace coord::wire

COORD_WIRE_TYPE(coord::local::Request)
COORD_WIRE_TYPE(coord::local::Answer)
