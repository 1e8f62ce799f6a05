#include "service/limits.hpp"

namespace coord::service {

// All levels so far have the same ones.
Limits limits_of_level(Level /*level*/) {
  return {};
}

bool valid_name(std::string_view name, const Limits& limits) {
  return !name.empty() && name.size() <= limits.name_bytes && name.front() != '-' &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace coord::service
