// SPDX-License-Identifier: MIT
// All families: the one list of them (family.hpp).
#pragma once

#include "service/barriers/barriers.hpp"
#include "service/elections/elections.hpp"
#include "service/family.hpp"
#include "service/locks/locks.hpp"
#include "service/types.hpp"

namespace coord::service {

// In the order of their sections in a snapshot, and in which a command is settled. A new one is appended.
using Families = Types<Locks, Elections, Barriers>;

template <Family... F>
struct Checked {};
static_assert(sizeof(Apply<Checked, Families>) > 0);

// Calls `visit.template operator()<F>()` for each.
template <class Visit>
void for_each_family(Visit&& visit) {
  [&]<class... F>(Types<F...>) { (visit.template operator()<F>(), ...); }(Families{});
}

}  // namespace coord::service
