// SPDX-License-Identifier: MIT
// What the ring's parts of several hosts say to each other, by stream on their channel. `number` is the
// ring's (service/rings): whoever has another one does not answer, and is asked again.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ring/answers.hpp"
#include "ring/changes.hpp"
#include "service/rings/commands.hpp"

namespace coord::ring::copies {

// Of a key: what is known of it, without values. Number 0: whatever number the ring has.
struct AskEntry {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;
  std::string key;

  bool operator==(const AskEntry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, wire::at_most<longest_key>(key));
  }
};
struct EntryIs {
  std::uint64_t operation = 0;
  Token number;
  service::RingHost by;
  Entry entry;

  bool operator==(const EntryIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, by, entry);
  }
};

// Values of the entry that the receiver lacks it asks for: `holders` says whom. A small one comes along.
struct Holder {
  Dot dot;
  NodeId host;

  bool operator==(const Holder&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dot, host);
  }
};
struct Store {
  std::uint64_t operation = 0;  // 0: a repair, which is not answered
  std::string ring;
  Token number;
  std::string key;
  Entry entry;
  std::vector<Holder> holders;
  std::optional<Dot> dot;  // of the value that comes along
  Bytes value;
  // The receiver is not one of the key's copies: it keeps this until that host, which is away, has it.
  std::optional<service::RingHost> hint_for{};
  bool is_acknowledged = false;  // it is on a disk, and counts: no quota keeps it from the others

  bool operator==(const Store&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, wire::at_most<longest_key>(key), entry,
            holders, dot, wire::at_most<chunk_bytes>(value), hint_for, is_acknowledged);
  }
};
struct Kept {  // durable
  std::uint64_t operation = 0;
  Token number;
  service::RingHost by;
  std::optional<service::RingHost> hint_for{};

  bool operator==(const Kept&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, by, hint_for);
  }
};

struct NotKept {  // its disk did not take it
  std::uint64_t operation = 0;
  Token number;
  service::RingHost by;
  Why why = Why::failed;  // full, failed or quota

  bool operator==(const NotKept&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, by, why);
  }
};

struct AskChunk {
  std::uint64_t operation = 0;  // of the asker
  std::string ring, key;
  Dot dot;
  std::uint64_t offset = 0;

  bool operator==(const AskChunk&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), dot, offset);
  }
};
struct ChunkIs {
  std::uint64_t operation = 0;
  Dot dot;
  std::uint64_t offset = 0;
  bool is_there = false;
  Bytes chunk;

  bool operator==(const ChunkIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, dot, offset, is_there, wire::at_most<chunk_bytes>(chunk));
  }
};

// All that a host keeps, in the order of keys, tombstones too.
struct AskRows {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;
  std::string prefix, after;
  Bytes buckets{};  // a bit each: only keys of these; empty: of all

  bool operator==(const AskRows&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, wire::at_most<longest_key>(prefix),
            wire::at_most<longest_key>(after), wire::at_most<digest_buckets / 8>(buckets));
  }
};
struct RowsAre {
  std::uint64_t operation = 0;
  Token number;
  service::RingHost by;
  std::vector<KeyAndEntry> rows;
  bool more = false;
  std::string last{};  // the last key that was looked at

  bool operator==(const RowsAre&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, by, rows, more, wire::at_most<longest_key>(last));
  }
};

// All entries of the keys that both are to keep, taken together by buckets (comparing.cpp).
struct AskDigest {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;

  bool operator==(const AskDigest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number);
  }
};
struct DigestIs {
  std::uint64_t operation = 0;
  Token number;
  std::vector<std::uint64_t> digest;

  bool operator==(const DigestIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, wire::at_most<digest_buckets>(digest));
  }
};

// Who says it has read all that it gains by the change with this number.
struct HasRead {
  std::string ring;
  Token number;
  service::RingHost by;

  bool operator==(const HasRead&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), number, by);
  }
};

// A step of a lookup: what a place of the receiver knows nearer to the key (routing.hpp).
struct AskRoute {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;
  chord::Member whom;
  chord::Id key;

