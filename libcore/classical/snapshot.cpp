// SPDX-License-Identifier: MIT
#include "classical/snapshot.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> global_states() {
  return {algorithm<ChandyLamport>(), algorithm<LaiYang>(), algorithm<FourCounters>()};
}

}  // namespace coord::classical
