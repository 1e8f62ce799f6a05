// SPDX-License-Identifier: MIT
// The bytes that a group keeps in an engine: entries of the log, and states with which an epoch begins.
//
// An engine is shared: another program may write under our prefix. So both have a mark, a version and a
// checksum. What has not our mark, or is damaged, is nobody's: an entry of that kind is passed over, by the
// same rule on every gateway. What has our mark and a version that is not known is of a later release:
// whoever meets it stops. Both forms are fixed: golden bytes in tests/wire.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "service/state.hpp"

namespace coord::replica {

// How far a log of an engine has come, and by which way: two logs that have the same chain at an index are
// the same up to there.
struct EnginePlace {
  std::uint64_t index = 0;  // entries of ours before and with it
  std::uint64_t chain = 0;

  bool operator==(const EnginePlace&) const = default;
};
// The chain after one more entry.
std::uint64_t chained(std::uint64_t chain, std::uint64_t position, ByteView bytes);

struct EngineEntry {
  enum class Kind : std::uint8_t {
    command,
    again,  // the gateway has said the same before (EngineKeepers)
    // Of no command, but with an EngineWord:
    new_era,    // `coordd --new-epoch`: what follows is void, until a state of a later era is there
    asks,       // a gateway that has not seen this log before: is it the right one?
    confirms,   // one that has: it is
    remembers,  // to who begins a new era: what this gateway knows
    tries,      // whether the engine takes something again
    // Of no command either, but with a service::Raise.
    raise,
  };
  NodeId node;  // the gateway that has appended it
  Kind kind = Kind::command;
  Level level = first_level;  // by whose formats the command is laid out
  Bytes command;

  bool has_word() const { return kind >= Kind::new_era && kind <= Kind::tries; }
  bool operator==(const EngineEntry&) const = default;
};
constexpr const char* name_of(EngineEntry::Kind value) {
  switch (value) {
    using enum EngineEntry::Kind;
    case command:
      return "command";
    case again:
      return "again";
    case new_era:
      return "new era";
    case asks:
      return "asks";
    case confirms:
      return "confirms";
    case remembers:
      return "remembers";
    case tries:
      return "tries";
    case raise:
      return "raise";
  }
  return nullptr;
}
// What gateways say to each other by entries that are no commands.
struct EngineWord {
  std::uint64_t nonce = 0;  // of the question that it is, or answers; 0: answers all
  EnginePlace place;        // of that question
  std::uint64_t era = 0;    // the newest that is known
  Token token;              // the last one that is known; of a new era: tokens begin above it
  Duration ttl{};           // the longest lease that is known
  bool operator==(const EngineWord&) const = default;
};
Bytes encode(const EngineWord& word);
Result<EngineWord> decode_engine_word(ByteView bytes);

Bytes encode(const EngineEntry& entry);
// Nothing: not ours. An error: of a later release.
Result<std::optional<EngineEntry>> decode_engine_entry(ByteView bytes);

// Who has said first that a lease is over.
struct ExpiryWord {
  std::uint64_t renewal = 0;
  NodeId node;
  bool operator==(const ExpiryWord&) const = default;
};

struct EngineState {
  std::uint64_t era = 1;  // one more with each `coordd --new-epoch`
  EnginePlace place;
  std::vector<EnginePlace> seals;  // the last ones, this one among them
  std::map<SessionId, ExpiryWord> words;
  Duration closed_for{};  // as long as a new era is shut: so long a lease of the former one may last
  Level level = first_level;
  Bytes machine;  // wire::encode_state

  bool operator==(const EngineState&) const = default;
};
Bytes encode(const EngineState& state);
Result<EngineState> decode_engine_state(ByteView bytes);

// What a gateway keeps on its own disk of the log that it has seen: an engine that is behind it, or has come
// another way, was restored from a backup.
struct EngineMemory {
  std::uint64_t era = 0;  // 0: it has seen none yet
  EnginePlace place;
  EnginePlace seal;  // the last seal before it
  Token token;       // the last one that was given there
  Duration ttl{};    // the longest lease there
  bool operator==(const EngineMemory&) const = default;
};
Bytes encode(const EngineMemory& memory);
Result<EngineMemory> decode_engine_memory(ByteView bytes);

}  // namespace coord::replica
