// SPDX-License-Identifier: MIT
// What the parts that take a snapshot of the group itself say to each other (group/), and to
// the tool that asks for one. The records are lines of a snapshot's file (snapshot/record_text.hpp), written
// by the peer that they are of.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::wire {

// Of one life of a peer the numbers grow, and it takes one at a time.
struct GroupSnapshotId {
  NodeId taker;
  std::uint64_t life = 0;
  std::uint64_t number = 0;
  // How long each peer goes on with it.
  Duration patience{};
  // Of each message on its way, not only of their kinds.
  bool each = false;
  // Whose snapshot it is, sorted: the voters as the taker's log has them. With every message, for all of
  // them must go by the same ones, whatever their own logs say.
  std::vector<NodeId> peers{};

  auto operator<=>(const GroupSnapshotId&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(taker, life, number, patience, each, peers);
  }
};

inline constexpr std::size_t longest_kind = 64;         // of messages, a name
inline constexpr std::size_t most_group_snapshots = 8;  // at once, in one peer
inline constexpr std::size_t longest_record_line = std::size_t{900} << 10U;

// What is sent on this link from now on is behind its sender's cut.
struct SnapshotMarker {
  GroupSnapshotId id;
  // It goes first on a connection that came about after the cut, and is not in its place on the one that
  // stood then.
  bool first = false;
  bool up = false;                                 // at the cut the link stood, or twice since
  std::uint64_t life = 0;                          // of the sender
  std::uint64_t sent = 0;                          // on that connection, up to the cut
  std::map<std::string, std::uint64_t> datagrams;  // sent in this life up to the cut, by kind

  bool operator==(const SnapshotMarker&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, first, up, life, sent, datagrams);
  }
};

// To the taker: this peer's own record. `up`: its links that stood at its cut.
struct SnapshotOfPeer {
  GroupSnapshotId id;
  std::uint64_t life = 0;  // of this peer
  std::vector<NodeId> up;
  Bytes line;

  bool operator==(const SnapshotOfPeer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, life, up, at_most<longest_record_line>(line));
  }
};

// To the taker: what was on its way to this peer from `from`. It may be told again, when more is known.
struct SnapshotOfLink {
  GroupSnapshotId id;
  NodeId from;
  std::uint64_t life = 0;       // of this peer
  std::uint64_t from_life = 0;  // of the other one, as its marker says
  bool marked = false;          // else nothing stands from there
  bool broke = false;           // and may have lost something
  Bytes line;

  bool operator==(const SnapshotOfLink&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, from, life, from_life, marked, broke, at_most<longest_record_line>(line));
  }
};
using GroupSnapshotMessage = std::variant<SnapshotMarker, SnapshotOfPeer, SnapshotOfLink>;

// With a datagram: of which snapshots its sender has its cut behind itself.
using SnapshotColour = std::vector<GroupSnapshotId>;

// What goes by datagram on this channel: one of any channel, or of the service, with its sender's colour.
struct ColouredDatagram {
  Bytes colour;          // SnapshotColour
  bool channel = false;  // `payload` is a ChannelMessage, else one of the service
  Bytes payload;

  bool operator==(const ColouredDatagram&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(colour, channel, payload);
  }
};

}  // namespace coord::wire

namespace coord::local {

// Of the tools' protocol, that these are laid out by.
inline constexpr std::uint32_t part_version = 2;

struct TakeGroupSnapshot {
  Duration patience{};
  bool each = false;  // root only

  bool operator==(const TakeGroupSnapshot&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(patience, each);
  }
};

// Answers to it: any number of lines, then how it has ended.
struct SnapshotLine {
  Bytes line;

  bool operator==(const SnapshotLine&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<wire::longest_record_line>(line));
  }
};
struct SnapshotTaken {
  std::string id;
  WallTime at;
  std::vector<std::string> members;
  // Who has no record, and why (record::to_string): peers, and links as "FROM > TO".
  std::vector<std::pair<std::string, std::string>> missing;

  bool operator==(const SnapshotTaken&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, at, members, missing);
  }
};
struct SnapshotRefused {
  bool usage = false;  // the request is not allowed; else it cannot be now
  std::string why;

  bool operator==(const SnapshotRefused&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(usage, why);
  }
};
using GroupSnapshotAnswer = std::variant<SnapshotLine, SnapshotTaken, SnapshotRefused>;

}  // namespace coord::local
