// SPDX-License-Identifier: MIT
#include "wire/archive.hpp"
#include "wire/native_messages.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::native::Cannot::Why value) {
  switch (value) {
    using enum coord::native::Cannot::Why;
    case lacks:
    case wrong:
    case unreachable:
    case unknown:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::native::FromTool)
COORD_WIRE_TYPE(coord::native::ToTool)
