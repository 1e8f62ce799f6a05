// SPDX-License-Identifier: MIT
// Short ways of writing down what the literature says.
#pragma once

#include <string>
#include <utility>

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

inline double real(std::size_t n) {
  return static_cast<double>(n);
}
inline Theory exactly(Theory::Measure measure, Load load, std::string formula, double (*value)(std::size_t)) {
  return {measure, load, std::move(formula), [value](std::size_t n) { return Range{value(n), value(n)}; }};
}
inline Theory messages_exactly(std::string formula, double (*value)(std::size_t)) {
  return exactly(Theory::Measure::messages, Load::one_by_one, std::move(formula), value);
}
inline Theory delay_exactly(std::string formula, double (*value)(std::size_t)) {
  return exactly(Theory::Measure::delay, Load::one_by_one, std::move(formula), value);
}

}  // namespace coord::catalogue
