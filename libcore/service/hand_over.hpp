// What a peer alone has that matters when a group is to take its place: for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "service/machine.hpp"

namespace coord::service {

struct Counted {
  std::uint64_t all = 0;
  std::vector<std::string> some{};  // the first `most` of them, in words
};

// Holds, leaderships and commands of barriers: these must end first.
Counted holding(const Machine& machine, std::size_t most);

// What a group does not take over: slots done, rates, delays, enrolments.
Counted staying(const Machine& machine, std::size_t most);

}  // namespace coord::service
