// SPDX-License-Identifier: MIT
// Starting the peer that a tool needs, so that nobody has to.
//
// The problem: fifty tools start at once on a host where no peer runs. All must end up with one peer, none
// with an error, and nobody may wait by polling. The obvious way, start a peer if connecting fails, starts
// fifty, and the tools then race it to its socket.
//
// The way here (the one of systemd's socket activation): the tool that gets a lock beside the socket binds
// and listens itself, and hands the listening socket to the peer that it starts. From then on connecting
// works: the kernel queues the others until the peer accepts. Nobody waits for anything but an answer.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"
#include "cli/authority.hpp"

namespace coord::cli {

// Starts `authority`'s peer if nobody else has meanwhile. On return its socket can be connected to. Only
// where authority.may_be_started(). ErrorKind::unavailable. Answers with the peer's pid, or 0 if it was
// started by somebody else: a caller that is a subreaper finds it among its own children.
Result<pid_t> start_peer(const Authority& authority);

// What a peer that was started so said last, for a tool that got no answer; may be empty.
std::string last_words(const Authority& authority);

}  // namespace coord::cli
