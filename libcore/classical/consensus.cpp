// SPDX-License-Identifier: MIT
#include "classical/consensus.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> agreement_on_one() {
  return {algorithm<Exchange>(), algorithm<Paxos>(), algorithm<MultiPaxos>(), algorithm<BenOr>()};
}

std::vector<Algorithm> agreement() {
  return {algorithm<Exchange>(), algorithm<Paxos>(), algorithm<MultiPaxos>(), algorithm<BenOr>()};
}

}  // namespace coord::classical
