// SPDX-License-Identifier: MIT
#include "service/limits.hpp"

namespace coord::service {

Limits limits_of_level(Level level) {
  Limits limits;
  limits.set_level(level);
  return limits;
}

bool valid_name(std::string_view name, const Limits& limits) {
  return !name.empty() && name.size() <= limits.name_bytes && name.front() != '-' &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace coord::service
