// SPDX-License-Identifier: MIT
// All families: the one list of them (family.hpp).
#pragma once

#include <variant>

#include "service/barriers/barriers.hpp"
#include "service/commits/commits.hpp"
#include "service/decisions/decisions.hpp"
#include "service/elections/elections.hpp"
#include "service/family.hpp"
#include "service/locks/locks.hpp"
#include "service/rings/rings.hpp"
#include "service/types.hpp"
#include "service/values/values.hpp"

namespace coord::service {

// In the order of their sections in a snapshot, and in which a command is settled. A new one is appended.
using Families = Types<Locks, Elections, Barriers, Values, Rings, Decisions, Commits>;

// What tools may say of them and ask of them, and what they are shown (family.hpp). Their order is part of
// the tools' protocol.
template <class... F>
struct Spoken {
  using Orders = Join<typename F::Orders...>;
  using Questions = Join<typename F::Questions...>;
  using Views = Join<typename F::Views...>;
};
using AnyOrder = Apply<std::variant, Apply<Spoken, Families>::Orders>;
using AnyQuestion = Apply<std::variant, Apply<Spoken, Families>::Questions>;
using AnyView = Apply<std::variant, Apply<Spoken, Families>::Views>;

template <Family... F>
struct Checked {};
static_assert(sizeof(Apply<Checked, Families>) > 0);

// Calls `visit.template operator()<F>()` for each.
template <class Visit>
void for_each_family(Visit&& visit) {
  [&]<class... F>(Types<F...>) { (visit.template operator()<F>(), ...); }(Families{});
}

}  // namespace coord::service
