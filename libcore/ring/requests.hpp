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
#include "protocol/chord/lookup.hpp"
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
// Changes after `since`, answered when there is one; none: what to begin with.
struct Watch {
  std::string ring, prefix;
  std::optional<std::uint64_t> since;

  bool operator==(const Watch&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring), wire::at_most<longest_key>(prefix), since);
  }
};
struct AskStatus {
  std::string ring;

  bool operator==(const AskStatus&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_ring_name>(ring));
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
using Request = std::variant<Put, Remove, Get, List, Watch, AskStatus, AwaitHandOver, Forget, AskTrace,
                             AskFingers, AskEverywhere>;

// ---- answered

struct Stored {  // durable
  Dot dot;
  std::vector<Version> beside;  // siblings that it has

  bool operator==(const Stored&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dot, beside);
  }
};
struct Absent {
  bool operator==(const Absent&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Found {
  std::vector<Version> versions;  // values
  Bytes chunk;                    // of the one that was asked for, or of the only one
  // At the level causal, also where there are no values: all that was seen, and what that depends on.
  std::vector<Dot> seen{};
  std::vector<Dependency> after{};

  bool operator==(const Found&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(versions, wire::at_most<chunk_bytes>(chunk), seen, after);
  }
};
struct Row {
  std::string key;
  std::vector<Version> versions;  // tombstones too, where changes are told

  bool operator==(const Row&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key), versions);
  }
};
struct Page {
  std::vector<Row> rows;
  bool more = false;
  std::uint64_t since = 0;                 // of a watch: what to ask with next
  std::vector<std::string> unreachable{};  // arcs of which too few copies answered: hosts, in words

  bool operator==(const Page&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(rows, more, since, unreachable);
  }
};
struct StatusOf {
  NodeId host;
  std::uint64_t keys = 0, bytes = 0, siblings = 0;  // siblings: keys that have any
  std::uint64_t bytes_on_disk = 0;                  // of all rings of this host
  // Of a ring of several hosts.
  Token number{};           // as this host knows it; 0: it is in none
  bool is_complete = true;  // it has all that it is to keep
  std::map<NodeId, std::string> names{};

  bool operator==(const StatusOf&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(host, keys, bytes, siblings, bytes_on_disk, number, is_complete, names);
  }
};
enum class Why : std::uint8_t {
  full,     // no room on the disk
  failed,   // the disk or its file
  foreign,  // the key is another user's
  busy,     // too much is being written at once
  usage,    // what was asked is none of these
  living,   // a host that is said to be lost answers
  quota,    // of the key's user
};
struct Refused {
  Why why = Why::failed;
  std::string text;

  bool operator==(const Refused&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why, wire::text<4096>(text));
  }
};
// Too few copies answer; nothing was stored.
struct NoQuorum {
  std::string text;

  bool operator==(const NoQuorum&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::text<4096>(text));
  }
};
// Sent out, and not known to be on as many disks as it must.
struct Partly {
  std::uint64_t wanted = 0, stored = 0;

  bool operator==(const Partly&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wanted, stored);
  }
};
struct HandedOver {
  bool operator==(const HandedOver&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};

// ---- of lookups: places are named as in protocol/chord

// As what one place knows another one.
struct Via {
  enum class Kind : std::uint8_t { start, finger, successor } kind = Kind::start;
  std::uint32_t finger = 0;  // its number, the largest one

  bool operator==(const Via&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, finger);
  }
};
constexpr const char* name_of(Via::Kind value) {
  switch (value) {
    using enum Via::Kind;
    case start:
      return "start";
    case finger:
      return "finger";
    case successor:
      return "successor";
  }
  return nullptr;
}
struct RouteSaid {
  chord::Route route;
  std::vector<Via> as;  // of each of route.nearer

  bool operator==(const RouteSaid&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(route.nearer, route.successors, as);
  }
};
struct TraceHop {
  chord::Member whom;
  bool answered = false;
  Via via;
  Duration took{};

  bool operator==(const TraceHop&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(whom, answered, via, took);
  }
};
struct Traced {
  chord::Id key;
  chord::List owners;  // its owner first; empty: nobody who lives knows
  std::vector<TraceHop> hops;

  bool operator==(const Traced&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, owners, hops);
  }
};
struct Finger {
  std::uint32_t first = 0, last = 0;  // numbers i: the first member at or after place + 2^i
  chord::Member member;

  bool operator==(const Finger&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(first, last, member);
  }
};
struct PlaceKnown {
  chord::Member place;
  chord::View view;
  std::vector<Finger> fingers;

  bool operator==(const PlaceKnown&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(place, view.predecessor, view.successors, fingers);
  }
};
struct FingersOf {
  std::vector<PlaceKnown> places;

  bool operator==(const FingersOf&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(places);
  }
};

using Answer = std::variant<Stored, Absent, Found, Page, StatusOf, Refused, NoQuorum, Partly, HandedOver,
                            Traced, FingersOf>;

}  // namespace coord::ring
