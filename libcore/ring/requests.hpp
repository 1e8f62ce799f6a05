// SPDX-License-Identifier: MIT
// What chordctl and the ring's part of its peer say to each other, inside of local::ToPart and FromPart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/versions/version.hpp"
#include "wire/bounds.hpp"

namespace coord::ring {

inline constexpr std::size_t longest_key = 1024;                          // bytes
inline constexpr std::size_t longest_ring_name = 255;                     // bytes
inline constexpr std::uint64_t largest_value = std::uint64_t{8} << 20U;   // bytes
inline constexpr std::size_t chunk_bytes = std::size_t{256} << 10U;       // of a value, in one message
inline constexpr std::size_t page_rows = 1000, page_bytes = chunk_bytes;  // of a listing
inline constexpr std::size_t most_siblings = 100;                         // of one key
inline constexpr std::size_t digest_buckets = 4096;                       // of the keys of a ring
inline constexpr std::size_t most_lost = 1024;                            // hosts
inline constexpr std::size_t most_dependencies = 64;                      // of one version
inline constexpr std::size_t most_buried = 128;                           // keys at once
inline constexpr std::size_t most_in_session = 1024;                      // versions
inline constexpr std::size_t dependency_bytes = 4096;                     // of their keys

inline bool is_key(const std::string& key) {
  return !key.empty() && key.size() <= longest_key && key.find('\0') == std::string::npos;
}

// ---- asked

// How many copies must have said or stored it.
enum class Consistency : std::uint8_t {
  quorum,  // so many that each read sees each write that ended before
  one,     // one: it goes on where there is no majority, and may be behind
  causal,  // one, and never behind what its session has read or written (session.hpp)
};
constexpr const char* name_of(Consistency value) {
  switch (value) {
    using enum Consistency;
    case quorum:
      return "quorum";
    case one:
      return "one";
    case causal:
      return "causal";
  }
  return nullptr;
}

// At the level causal: what a session knows.
struct Past {
  std::vector<Dot> at_least;      // of the key: whoever answers has these, or what took their place
  std::vector<Dependency> after;  // of all keys: what the new version depends on

  bool operator==(const Past&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<most_in_session>(at_least), wire::at_most<most_dependencies>(after));
  }
};

// How many copies must have stored it, or said what they have; 0: a majority. Fewer than that only if `weak`
// says that reads need not see what was written.
struct Copies {
  std::uint32_t count = 0;
  bool weak = false;

  bool operator==(const Copies&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count, weak);
  }
};

// A value comes in chunks, each a Put of its own with the request's number, in order; the last one is done
// when `total` bytes are there.
struct Put {
  std::string ring, key;
  std::uint64_t total = 0;
  Bytes chunk;
  std::optional<std::vector<Dot>> replaces;
  std::optional<Duration> patience{};  // in a ring of several hosts: until it is answered all the same
  Consistency consistency = Consistency::quorum;
  Past past{};
  Copies copies{};

  bool operator==(const Put&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), total,
            wire::at_most<chunk_bytes>(chunk), replaces, patience, consistency, past, copies);
  }
};
struct Remove {
  std::string ring, key;
  std::optional<std::vector<Dot>> replaces;
  std::optional<Duration> patience{};
  Consistency consistency = Consistency::quorum;
  Past past{};
  Copies copies{};

  bool operator==(const Remove&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), replaces, patience,
            consistency, past, copies);
  }
};
// The versions of a key; of one of them, or of the only one, the bytes from `offset` on.
struct Get {
  std::string ring, key;
  std::optional<Dot> version;
  std::uint64_t offset = 0;
  std::optional<Duration> patience{};
  Consistency consistency = Consistency::quorum;
  Past past{};
  Copies copies{};

  bool operator==(const Get&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), version, offset,
            patience, consistency, past, copies);
  }
};
// Keys in their order, behind `after`.
struct List {
  std::string ring, prefix, after;
  bool local = false;  // what this host has a copy of
  std::optional<Duration> patience{};

  bool operator==(const List&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(prefix),
            wire::at_most<longest_key>(after), local, patience);
  }
};
// How far the changes of one host of a ring were told, by the number with which it came in.
struct Cursor {
  Token joined;
  std::uint64_t change = 0;

  bool operator==(const Cursor&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(joined, change);
  }
};
// Changes after `since`, answered when there is one; none: what to begin with. In a ring of several hosts:
// behind the cursors.
struct Watch {
  std::string ring, prefix;
  std::optional<std::uint64_t> since;
  std::vector<Cursor> cursors{};

  bool operator==(const Watch&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(prefix), since,
            wire::at_most<most_lost>(cursors));
  }
};
struct AskStatus {
  std::string ring;
  bool user_only = false;  // who asks: nothing is counted for that

  bool operator==(const AskStatus&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), user_only);
  }
};
// Of a change of the ring's hosts: answered by HandedOver when all is where it belongs. With hosts that are
// lost for good it is the change that adopts what the others have: nobody waits for those. Number 0: it is
// only asked whether one of them lives.
struct AwaitHandOver {
  std::string ring;
  Token number;
  std::vector<NodeId> lost{};

  bool operator==(const AwaitHandOver&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), number, wire::at_most<most_lost>(lost));
  }
};
// This host is in the ring no more: it has one of its own again.
struct Forget {
  std::string ring;

  bool operator==(const Forget&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring));
  }
};
// The way to a key, from this host on (routing.hpp). Absent: this host is not in the ring.
struct AskTrace {
  std::string ring, key;
  std::optional<Duration> patience{};

  bool operator==(const AskTrace&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key), patience);
  }
};
// What a host of the ring knows of the others for it. Absent: this host, or that one, is not in the ring.
struct AskFingers {
  std::string ring;
  NodeId host;
  std::optional<Duration> patience{};

  bool operator==(const AskFingers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), host, patience);
  }
};
// Whether all copies of the key have these versions, or what took their place. HandedOver: they do.
struct AskEverywhere {
  std::string ring, key;
  std::vector<Dot> dots;
  std::optional<Duration> patience{};

  bool operator==(const AskEverywhere&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(key),
            wire::at_most<most_in_session>(dots), patience);
  }
};
// Of the only host of a ring, before it leaves for having no values: it takes none while the ring has the
// number that it has, whatever becomes of who asks. Answered by HandedOver. Absent: it is not alone.
struct CloseRing {
  std::string ring;

  bool operator==(const CloseRing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring));
  }
};
using Request = std::variant<Put, Remove, Get, List, Watch, AskStatus, AwaitHandOver, Forget, AskTrace,
                             AskFingers, AskEverywhere, CloseRing>;

}  // namespace coord::ring
