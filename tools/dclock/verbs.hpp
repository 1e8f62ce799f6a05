// SPDX-License-Identifier: MIT
// The commands of dclock. Each add_*() declares one with its options, operands and
// examples; the action is in its file.
#pragma once

#include "cli/options.hpp"

namespace coord::dclock {

void add_event(cli::Options& tool);
void add_send(cli::Options& tool);
void add_recv(cli::Options& tool);
void add_stamp(cli::Options& tool);
void add_compare(cli::Options& tool);
void add_merge(cli::Options& tool);
void add_validate(cli::Options& tool);
void add_cut(cli::Options& tool);
void add_concurrent(cli::Options& tool);
void add_slice(cli::Options& tool);
void add_skew(cli::Options& tool);
void add_gc(cli::Options& tool);
void add_draw(cli::Options& tool);
void add_convert(cli::Options& tool);
void add_peers(cli::Options& tool);

}  // namespace coord::dclock
