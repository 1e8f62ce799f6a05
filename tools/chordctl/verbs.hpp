// SPDX-License-Identifier: MIT
// The commands of chordctl. Each add_*() declares one with its options, operands and examples; the action is
// in its file.
#pragma once

#include <string>

#include "cli/common.hpp"
#include "cli/options.hpp"

namespace coord::chordctl {

// What all of them share: how to find the peer, and which ring.
struct Common {
  cli::ConnectOptions peer;
  std::string ring = "main";
};

void add_put(cli::Options& tool, const Common& common);
void add_get(cli::Options& tool, const Common& common);
void add_rm(cli::Options& tool, const Common& common);
void add_keys(cli::Options& tool, const Common& common);
void add_watch(cli::Options& tool, const Common& common);
void add_dump(cli::Options& tool, const Common& common);
void add_load(cli::Options& tool, const Common& common);
void add_join(cli::Options& tool, const Common& common);
void add_leave(cli::Options& tool, const Common& common);
void add_ring(cli::Options& tool, const Common& common);
void add_lookup(cli::Options& tool, const Common& common);
void add_fingers(cli::Options& tool, const Common& common);
void add_status(cli::Options& tool, const Common& common);

}  // namespace coord::chordctl
