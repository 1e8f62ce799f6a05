// The bytes of what a tool and its peer say to each other.
#include "wire/archive.hpp"
#include "wire/local.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::local::Mode value) {
  switch (value) {
    using enum coord::local::Mode;
    case exclusive:
    case shared:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::local::Scope value) {
  switch (value) {
    using enum coord::local::Scope;
    case private_peer:
    case cluster:
    case host:
      return true;
  }
  return false;
}
// To an older tool it is a peer that is alone.
template <>
constexpr coord::local::Scope coord::wire::known_at(coord::local::Scope value, std::uint32_t version) {
  using enum coord::local::Scope;
  return version < 2 && value == host ? private_peer : value;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::local::HandOverStep value) {
  switch (value) {
    using enum coord::local::HandOverStep;
    case look:
    case close:
    case open:
    case end:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::local::RefusedKind value) {
  switch (value) {
    using enum coord::local::RefusedKind;
    case held:
    case no_quorum:
    case limit:
    case mismatch:
    case protocol:
    case deadlock:
    case slot_done:
    case slot_running:
    case attempts_used:
    case unknown:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::local::BarrierStage value) {
  switch (value) {
    using enum coord::local::BarrierStage;
    case waiting:
    case released:
    case broken:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::local::WaitKind value) {
  switch (value) {
    using enum coord::local::WaitKind;
    case holds:
    case before:
    case shut:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::local::Ending value) {
  switch (value) {
    using enum coord::local::Ending;
    case holds:
    case released:
    case lost:
    case broken:
    case expired:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::local::Request)
COORD_WIRE_TYPE(coord::local::Answer)
