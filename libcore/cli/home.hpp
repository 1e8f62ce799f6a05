// SPDX-License-Identifier: MIT
// Where a user's own files may be kept.
#pragma once

#include <optional>
#include <string>

namespace coord::cli {

// HOME, where it is a directory of this user's own. One that is not there (nobody, a user of a container), or
// that belongs to another user (a service's root-owned one, the caller's under sudo), is as good as none:
// nothing can be kept in the one, and nothing of ours should lie in the other.
std::optional<std::string> own_home();

}  // namespace coord::cli
