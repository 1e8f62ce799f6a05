// SPDX-License-Identifier: MIT
// In place of rule.cpp where a rule can be removed: dsim and the tests.
#include "base/rule.hpp"

namespace coord::mutants {

const bool are_removable = true;

std::string removed;

bool is_removed(std::string_view rule) {
  return !removed.empty() && removed == rule;
}

}  // namespace coord::mutants
