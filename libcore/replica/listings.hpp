// SPDX-License-Identifier: MIT
// What a tool asks to see of the machine, as answers that each fit a frame.
//
// A listing may be of everything that a group holds: tens of thousands of parties, each with a command line
// of 4,096 bytes. So answers are cut by bytes, within one name too (the tool puts them together), and where
// all of it would be too much for one client to be sent, command lines are cut short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "service/state_machine.hpp"
#include "wire/local.hpp"

namespace coord::replica {

using Question = std::variant<local::ListLocks, local::ListWaits, local::ListHistory>;

inline bool is_stale(const Question& question) {
  return std::visit([](const auto& asked) { return asked.stale; }, question);
}
inline std::uint64_t request_of(const Question& question) {
  return std::visit([](const auto& asked) { return asked.request; }, question);
}

struct ListingBounds {
  std::size_t page = std::size_t{256} << 10U;  // a quarter of a frame: sizes here are estimates
  std::size_t whole = std::size_t{8} << 20U;   // with more, command lines are cut...
  std::size_t command = 64;                    // ... to this
};

std::vector<local::Answer> answers_to(const Question& question, const service::StateMachine& machine,
                                      WallTime as_of, const ListingBounds& bounds = {});

// Who is in the way of this request: at most three, as a message can show.
std::vector<local::WaitRecord> blockers_of(const service::StateMachine& machine, SessionId session,
                                           std::uint64_t request);

// A holder or waiter as tools see it.
local::LockParty party_of(const service::StateMachine& machine, SessionId session);

}  // namespace coord::replica
