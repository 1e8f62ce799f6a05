// SPDX-License-Identifier: MIT
#include "classical/failure_detection.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> failure_detection() {
  return {algorithm<Detector<membership::Detector::Rule::time_out>>(),
          algorithm<Detector<membership::Detector::Rule::phi_normal>>(),
          algorithm<Detector<membership::Detector::Rule::phi_exponential>>()};
}

}  // namespace coord::classical
