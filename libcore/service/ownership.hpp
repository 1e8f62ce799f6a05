// SPDX-License-Identifier: MIT
// Whose a name is. Names that begin with `@USER/` belong to that user, on every host of the group; root may
// use all. Any other name is everybody's.
//
// Problem: every admitted user shares one space of names, so one of them can hold, preempt, reset or complete
// what another's cron job hangs on, by mistake or not. Rights kept beside the names (an owner a name, set by
// whoever came first) would be state that has to be made, listed and cleaned up, and the first use of a name
// would be a race. A prefix is a rule of the name alone: nothing to set up, nothing to race for.
//
//   @alice/backup     alice's; USER is the name that the peer's host gives the uid that the kernel reports
//   @#1234/backup     of a uid that has no name there
//   @/backup          one's own: the peer that a tool talks to expands it, the log never has it
//   @daily, a/@b      everybody's: no `@USER/` in front
//
// One name is one user on all hosts. The rule binds users that a peer admits, not whoever has the group's
// key: a peer claims the users of its tools.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "service/state.hpp"

namespace coord::service {

// What stands for a user in `@USER/`: `user`, or `#UID` where the host has no name for the uid (its peer then
// gives the number as the name), or one that would not be told apart from such a number or end within a name.
std::string owner_name(std::uint32_t uid, const std::string& user);

// USER of `@USER/...`: empty for `@/...`. Null data(): the name is everybody's.
std::string_view owner_in(std::string_view name);

// Whether this user may hold, lead, meet at, reset or complete `name`.
bool may_use(std::string_view name, std::uint32_t uid, const std::string& user);

// Of the names that are held, waited for, led, stood for or met at: those that are a user's, in order, at
// most so many.
std::vector<std::string> owned_names(const State& state, std::size_t most);

// `@/x` as this user's own name; any other name as it is.
std::string expand_own(std::string_view name, std::uint32_t uid, const std::string& user);

}  // namespace coord::service
