// SPDX-License-Identifier: MIT
// dsnapshot: a consistent picture of processes and of the messages between them (dsnapshot(1)).
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "group.hpp"
#include "verbs.hpp"

using namespace coord;

int main(int argc, char** argv) {
  cli::Options tool("dsnapshot", "a consistent picture of processes and of the messages between them");
  tool.synopsis("[--json] [-w S] [-o FILE]", "the group of peers itself, now");
  tool.synopsis("run [options] GROUP --id ID [--] COMMAND [ARG...]", "a process of GROUP");
  tool.synopsis("take|wait|send|stop|ps [options] GROUP ...", "of its processes");
  tool.synopsis("list [GROUP] | show|check|draw FILE|ID", "of those that are kept");
  tool.synopsis("diff [options] A B", "changes in between");
  tool.example("dsnapshot", "leader, holders, messages on their way");
  tool.example("dsnapshot show --sum balance bank.jsonl", "states and messages together");

  dsnapshot::Common common;
  dsnapshot::add_group(tool, common);
  cli::add_peer_options(tool, common.peer);
  dsnapshot::add_run(tool, common);
  dsnapshot::add_take(tool, common);
  dsnapshot::add_wait(tool, common);
  dsnapshot::add_send(tool, common);
  dsnapshot::add_stop(tool, common);
  dsnapshot::add_ps(tool, common);
  dsnapshot::add_list(tool, common);
  dsnapshot::add_show(tool, common);
  dsnapshot::add_check(tool, common);
  dsnapshot::add_draw(tool, common);
  dsnapshot::add_diff(tool, common);
  return cli::run(argc, argv, tool, cli::read_by_app);
}
