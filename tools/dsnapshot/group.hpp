// SPDX-License-Identifier: MIT
// dsnapshot without a command: the group of peers itself, now.
#pragma once

#include "verbs.hpp"

namespace coord::dsnapshot {

void add_group(cli::Options& tool, const Common& common);

}  // namespace coord::dsnapshot
