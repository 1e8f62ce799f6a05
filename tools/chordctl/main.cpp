// SPDX-License-Identifier: MIT
// chordctl: a Chord ring that keeps its data (chordctl(1)).
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "verbs.hpp"

using namespace coord;

int main(int argc, char** argv) {
  cli::Options tool("chordctl", "keep values under keys, durably");
  tool.synopsis("put KEY [VALUE|-] | get KEY | rm KEY", "one value");
  tool.synopsis("keys [PREFIX] | watch [PREFIX]", "list keys, print changes");
  tool.synopsis("dump [PREFIX] | load | put --batch | status", "many values");
  tool.synopsis("join | leave | ring | lookup KEY | fingers [HOST]", "several hosts");
  tool.example("chordctl put greeting hello; chordctl get greeting", "");
  tool.example("chordctl put backup - < backup.tar", "any bytes, to 8 MiB");
  tool.example("chordctl watch jobs/ | while read -r time what key version; do ...; done", "");

  chordctl::Common common;
  tool.value("--ring", "NAME", common.ring, "another ring than main").env("COORD_RING");
  cli::add_peer_options(tool, common.peer);
  chordctl::add_put(tool, common);
  chordctl::add_get(tool, common);
  chordctl::add_rm(tool, common);
  chordctl::add_keys(tool, common);
  chordctl::add_watch(tool, common);
  chordctl::add_dump(tool, common);
  chordctl::add_load(tool, common);
  chordctl::add_status(tool, common);
  chordctl::add_join(tool, common);
  chordctl::add_leave(tool, common);
  chordctl::add_ring(tool, common);
  chordctl::add_lookup(tool, common);
  chordctl::add_fingers(tool, common);
  return cli::run(argc, argv, tool, cli::read_by_app);
}
