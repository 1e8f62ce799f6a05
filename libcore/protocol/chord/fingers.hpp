// SPDX-License-Identifier: MIT
// Short cuts across the ring.
//
// Problem: with successors alone a lookup walks half of the ring. Algorithm (Stoica et al. 2003, section
// IV-D): finger i of a member is the first member at or after self + 2^i. The furthest finger that lies
// before a key leads at least half of the remaining way there, so a lookup takes about 1/2 log2 N steps.
// Fingers need not be right, only lists of successors must: a wrong finger costs a step more. So they are
// looked up anew one at a time.
#pragma once

#include <array>
#include <optional>

#include "protocol/chord/member.hpp"

namespace coord::chord {

class Fingers {
 public:
  explicit Fingers(const Member& self) : self_(self) {}

  // The next place to look up. Only about log2 N of 160 fingers differ: those that `first_successor` or the
  // finger before answers for are passed over.
  Id next_place(const std::optional<Member>& first_successor);
  void found(const Id& place, const Member& owner);
  void forget(const Member& dead);
  void fill(const List& all);  // as they are in an ideal ring; sorted by id

  // The finger nearest before `key`, then others before it; at most so many.
  void closest_before(const Id& key, std::size_t most, List& into) const;
  // From the furthest to the nearest, each once.
  List distinct() const;
  const std::optional<Member>& at(unsigned i) const { return fingers_.at(i); }

 private:
  unsigned reach(const Member& member) const;

  Member self_;
  std::array<std::optional<Member>, id_bits> fingers_;
  unsigned next_ = 0;
};

}  // namespace coord::chord
