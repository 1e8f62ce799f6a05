// SPDX-License-Identifier: MIT
// The raise of a group's level, as it stands in the log (base/level.hpp).
//
// Problem: a peer of an earlier release that is still a voter when the level rises cannot read what
// comes next. That all voters could when somebody asked them is not enough: one may have been taken back
// to an earlier release between the question and the entry's turn. So a raise names the lives of the
// voters that it relied on (a life is one process; its number goes with its registration), and it is
// void when it is applied unless each voter's registration is still of that life. All apply it at the
// same place of the same log, so all agree.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.hpp"
#include "base/level.hpp"

namespace coord::service {

// The first field is what raft::level_needed() reads: its place never changes, nor does any before it.
struct Raise {
  Level level = first_level;
  std::map<NodeId, std::uint64_t> lives{};  // of every voter: the nonce of its Register

  bool operator==(const Raise&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(level, lives);
  }
};

}  // namespace coord::service
