// SPDX-License-Identifier: MIT
// Which group a state directory is of, if that was founded anew (coordd --found-from).
#pragma once

#include <string>

#include "base/result.hpp"
#include "daemon/settings.hpp"
#include "store/body.hpp"

namespace coord::daemon {

// In the state directory: the id of the group, 32 hexadecimal digits; absent: of one that was never founded
// anew. Copied to a host whose disk was replaced.
inline constexpr char group_file_name[] = "group";
// Of the host that founded first: what the others begin with, too.
inline constexpr char founding_file_name[] = "founding";

// Empty: there is none.
Result<std::string> read_founding(const std::string& state_dir);

// Whose log it is: the founders by name (an address may change, who votes may not), and the group's id.
store::GroupDigest log_group(const Settings& settings, const std::string& founding);

}  // namespace coord::daemon
