#include "service/limits.hpp"

#include <limits>

namespace coord::service {

Limits limits_of_level(Level level) {
  Limits limits;
  if (level < 2) {
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    limits.names_of_user = limits.books_of_user = none;
    limits.slot_keys_of_user = limits.barriers_of_user = none;
  }
  return limits;
}

bool valid_name(std::string_view name, const Limits& limits) {
  return !name.empty() && name.size() <= limits.name_bytes && name.front() != '-' &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace coord::service
