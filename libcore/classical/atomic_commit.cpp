// SPDX-License-Identifier: MIT
#include "classical/atomic_commit.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> atomic_commit() {
  return {algorithm<TwoPhase>(), algorithm<ThreePhase>(), algorithm<MajorityCommit>()};
}

}  // namespace coord::classical
