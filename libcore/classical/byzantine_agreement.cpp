// SPDX-License-Identifier: MIT
#include "classical/adapter.hpp"
#include "classical/pbft.hpp"

namespace coord::classical {

std::vector<Algorithm> byzantine_agreement() {
  return {algorithm<Pbft>()};
}

}  // namespace coord::classical
