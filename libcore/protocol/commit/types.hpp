// SPDX-License-Identifier: MIT
// What the protocols of atomic commitment have in common: one transaction, a coordinator who asks, and
// participants of whom each may say no. An object of a protocol is one transaction at one node.
//
// What each must do (Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database Systems",
// 1987, section 7.3): AC1 all that decide decide the same; AC2 a decision is not reversed; AC3 commit only if
// all voted yes; AC4 if there were no failures and all voted yes, commit; AC5 if all failures are repaired
// and none happen for long enough, everybody decides.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.hpp"

namespace coord::commit {

enum class Outcome : std::uint8_t { undecided, commit, abort };

inline std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::commit:
      return "commit";
    case Outcome::abort:
      return "abort";
    case Outcome::undecided:
      break;
  }
  return "undecided";
}

// ---- told by the user of this node
struct Begin {};  // the coordinator's
// this participant's answer to AskVote; after a yes it must be able to do both, also after a crash
struct Vote {
  bool yes = false;
};

// ---- said to him
struct AskVote {};
struct Decided {
  Outcome outcome = Outcome::undecided;
};
struct Blocked {};  // voted yes, hears of no decision, and may not decide: see missing()

}  // namespace coord::commit
