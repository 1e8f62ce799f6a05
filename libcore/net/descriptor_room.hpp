// SPDX-License-Identifier: MIT
// How many descriptors tools may make this process hold.
//
// The problem: every tool and every hold takes one or two, and who has none left cannot write a new segment
// of its log either, which ends the peer and with it everybody's holds. The usual soft limit is 1,024, from
// the days of select(2), though nearly every system allows many more to whoever asks. So a peer asks, keeps a
// part to itself, and refuses tools in words when the rest is used up.
#pragma once

namespace coord::net {

// Raises the soft limit to the hard one, at most to 65,536 (4,096 tools and 20,000 holds, each with its
// watch). Once, at the start: it is not passed on to commands, which coordd does not run.
void raise_descriptor_limit();

// The kernel gives out the lowest number that is free: from this one on they are kept for the log, the other
// peers and all else that must go on.
int descriptor_ceiling();

// Whether another one below the ceiling is to be had now.
bool has_descriptor_room(int ceiling);

}  // namespace coord::net
