// SPDX-License-Identifier: MIT
#include "casts/messages.hpp"
#include "wire/archive.hpp"

COORD_WIRE_TYPE(coord::casts::ToPeer)
COORD_WIRE_TYPE(coord::casts::Letter)
COORD_WIRE_TYPE(coord::casts::AnswerText)
COORD_WIRE_TYPE(coord::casts::FromTool)
COORD_WIRE_TYPE(coord::casts::ToTool)
