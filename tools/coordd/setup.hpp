// SPDX-License-Identifier: MIT
// coordd --setup and --join-file: key, configuration, owners and modes of a host that is to be in a group.
//
// The first host makes the key and a join file: the key and the list of peers, mode 0600. The others read
// that file, from a copy or from standard input (`ssh alpha cat FILE | coordd --join-file -`), so that the
// key is in no argument, environment or log. What a host has to be asked is asked at a terminal only.
//
// Once more it changes nothing, but for what is missing or has the wrong owner or mode.
#pragma once

#include "base/result.hpp"
#include "cli/exit_status.hpp"
#include "coordd/arguments.hpp"

namespace coord::coordd {

Result<cli::Exit> set_up(const Arguments& given);
// Status 3: files are written, and a way to another peer is open in one direction only, or it refuses us.
Result<cli::Exit> join(const Arguments& given);

}  // namespace coord::coordd
