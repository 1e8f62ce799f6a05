// SPDX-License-Identifier: MIT
// The user that the package's units run the peer as.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace coord::coordd {

inline constexpr const char* service_user = "coordutils";

struct UserIds {
  uid_t user = 0;
  gid_t group = 0;
};
// Of the unit that this configuration is for; nothing for another user than root, for a configuration outside
// /etc, and where there is no such user.
std::optional<UserIds> user_of_unit(const std::string& configuration);

// As long as it lives, this process is that user to the file system, if there is one: root asks whether the
// unit can start, and reads what is its user's.
class AsServiceUser {
 public:
  explicit AsServiceUser(const std::string& configuration);
  ~AsServiceUser();
  AsServiceUser(const AsServiceUser&) = delete;
  AsServiceUser& operator=(const AsServiceUser&) = delete;

 private:
  bool changed_ = false;
  gid_t group_ = 0;
};

}  // namespace coord::coordd
