// SPDX-License-Identifier: MIT
// Whose a key is.
#pragma once

#include <string>

namespace coord::ring {

// Of a key that begins with @USER/: that user; else nobody.
std::string owner_of(const std::string& key);

// Whether a key is hidden from this user: it begins with the name of another, as in @USER/.
bool is_foreign(const std::string& key, const std::string& user, bool all_users);

}  // namespace coord::ring
