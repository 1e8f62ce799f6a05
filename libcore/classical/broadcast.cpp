// SPDX-License-Identifier: MIT
#include "classical/broadcast.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> broadcasts() {
  return {algorithm<Echo>(),
          algorithm<TreeCast>(),
          algorithm<SpanningTree>(),
          algorithm<Rumour<broadcast::Rumour::Mode::push>>(),
          algorithm<Rumour<broadcast::Rumour::Mode::pull>>(),
          algorithm<Rumour<broadcast::Rumour::Mode::push_pull>>(),
          algorithm<AntiEntropy>()};
}

}  // namespace coord::classical
