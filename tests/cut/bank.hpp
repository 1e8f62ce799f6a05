// SPDX-License-Identifier: MIT
// A group of processes that pay each other, under faults, by seed: each is a command, played here, and the
// real Member between it and the others. Packets are lost, doubled, late and out of order, carriers break,
// processes die, join and leave in order, commands are slow, never answer, or end while others have lines for
// them; up to ten snapshots are taken at once.
//
// What must hold: each command reads what was written to it once and in order; every complete snapshot is
// consistent (record::examine), its states say exactly what its channels say, and no money is lost or made;
// each message is read by one or comes back to its sender; who says that all is done is right; and when the
// faults end, everything arrives and a snapshot becomes whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace coord::test {

struct Tally {
  std::uint64_t snapshots = 0, complete = 0, views = 0, leaves = 0, waits = 0, messages = 0;
};

// What was violated, with the rule's name first; nothing: all held.
std::optional<std::string> run_bank(std::uint64_t seed, Tally& tally);

}  // namespace coord::test
