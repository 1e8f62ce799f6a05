// SPDX-License-Identifier: MIT
// Short words for tests of the store: a peer's identity, entries, Persists, and what was recovered.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/disk.hpp"
#include "store/store.hpp"

namespace coord::store {

inline Identity identity(std::uint64_t node = 1, std::uint8_t incarnation = 7, std::uint8_t group = 9) {
  Identity identity;
  identity.node = NodeId{node};
  identity.incarnation.fill(incarnation);
  identity.group.fill(group);
  return identity;
}

// Small segments: the first has room for a few records, so that tests reach the second and the third.
inline Options small() {
  Options options;
  options.place = "state";
  options.first_segment_bytes = 8192;
  options.segment_bytes = 16384;
  options.keep_free_bytes = 32768;
  return options;
}

inline raft::Entry entry(std::uint64_t term, std::uint64_t index, std::size_t size = 20) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(term * 31 + index * 7 + i);
  return {Term{term}, LogIndex{index}, raft::EntryKind::command, std::move(data)};
}

inline raft::HardState vote(std::uint64_t term, std::uint64_t node) {
  raft::HardState state;
  state.term = Term{term};
  state.vote = NodeId{node};
  return state;
}

inline raft::Persist append(std::uint64_t term, std::uint64_t first, std::uint64_t count,
                            std::size_t size = 20) {
  raft::Persist persist;
  persist.first = LogIndex{first};
  for (std::uint64_t i = 0; i < count; ++i) persist.entries.push_back(entry(term, first + i, size));
  return persist;
}

inline raft::Persist voted(std::uint64_t term, std::uint64_t node) {
  raft::Persist persist;
  persist.hard_state = vote(term, node);
  return persist;
}

inline raft::Snapshot snapshot(std::uint64_t term, std::uint64_t index, std::size_t size = 700) {
  return {LogIndex{index}, Term{term}, entry(term, index, size).data};
}

// All that a store has to give back.
struct State {
  raft::HardState hard_state;
  std::optional<raft::Snapshot> snapshot;
  std::vector<raft::Entry> entries;
  Token tokens;

  bool operator==(const State&) const = default;
};

inline State state_of(const Opened& opened) {
  return {opened.recovered.hard_state, opened.recovered.snapshot, opened.recovered.entries,
          opened.store.tokens_reserved()};
}

inline Opened open_ok(Disk& disk, const Options& options = small()) {
  Result<Opened> opened = Store::open(disk, identity(), options);
  INFO((opened.ok() ? "" : opened.error().text()));
  REQUIRE(opened.ok());
  return std::move(opened).value();
}

inline std::string refusal_of(Disk& disk, const Identity& who = identity()) {
  const Result<Opened> opened = Store::open(disk, who, small());
  REQUIRE(!opened.ok());
  CHECK(opened.error().kind == ErrorKind::data);
  return opened.error().text();
}

inline std::vector<std::uint64_t> indices(const std::vector<raft::Entry>& entries) {
  std::vector<std::uint64_t> out;
  for (const raft::Entry& each : entries) out.push_back(each.index.value);
  return out;
}

}  // namespace coord::store
