// SPDX-License-Identifier: MIT
// Who holds and who waits for what, in the shape that `dlock --list` prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/commands.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

struct Party {
  SessionId session{};
  NodeId node{};
  Owner owner{};
  Token token{};               // holders: the grant's
  std::uint32_t position = 0;  // waiters: 1 is next
  Mode mode = Mode::exclusive;
  WallTime since{};  // of the hold or the wait
  Duration ttl{};
  bool over = false;  // holders: the hold is over, the name is kept shut by its minimum hold or lock delay
};

struct Listing {
  std::string name{};
  Mode mode = Mode::exclusive;  // of the holders, else of who is next
  std::uint32_t permits = 1;
  std::vector<Party> holders{};  // by token
  std::vector<Party> waiters{};  // in line
};

Party party_of_lingering_hold(const StateMachine& machine, Token grant);

// These names, those that are in use; without names, all. `most` bounds the answer: go
// on after the last name given.
std::vector<Listing> list(const StateMachine& machine, const std::vector<std::string>& names);
// All names in use above `after` (empty: from the first), at most so many: go on after the last one given.
std::vector<Listing> list_all(const StateMachine& machine, const std::string& after, std::size_t most);

}  // namespace coord::service
