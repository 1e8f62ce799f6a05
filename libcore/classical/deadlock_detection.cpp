// SPDX-License-Identifier: MIT
#include "classical/deadlock_detection.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> deadlock_detection() {
  return {algorithm<Probes>(), algorithm<Queries>(), algorithm<CentralGraph>()};
}

}  // namespace coord::classical
