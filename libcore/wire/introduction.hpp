// SPDX-License-Identifier: MIT
// What a host that knows nobody of the group asks the first peer that it reaches, and what it is told: under
// the group's key, before there is a link (net/introduction.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "wire/bounds.hpp"

namespace coord::wire {

struct IntroductionQuestion {
  std::string name;  // of the host that asks; empty: it only wants to know who is there
  NodeId node;
  std::uint64_t life = 0;  // of its process
  std::string address;     // HOST:PORT where others reach it; no host: where it comes from
  std::string group;       // that it is of; empty: of none yet
  Level knows = first_level;
  bool admit = false;            // it wants to be of the group; else it only looks
  std::uint64_t instead_of = 0;  // from whom it takes the name, as it was told (name_since)
  std::string zone{};            // where it stands
  bool leads = false;            // somebody does in the group that who asks is of: it lives
  bool stands = false;           // who asks votes in that group, and sees nobody lead: it tells who it is
  bool rejoins = false;  // its disk was lost, says its operator: who votes under its name is to be removed
  LogIndex word{};       // of who stands: the last entry of its log that says who votes

  bool operator==(const IntroductionQuestion&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(at_most<64>(name), node, life, at_most<300>(address), at_most<64>(group), knows, admit,
            instead_of, at_most<64>(zone), leads, stands, rejoins, word);
  }
};

struct KnownPeer {
  NodeId node;
  std::string name;
  std::string address;
  bool votes = false;

  bool operator==(const KnownPeer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, at_most<64>(name), at_most<300>(address), votes);
  }
};

struct Introduction {
  std::string why_not;  // not empty: this peer cannot introduce anybody now
  std::string group;    // its id
  Level level = first_level;
  std::string name;  // of who answers, and its life
  std::uint64_t life = 0;
  std::string seen;                  // the address that the question came from
  std::vector<KnownPeer> voters;     // the founders and all who vote
  std::optional<KnownPeer> of_name;  // who has the name of who asks
  std::optional<KnownPeer> of_node;  // who has its number
  std::uint64_t name_since = 0;      // where in the log `of_name` got that name; 0: it has none
  bool admitted = false;             // that very life is of the group
  LogIndex at;  // up to here its state has been applied: what it says of who is of the group is so there
  bool is_registered = false;      // the number that was asked with, under a name or none
  std::vector<NodeId> founders{};  // the numbers of all, also of those whose name is on another disk by now
  bool is_out = false;             // the number that was asked with neither votes nor learns: committed
  bool name_lives = false;         // `of_name` has another number, and lives, as far as the group knows
  bool is_retired = false;         // that number is of a disk which was lost: it is refused for ever
  bool is_put_out = false;         // that number is of the group no more, by an operator's word
  bool name_learns = false;        // `of_name` does not vote itself: it learns

  bool operator==(const Introduction&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text<1024>(why_not), at_most<64>(group), level, at_most<64>(name), life, at_most<64>(seen),
            at_most<32>(voters), of_name, of_node, name_since, admitted, at, is_registered,
            at_most<16>(founders), is_out, name_lives, is_retired, is_put_out, name_learns);
  }
};

}  // namespace coord::wire
