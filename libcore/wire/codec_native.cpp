// SPDX-License-Identifier: MIT
#include "wire/archive.hpp"
#include "wire/native_messages.hpp"

COORD_WIRE_TYPE(coord::native::FromTool)
COORD_WIRE_TYPE(coord::native::ToTool)
