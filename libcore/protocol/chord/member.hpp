// SPDX-License-Identifier: MIT
// Members of the ring, and lists of them in its order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "protocol/chord/id.hpp"

namespace coord::chord {

// One place on the ring: a host has several, its virtual nodes. A host that forgot what it knew (a restart)
// comes again with a larger life: what was meant for an earlier one is answered with "not I".
struct Member {
  Id id;
  NodeId host;
  std::uint64_t life = 0;

  auto operator<=>(const Member&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, host, life);
  }
};

// In the order of the ring, from some place on.
using List = std::vector<Member>;

// What one member tells of itself when asked.
struct View {
  std::optional<Member> predecessor;
  List successors;

  bool operator==(const View&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(predecessor, successors);
  }
};

// No list is longer: hosts have at most 64 places each, and nobody wants more than 16 hosts in one.
inline constexpr std::size_t list_limit = 1024;

// A list of successors of `self`, made from members that follow each other: it ends where `hosts` distinct
// hosts other than that of `self` are named, or where the order would lead past `self`. A list that ended
// after so many places could name one host only, and be dead with it.
List cut_to_hosts(const Member& self, const List& members, std::size_t hosts);

// How many distinct hosts other than that of `self` are named.
std::size_t hosts_named(const Member& self, const List& members);

// All members of an ideal ring, in the order of their ids: the successors of `self`, up to so many hosts, and
// its predecessor. `all` is sorted by id and holds `self`.
View ideal_view(const Member& self, const List& all, std::size_t hosts);

std::string text(const Member& member);  // "12ab.. on 3"
std::string text(const List& members);

}  // namespace coord::chord
