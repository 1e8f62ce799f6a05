// SPDX-License-Identifier: MIT
// Weaker promises than linearizability, for registers that several write at once and whose reads may give
// several values: was one of them kept in this recorded history?
//
// Problem: a store that goes on in a partition promises less than one object that does one thing after the
// other, and what it promises is checked by looking at anomalies that users notice: a value that came back
// after it had been overwritten, a write that was acknowledged and is nowhere. Why the search of
// linearizability.hpp is no help: it says "no", and not whether what happened was allowed. Each value is
// written once to a name, so a read tells which writes it has seen, and each question takes polynomial time.
//
// What overwrites what. A write (or remove) that names what it *supersedes* has superseded just that. One
// that does not has superseded every write that had ended when it began, may have superseded what overlapped
// with it, and nothing that began after its end. By *causal* the order is the causal one, and no time counts.
//
//   regular    No value that a read gives was superseded by a write that ended before the
//              read began; no write is missing
//              that ended before it began, unless what may have superseded it is there, or was superseded in
//              turn, or was a remove (Lamport, "On interprocess communication", 1986, for many writers: Shao,
//              Welch, Pierce and Lee, "Multiwriter consistency conditions for shared memory registers", SIAM
//              J. Comput. 40(1), 2011).
//   causal     None of the bad patterns of Bouajjani, Enea, Guerraoui and Hamza, "On verifying
//              causal consistency", POPL
//              2017, section 5 (CyclicCO, ThinAirRead, WriteCORead, WriteCOInitRead), and of a read that
//              gives a set also no write missing that is before it.
//   eventual   Reads that are marked as final give the same, and no acknowledged write
//              is missing there that nothing
//              may have superseded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sim/linearizability.hpp"

namespace coord::sim {

struct RegisterOperation {
  enum class Kind : std::uint8_t { write, remove, read };

  std::uint64_t client = 0;  // or a session: its operations follow each other
  Kind kind = Kind::read;
  std::string name;
  Instant start;
  Instant end;  // meaningless if unknown
  Operation::Outcome outcome = Operation::Outcome::unknown;
  std::uint64_t value = 0;                               // of a write, never 0
  std::vector<std::uint64_t> values;                     // that a read gave; none: there was nothing
  bool whole = false;                                    // it gave all there were, not one of them
  std::optional<std::vector<std::uint64_t>> supersedes;  // of a write or remove that says so
  bool final = false;                                    // a read after all has come to rest

  std::string text() const;  // `client 3 read disk [110.2, 113.0] ms: ok, 4 and 7`
};

enum class Level : std::uint8_t { eventual, causal, regular };

struct LevelVerdict {
  bool kept = true;
  std::string name;
  std::vector<std::size_t> offending;  // indices into the history; the read first, where there is one
  std::string explanation;
};

// Two writes of one value to one name: the history cannot be checked.
std::optional<std::pair<std::size_t, std::size_t>> written_twice(
    const std::vector<RegisterOperation>& history);

// Memory of `causal`: 4 bytes for each pair of operation and client; nothing if that is above 1 GB. Time of
// `regular` and `eventual`: the reads times the writes of each name; of `causal` that, where writes
// say what they supersede, times the clients whose writes do not.
// `told`: after each read that is judged, how many were so far.
std::optional<LevelVerdict> check_level(const std::vector<RegisterOperation>& history, Level level,
                                        const std::function<void(std::uint64_t reads)>& told = {});

}  // namespace coord::sim
