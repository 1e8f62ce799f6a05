// SPDX-License-Identifier: MIT
// Whether a program can be executed at all, before anything is used up by trying.
//
// The problem: an attempt at a slot, a permit, a minimum hold count from the grant, in the group's log; a
// program that is missing, or that the kernel refuses, has then used up what it never made use of. To look
// for the file and its mode is the obvious check, and says nothing of an interpreter that is missing, of
// another machine's format, of a file that is open for writing or of arguments that are too long.
//
// So the kernel is asked: a child executes the program under trace, which stops it before its first
// instruction, and is killed there. Nothing of the program has run.
#pragma once

#include <optional>
#include <string_view>

#include "cli/exit_status.hpp"
#include "cli/spawn.hpp"

namespace coord::cli {

// The status (126, 127) of a program that cannot be executed; why, has been said on stderr as `tool`'s error.
// Nothing: it can, or it cannot be known here (the kernel lets nobody trace): then its start will tell.
std::optional<Exit> cannot_start(std::string_view tool, const Program& program);

}  // namespace coord::cli
