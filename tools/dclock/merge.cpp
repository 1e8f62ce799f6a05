// SPDX-License-Identifier: MIT
// dclock merge: one log from many, in an order of causes.
#include <unistd.h>

#include <memory>

#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct MergeSettings {
  LogChoice logs;
  clock::MergeOrder order = clock::MergeOrder::clock;
};

Result<cli::Exit> merge(const MergeSettings& s) {
  clock::HostTable hosts;
  auto merge = open_merge(s.logs, hosts, s.order, cli::is_terminal(STDOUT_FILENO));
  if (!merge) return merge.error();
  std::string out;
  for (;;) {
    const auto event = (*merge)->next();
    if (!event) return event.error();
    if (*event == nullptr) break;
    out += (*event)->line.raw;
    out += '\n';
    if (out.size() < (std::size_t{1} << 16U)) continue;
    cli::print(out);
    out.clear();
  }
  cli::print(out);
  tell_skipped((*merge)->skipped());
  return cli::Exit::done;
}

}  // namespace

void add_merge(cli::Options& tool) {
  auto& verb = tool.verb("merge", "merge logs into one in which no effect precedes its cause");
  auto s = std::make_shared<MergeSettings>();
  verb.synopsis("[options] [LOG...]");
  declare_order(verb, s->order);
  s->logs.declare(verb);
  verb.example("dclock merge *.log > all.log", "all hosts' events, causes first");
  verb.example("dclock merge --by wall a.log b.log", "concurrent ones as the wall clocks have it");
  verb.does([s] { return merge(*s); });
}

}  // namespace coord::dclock
