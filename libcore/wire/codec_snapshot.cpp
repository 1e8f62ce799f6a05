// SPDX-License-Identifier: MIT
// The bytes of what is said about snapshots of the group.
#include "wire/archive.hpp"
#include "wire/group_snapshot.hpp"
#include "wire/kept_snapshots.hpp"

COORD_WIRE_TYPE(coord::wire::GroupSnapshotMessage)
COORD_WIRE_TYPE(coord::wire::SnapshotColour)
COORD_WIRE_TYPE(coord::wire::ColouredDatagram)
COORD_WIRE_TYPE(coord::local::TakeGroupSnapshot)
COORD_WIRE_TYPE(coord::local::GroupSnapshotAnswer)
COORD_WIRE_TYPE(coord::local::KeptRequest)
COORD_WIRE_TYPE(coord::local::KeptAnswer)
