// SPDX-License-Identifier: MIT
// coordd --found-from: a group whose majority is lost for good begins again with what is left of it.
//
// The first host makes the beginning of what it is given (a former state directory, or a backup): a new
// group's id, tokens above all that the former group can have given, and a file `founding` with both. The
// others are given that file. All then found the group as any new one, once they have all met.
#pragma once

#include "base/result.hpp"
#include "cli/exit_status.hpp"
#include "coordd/arguments.hpp"

namespace coord::coordd {

Result<cli::Exit> found_from(const Arguments& arguments);

}  // namespace coord::coordd
