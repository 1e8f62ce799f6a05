// SPDX-License-Identifier: MIT
#include "wire/archive.hpp"
#include "wire/key_messages.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::keys::Verb value) {
  switch (value) {
    using enum coord::keys::Verb;
    case list:
    case add:
    case use:
    case remove:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::keys::ToPeer)
COORD_WIRE_TYPE(coord::keys::Ask)
COORD_WIRE_TYPE(coord::keys::Told)
