// SPDX-License-Identifier: MIT
#include "members/messages.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::membership::State value) {
  switch (value) {
    using enum coord::membership::State;
    case alive:
    case suspect:
    case dead:
    case left:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::members::Said)
