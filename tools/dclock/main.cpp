// SPDX-License-Identifier: MIT
// dclock: stamps, compares, merges, checks and draws events by logical time (dclock(1)).
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "verbs.hpp"

using namespace coord;

int main(int argc, char** argv) {
  cli::Options tool("dclock", "stamp, compare, merge, check and draw events by logical time");
  tool.synopsis("event|send|recv|stamp [options] ...", "count this host's events");
  tool.synopsis("compare A B", "which of two came first, if either");
  tool.synopsis("merge|validate|draw|... [options] LOG...", "ask the logs of many hosts");
  tool.synopsis("peers [options]", "the offsets of the clocks of the group's hosts");
  tool.example("dclock event 'job started'", "one event: its line of the log");
  tool.example("t=$(dclock send); ssh b dclock recv \"'$t'\"", "a message from here to b");
  tool.example("dclock merge a.log b.log | dclock draw", "events and their causes");

  dclock::add_event(tool);
  dclock::add_send(tool);
  dclock::add_recv(tool);
  dclock::add_stamp(tool);
  dclock::add_compare(tool);
  dclock::add_merge(tool);
  dclock::add_validate(tool);
  dclock::add_cut(tool);
  dclock::add_concurrent(tool);
  dclock::add_slice(tool);
  dclock::add_skew(tool);
  dclock::add_gc(tool);
  dclock::add_draw(tool);
  dclock::add_convert(tool);
  dclock::add_peers(tool);
  return cli::run(argc, argv, tool, cli::read_by_app);
}
