// SPDX-License-Identifier: MIT
// What a tool and its peer say about the snapshots that the peer keeps for its users (daemon/shelf.hpp), as
// ToPart and FromPart of Channel::kept_snapshots. A snapshot is text (snapshot/record_text.hpp) and goes in
// pieces, for it may be larger than a message.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::local {

// A peer has only so much on its way to one tool.
inline constexpr std::size_t most_kept_bytes = std::size_t{24} << 20U;
// Of the tools' protocol, that these are laid out by.
inline constexpr std::uint32_t kept_version = 2;
inline constexpr std::size_t kept_piece_bytes = std::size_t{900} << 10U;

// The next piece of the snapshot that this connection hands over; it is kept when the last one has come.
struct KeepPiece {
  Bytes bytes;
  bool last = false;
  std::uint32_t owner = 0;  // said by root: it is kept as this user's, whose group it is of

  bool operator==(const KeepPiece&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<kept_piece_bytes>(bytes), last, owner);
  }
};
struct ListKept {
  std::string group;  // empty: of all

  bool operator==(const ListKept&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(group);
  }
};
struct FetchKept {
  std::string id;

  bool operator==(const FetchKept&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id);
  }
};
using KeptRequest = std::variant<KeepPiece, ListKept, FetchKept>;

struct KeptDone {
  bool operator==(const KeptDone&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct KeptEntry {
  std::string id, group;
  WallTime at;
  bool complete = false;
  std::uint64_t bytes = 0;
  std::uint32_t uid = 0;  // whose it is

  bool operator==(const KeptEntry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, group, at, complete, bytes, uid);
  }
};
struct KeptList {
  std::vector<KeptEntry> entries;  // the oldest first

  bool operator==(const KeptList&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(entries);
  }
};
struct KeptPiece {
  Bytes bytes;
  bool last = false;

  bool operator==(const KeptPiece&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<kept_piece_bytes>(bytes), last);
  }
};
struct KeptNone {  // this user has none of that id
  bool operator==(const KeptNone&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct KeptRefused {
  std::string why;

  bool operator==(const KeptRefused&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why);
  }
};
using KeptAnswer = std::variant<KeptDone, KeptList, KeptPiece, KeptNone, KeptRefused>;

}  // namespace coord::local
