// SPDX-License-Identifier: MIT
#include "agreements/messages.hpp"
#include "wire/archive.hpp"

COORD_WIRE_TYPE(coord::agreements::ToPeer)
COORD_WIRE_TYPE(coord::agreements::AnyItem)
COORD_WIRE_TYPE(coord::agreements::FromTool)
COORD_WIRE_TYPE(coord::agreements::ToTool)
