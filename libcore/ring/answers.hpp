// SPDX-License-Identifier: MIT
// What the ring's part of a peer answers chordctl (requests.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "protocol/chord/lookup.hpp"
#include "ring/requests.hpp"

namespace coord::ring {

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
  std::string last{};                      // of a listing: what to ask behind next
  std::vector<Cursor> cursors{};           // of a watch of several hosts, in place of `since`

  bool operator==(const Page&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(rows, more, since, unreachable, wire::at_most<longest_key>(last), cursors);
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
  std::string user{};      // who asks, as in @USER/
  bool is_closed = false;  // as the only host it was about to leave (CloseRing)

  bool operator==(const StatusOf&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(host, keys, bytes, siblings, bytes_on_disk, number, is_complete, names,
            wire::at_most<longest_key>(user), is_closed);
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
  std::uint64_t wanted = 0, stored = 0, copies = 0;  // of so many copies

  bool operator==(const Partly&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wanted, stored, copies);
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