  bool operator==(const AskRoute&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, whom, key);
  }
};
struct RouteIs {
  std::uint64_t operation = 0;
  Token number;
  RouteSaid said;

  bool operator==(const RouteIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, said);
  }
};

// All that the receiver's places know.
struct AskPlaces {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;

  bool operator==(const AskPlaces&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number);
  }
};
struct PlacesAre {
  std::uint64_t operation = 0;
  Token number;
  std::vector<PlaceKnown> places;

  bool operator==(const PlacesAre&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, places);
  }
};

// The receiver, one of the key's copies, is to write it by itself, and to send it to
// the others (one_copy.cpp).
struct WriteOne {
  std::uint64_t operation = 0;
  std::string ring, key;
  bool removed = false;
  WallTime time;
  std::optional<std::vector<Dot>> replaces;
  std::uint64_t size = 0;  // of the value
  Dot dot;                 // under which the sender has it, until it has its own
  Bytes value;             // of one chunk at most, else it is asked for
  Past past{};
  std::uint32_t copies = 1;  // it is answered once so many have it
  std::string user{};        // who writes: keys of others were not shown to him
  bool all_users = false;

  bool operator==(const WriteOne&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), removed, time,
            replaces, size, dot, wire::at_most<chunk_bytes>(value), past, copies,
            wire::at_most<longest_key>(user), all_users);
  }
};
struct WroteOne {  // durable there
  std::uint64_t operation = 0;
  service::RingHost by;
  std::optional<Dot> dot;  // none: there was nothing to remove
  Entry entry;
  bool too_many_siblings = false;

  bool operator==(const WroteOne&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, by, dot, entry, too_many_siblings);
  }
};

// These hosts are lost for good: what the others have of the change with this number is all that there is.
struct Adopting {
  std::string ring;
  Token number;
  std::vector<NodeId> lost;

  bool operator==(const Adopting&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), number, wire::at_most<most_lost>(lost));
  }
};

// What becomes of a WriteOne. Not under way: this host does not write it, and another copy may.
struct WritingOne {
  std::uint64_t operation = 0;
  bool is_under_way = false;
  std::uint32_t stored = 0;  // on so many disks

  bool operator==(const WritingOne&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, is_under_way, stored);
  }
};

// Whoever lives answers, whatever it knows of the ring.
struct AskLiving {
  std::uint64_t operation = 0;
  std::string ring{};  // of which it is to have what it keeps; empty: of none

  bool operator==(const AskLiving&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring));
  }
};
struct Living {
  std::uint64_t operation = 0;

  bool operator==(const Living&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation);
  }
};

// Tombstones: does the receiver have anything else of these keys? What it has of them it merges.
struct AskBury {
  std::uint64_t operation = 0;
  std::string ring;
  Token number;
  std::vector<KeyAndEntry> rows;
  bool is_second = false;  // all have said it: once nothing older is on its way to the receiver

  bool operator==(const AskBury&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, wire::at_most<most_buried>(rows),
            is_second);
  }
};
struct MayBury {
  std::uint64_t operation = 0;
  Token number;
  service::RingHost by;
  std::vector<std::string> others;  // keys of which it has something else
  bool is_second = false;

  bool operator==(const MayBury&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, number, by, wire::at_most<most_buried>(others), is_second);
  }
};
struct Bury {  // all hosts have nothing else
  std::uint64_t operation = 0;
  std::string ring;
  Token number;
  std::vector<KeyAndEntry> rows;

  bool operator==(const Bury&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(operation, wire::at_most<longest_ring_name>(ring), number, wire::at_most<most_buried>(rows));
  }
};

using Message =
    std::variant<AskEntry, EntryIs, Store, Kept, AskChunk, ChunkIs, AskRows, RowsAre, HasRead, NotKept,
                 AskRoute, RouteIs, AskPlaces, PlacesAre, WriteOne, WroteOne, Adopting, AskDigest, DigestIs,
                 WritingOne, AskLiving, Living, AskBury, MayBury, Bury, AskChanges, ChangesAre>;

}  // namespace coord::ring::copies
