// SPDX-License-Identifier: MIT
// The commands of dsnapshot. Each add_*() declares one with its options, operands and examples; the action is
// in its file.
#pragma once

#include "cli/common.hpp"
#include "cli/options.hpp"

namespace coord::dsnapshot {

// What all of them share: how to find the peer.
struct Common {
  cli::ConnectOptions peer;
};

void add_run(cli::Options& tool, const Common& common);
void add_take(cli::Options& tool, const Common& common);
void add_wait(cli::Options& tool, const Common& common);
void add_send(cli::Options& tool, const Common& common);
void add_stop(cli::Options& tool, const Common& common);
void add_ps(cli::Options& tool, const Common& common);
void add_list(cli::Options& tool, const Common& common);
void add_show(cli::Options& tool, const Common& common);
void add_check(cli::Options& tool, const Common& common);
void add_draw(cli::Options& tool, const Common& common);
void add_diff(cli::Options& tool, const Common& common);

}  // namespace coord::dsnapshot
