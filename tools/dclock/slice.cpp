// SPDX-License-Identifier: MIT
// dclock slice: the events that may have caused one event, and those that it may have caused.
#include <memory>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "clock/log_order.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct SliceSettings {
  LogChoice logs;
  bool past = false, future = false;
};

Result<cli::Exit> slice(const SliceSettings& s) {
  LogChoice logs = s.logs;
  const std::string name = logs.names.back();
  logs.names.pop_back();
  auto loaded = load(logs, Texts::keep);
  if (!loaded) return loaded.error();
  const clock::EventLog& log = (*loaded)->events;
  const auto event = clock::find_event(log, name);
  if (!event) return event.error();
  const auto cone = s.past == s.future ? clock::Cone::both : s.past ? clock::Cone::past : clock::Cone::future;
  for (const auto one : clock::slice(log, *event, cone)) cli::print(fmt::format("{}\n", log.line(one)));
  return cli::Exit::done;
}

}  // namespace

void add_slice(cli::Options& tool) {
  auto& verb = tool.verb("slice", "print the past and the future of one event");
  auto s = std::make_shared<SliceSettings>();
  verb.synopsis("[options] [LOG...] HOST=N");
  verb.flag("--past", s->past, "only its possible causes, and itself");
  verb.flag("--future", s->future, "only its possible effects, and itself");
  s->logs.declare_options(verb);
  verb.operands("LOG|EVENT", s->logs.names, 1, cli::any_number,
                "event logs, then the event: the N-th of HOST");
  verb.operand_completes(cli::Completion::file);
  verb.example("dclock slice --past *.log db=7 | dclock draw", "how it came to db's event 7");
  verb.does([s] { return slice(*s); });
}

}  // namespace coord::dclock
