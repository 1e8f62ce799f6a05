// SPDX-License-Identifier: MIT
#include "coordd/service_user.hpp"

#include <pwd.h>
#include <unistd.h>

#include "base/check.hpp"

namespace coord::coordd {

std::optional<UserIds> user_of_unit(const std::string& configuration) {
  if (::geteuid() != 0 || !configuration.starts_with("/etc/")) return std::nullopt;
  const passwd* const user = ::getpwnam(service_user);
  if (user == nullptr || user->pw_uid == 0) return std::nullopt;
  return UserIds{user->pw_uid, user->pw_gid};
}

AsServiceUser::AsServiceUser(const std::string& configuration) : group_(::getegid()) {
  const auto unit = user_of_unit(configuration);
  if (!unit) return;
  if (::setegid(unit->group) != 0) return;
  changed_ = true;
  // The user last: it takes root to change the group back, which the destructor is again by then.
  if (::seteuid(unit->user) != 0) {
    COORD_CHECK(::setegid(group_) == 0);
    changed_ = false;
  }
}

AsServiceUser::~AsServiceUser() {
  if (changed_) COORD_CHECK(::seteuid(0) == 0 && ::setegid(group_) == 0);
}

}  // namespace coord::coordd
