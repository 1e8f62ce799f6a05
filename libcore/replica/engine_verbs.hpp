// SPDX-License-Identifier: MIT
// What is asked of an engine that others run (etcd, Redis, ...), and what it tells: all that an adapter has
// to know.
//
// Problem: each engine has locks, leases or sessions of its own, each with other promises, and some of them
// break: an etcd leader whose disk stalled revokes live leases, a ZooKeeper follower that was cut off goes on
// answering pings. Built on those, every feature would have to be proven once an engine. So an engine is only
// one totally ordered log of our own commands (as in Tango, SOSP 2013, and Delos, OSDI 2020), and what is
// asked of it fits in a few verbs: append, follow, barrier, trim. EngineLog (engine_log.hpp) stands on them.
//
// The log is cut into epochs. One is open; an append names the epoch that it is for, and gets in only while
// that is open, in one transaction of the engine. To seal an epoch is to open the next one, and has a place
// in the order itself. So a retry that comes late finds its epoch sealed, however much was trimmed since, and
// an entry is in the log once.
//
// What an adapter promises:
//   - what it tells between Up and Down is without a gap: a State, then every Entry and Sealed behind it, in
//     the engine's order, each once; a Load begins that anew;
//   - an Append under a key that is there in the open epoch changes nothing;
//   - Reached comes when all was told that had been acknowledged to anybody before its request was made.
// It promises nothing of what it does not tell: an append may be in, or not. It is asked again.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/bytes.hpp"

namespace coord::replica::engine {

// A state that is longer is neither kept nor read.
inline constexpr std::size_t state_bytes_limit = 256U << 20U;

// ---- asked

// The newest state that is kept, all behind it, then Reached with this ticket. Or Empty.
struct Load {
  std::uint64_t ticket = 0;
};
// There is no log: epoch 1 is open from now on and begins with this state. Nothing, if there is one.
struct Make {
  Bytes state;
};
// Only while that epoch is open and has no entry of this key.
struct Append {
  std::uint64_t epoch = 0;
  std::string key;  // letters, digits, `-` and `.`
  Bytes bytes;
};
struct Barrier {
  std::uint64_t ticket = 0;
};
// Open the next epoch, if this one is open.
struct Seal {
  std::uint64_t epoch = 0;
};
// The state with which this epoch begins: whole before anybody can find it, kept by the first who keeps one.
// What is older goes then: earlier states, and all epochs before this one.
struct Keep {
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;  // where it was opened
  Bytes state;
};
using Request = std::variant<Load, Make, Append, Barrier, Seal, Keep>;

// ---- told

struct Up {};
struct Down {
  std::string why;  // for users: `object: what happened`
};
struct Empty {};  // there is no log
struct State {
  std::uint64_t epoch = 0;     // that it begins
  std::uint64_t position = 0;  // where that was opened
  Bytes bytes;
};
// `position` grows; `after`: that of what was told before it.
struct Entry {
  std::uint64_t after = 0, position = 0;
  Bytes bytes;
};
struct Sealed {
  std::uint64_t after = 0, position = 0;
  std::uint64_t epoch = 0;  // the one that is open from here on
};
struct Reached {
  std::uint64_t ticket = 0;
};
// It takes no writes for now, and goes on telling: what was appended lately may not be in.
struct Refused {
  std::string why;
};
using Told = std::variant<Up, Down, Empty, State, Entry, Sealed, Reached, Refused>;

}  // namespace coord::replica::engine
