// SPDX-License-Identifier: MIT
// Identifiers that several layers share, each a type of its own so that a term cannot be passed as an index.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace coord {

template <class Tag>
struct StrongId {
  std::uint64_t value = 0;
  auto operator<=>(const StrongId&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

// One peer of a group; 0 is nobody. Derived from the peer's name (coordd) or a small number (simulator).
using NodeId = StrongId<struct NodeTag>;
// A Raft term (Ongaro and Ousterhout, section 5.1). 0 is before the first election.
using Term = StrongId<struct TermTag>;
// A place in the replicated log; the first entry is 1, 0 is before it.
using LogIndex = StrongId<struct LogIndexTag>;
// A session of the replicated service: the place in the log of the command that opened it.
using SessionId = StrongId<struct SessionTag>;
// A fencing token: strictly increasing over all grants of a group, below 2^53.
using Token = StrongId<struct TokenTag>;

}  // namespace coord

template <class Tag>
struct std::hash<coord::StrongId<Tag>> {
  std::size_t operator()(const coord::StrongId<Tag>& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
