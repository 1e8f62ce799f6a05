// SPDX-License-Identifier: MIT
#include "classical/mutual_exclusion.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> mutual_exclusion() {
  return {algorithm<Lamport>(),   algorithm<RicartAgrawala>(), algorithm<Maekawa>(),
          algorithm<TokenRing>(), algorithm<SuzukiKasami>(),   algorithm<Redlock>()};
}

}  // namespace coord::classical
