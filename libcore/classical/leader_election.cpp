// SPDX-License-Identifier: MIT
#include "classical/leader_election.hpp"

#include "classical/adapter.hpp"
#include "classical/mutual_exclusion.hpp"

namespace coord::classical {

std::vector<Algorithm> leader_election() {
  return {algorithm<Bully>(), algorithm<Lease<false>>(), algorithm<Lease<true>>()};
}

}  // namespace coord::classical
