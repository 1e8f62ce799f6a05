// SPDX-License-Identifier: MIT
// dsim's verbs, each in a file of its own.
#pragma once

#include "catalogue/protocol.hpp"
#include "cli/options.hpp"

namespace coord::dsim {

void add_list(cli::Options& tool);
void add_run(cli::Options& tool);
void add_count(cli::Options& tool);
void add_sweep(cli::Options& tool);
void add_check(cli::Options& tool);
void add_draw(cli::Options& tool);
void add_play(cli::Options& tool);

// The protocol of this name, or an error that says where the names are.
Result<const catalogue::Protocol*> protocol_named(const std::string& name);

}  // namespace coord::dsim
