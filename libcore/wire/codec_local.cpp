// The bytes of what a tool and its peer say to each other.
#include "wire/archive.hpp"
#include "wire/local.hpp"

template <>
struct coord::wire::EnumLast<coord::local::Mode> {
  static constexpr auto value = static_cast<std::uint8_t>(coord::local::Mode::shared);
};
template <>
struct coord::wire::EnumLast<coord::local::Scope> {
  static constexpr auto value = static_cast<std::uint8_t>(coord::local::Scope::cluster);
};
template <>
struct coord::wire::EnumLast<coord::local::RefusedKind> {
  static constexpr auto value = static_cast<std::uint8_t>(coord::local::RefusedKind::protocol);
};

COORD_WIRE_TYPE(coord::local::Request)
COORD_WIRE_TYPE(coord::local::Answer)
