// SPDX-License-Identifier: MIT
// The bytes of the replicated state, in a snapshot.
//
// Level 1 is all of it in one, as release 0.1.0 wrote it. From level 2 on it is an envelope that every level
// can read, around one section a family:
//
//   mark u64 | level u32 | count u32 | family u32, version u32, length u32, bytes of each little-endian
//
// The mark is no place in any log, so that it cannot be taken for the first field of a state of level 1. A
// family's version says how its section is laid out: archive.since(version, field). A level says which
// versions its sections have (version_at in the .cpp). What is unknown (a level, a family, a version) is an
// error that names it: nothing of a state is ever skipped.
#pragma once

#include "base/bytes.hpp"
#include "base/level.hpp"
#include "base/result.hpp"
#include "service/state.hpp"

namespace coord::wire {

// As its level says. `expected`: about so many bytes.
Bytes encode_state(const service::State& state, std::size_t expected = 0);
// `level`: what the snapshot's file, or its sender, says that it is of.
// `knows`: the newest that this program knows; another one only in tests.
Result<service::State> decode_state(ByteView data, Level level, Level knows = newest_level);

}  // namespace coord::wire
