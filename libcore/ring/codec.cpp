// SPDX-License-Identifier: MIT
#include "ring/answers.hpp"
#include "ring/copies.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::ring::Why value) {
  switch (value) {
    using enum coord::ring::Why;
    case full:
    case failed:
    case foreign:
    case busy:
    case usage:
    case living:
    case quota:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::ring::Consistency value) {
  return coord::ring::name_of(value) != nullptr;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::ring::Via::Kind value) {
  return coord::ring::name_of(value) != nullptr;
}

COORD_WIRE_TYPE(coord::ring::Request)
COORD_WIRE_TYPE(coord::ring::Answer)
COORD_WIRE_TYPE(coord::ring::Entry)
COORD_WIRE_TYPE(coord::ring::copies::Message)
