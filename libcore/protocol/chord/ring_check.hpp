// SPDX-License-Identifier: MIT
// What must hold of a ring, seen from outside: for simulations, and for `ring --check`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/chord/member.hpp"

namespace coord::chord {

struct MemberState {
  Member self;
  View view;
};

// Zave's invariant (IEEE TSE 2017, section 5): each member has a successor that lives and is a member, and
// members of at least hosts+1 distinct hosts are principals, skipped by no list. Nothing: it holds.
std::optional<std::string> objection_to_invariant(const std::vector<MemberState>& members, std::size_t hosts);

// The end of all repair: one ring of all members, in order; every list and predecessor is right.
std::optional<std::string> objection_to_ideal(const std::vector<MemberState>& members, std::size_t hosts);

}  // namespace coord::chord
