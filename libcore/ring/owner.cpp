// SPDX-License-Identifier: MIT
#include "ring/owner.hpp"

namespace coord::ring {

std::string owner_of(const std::string& key) {
  const std::size_t slash = key.find('/');
  return key.empty() || key.front() != '@' || slash == std::string::npos ? "" : key.substr(1, slash - 1);
}

bool is_foreign(const std::string& key, const std::string& user, bool all_users) {
  const std::string owner = owner_of(key);
  return !owner.empty() && !all_users && owner != user;
}

}  // namespace coord::ring
