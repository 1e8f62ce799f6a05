// SPDX-License-Identifier: MIT
// The data layer of a Chord ring, of the family "overlay": its model needs the ring's own layer.
#pragma once

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

Protocol ring_copies();

}  // namespace coord::catalogue
