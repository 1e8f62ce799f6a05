// SPDX-License-Identifier: MIT
// dsim: runs the protocols in virtual time, with faults, counts their messages and
// draws what happened (dsim(1)).
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "verbs.hpp"

using namespace coord;

int main(int argc, char** argv) {
  cli::Options tool("dsim", "run coordination protocols in virtual time, with faults");
  tool.synopsis("list", "the protocols and scenarios");
  tool.synopsis("run PROTOCOL [options]", "one run, by seed");
  tool.synopsis("count [PROTOCOL...]", "messages and delays beside the theory");
  tool.synopsis("play SCENARIO", "a story with its drawing");
  tool.synopsis("draw PROTOCOL [options]", "one run as a drawing");
  tool.synopsis("sweep PROTOCOL --seeds N", "look for a violation");
  tool.synopsis("check HISTORY --model MODEL", "is this history linearizable?");
  tool.example("dsim run ricart-agrawala -n 5 --trace", "all messages of the sites");
  tool.example("dsim count", "the cost of each protocol");
  tool.example("dsim sweep ricart-agrawala --seeds 1000", "a thousand runs with faults");
  dsim::add_list(tool);
  dsim::add_run(tool);
  dsim::add_count(tool);
  dsim::add_play(tool);
  dsim::add_draw(tool);
  dsim::add_sweep(tool);
  dsim::add_check(tool);
  return cli::run(argc, argv, tool, cli::read_by_app);
}
