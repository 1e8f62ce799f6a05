// SPDX-License-Identifier: MIT
// dclock merge: one log from many, in an order of causes.
#include <unistd.h>

#include <memory>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "clock/log_cut.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct MergeSettings {
  LogChoice logs;
  clock::MergeOrder order = clock::MergeOrder::clock;
  bool cut = false;
};

// The logs of two runs, or of two lives of a program, count from 1 each: no cut is one of both.
Status each_number_once(const clock::EventLog& events) {
  for (clock::HostIndex host = 0; host < events.hosts().size(); ++host) {
    const auto of = events.of(host);
    const auto twice =
        std::ranges::adjacent_find(of, {}, [&](clock::EventIndex event) { return events[event].own; });
    if (twice != of.end())
      return Error{ErrorKind::data, events.name(*twice),
                   "it is on two lines, so the logs are of more than one run",
                   "give the logs of one run; see dclock validate"};
  }
  return done();
}

// Without the tails of logs that go on after another one has ended.
Result<cli::Exit> merge_cut(const MergeSettings& s) {
  const auto log = load(s.logs, Texts::keep, s.order);
  if (!log) return log.error();
  const clock::EventLog& events = (*log)->events;
  if (Status once = each_number_once(events); !once) return once.error();
  const clock::Cut cut = clock::largest_cut(events);
  std::uint64_t left_out = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto event = static_cast<clock::EventIndex>(i);
    const bool is_within = events[event].own <= cut[events[event].host];
    left_out += is_within ? 0 : 1;
    if (is_within) cli::print(std::string(events.line(event)) + '\n');
  }
  if (left_out > 0)
    cli::notice("dclock", fmt::format("{} left out: {} of events that are in no log", left_out,
                                      left_out == 1 ? "line, which knows" : "lines, which know"));
  return cli::Exit::done;
}

Result<cli::Exit> merge(const MergeSettings& s) {
  if (s.cut) return merge_cut(s);
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
  verb.flag("--cut", s->cut, "leave out what knows of events that no log has");
  s->logs.declare(verb);
  verb.example("dclock merge *.log > all.log", "all hosts' events, causes first");
  verb.example("dclock merge --by wall a.log b.log", "concurrent ones as the wall clocks have it");
  verb.does([s] { return merge(*s); });
}

}  // namespace coord::dclock
