// SPDX-License-Identifier: MIT
// In what is shipped every rule is kept (rule.hpp).
#include "base/rule.hpp"

namespace coord::mutants {

const bool are_removable = false;

bool is_removed(std::string_view) {
  return false;
}

}  // namespace coord::mutants
