// SPDX-License-Identifier: MIT
// The options of one run, the same for `run`, `draw` and whoever else runs one.
#pragma once

#include <cstdint>
#include <string>

#include "catalogue/protocol.hpp"
#include "cli/options.hpp"

namespace coord::dsim {

struct RunSettings {
  std::string protocol;
  std::size_t nodes = 0;    // 0: the setup's usual number
  std::uint64_t swept = 0;  // 0: none; else the setup that `sweep` ran for this seed
  std::uint64_t operations = 0;
  std::string mutant;
  catalogue::Setup setup;

  void declare(cli::Options& verb);
  // The setup to run, of this protocol, once the options are read; removes the rule, if one was named.
  Result<catalogue::Setup> finish(const catalogue::Protocol& protocol);
};

// Removes a rule for the rest of this process.
Status remove_rule(const catalogue::Protocol& protocol, const std::string& rule);

}  // namespace coord::dsim
