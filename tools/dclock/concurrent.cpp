// SPDX-License-Identifier: MIT
// dclock concurrent: pairs of events of which neither can have caused the other.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "clock/log_order.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct ConcurrentSettings {
  LogChoice logs;
  std::optional<std::string> with;
  bool count = false, json = false;
};

Result<cli::Exit> list(const ConcurrentSettings& s) {
  auto loaded = load(s.logs, Texts::drop);
  if (!loaded) return loaded.error();
  const clock::EventLog& log = (*loaded)->events;
  const auto print_pair = [&](clock::EventIndex a, clock::EventIndex b) {
    if (s.json) {
      cli::print(cli::JsonObject()
                     .object("pair", cli::JsonObject().text("a", log.token(a)).text("b", log.token(b)))
                     .line());
    } else {
      cli::print(fmt::format("{} {}\n", log.name(a), log.name(b)));
    }
  };
  const auto print_count = [&](std::uint64_t count) {
    cli::print(s.json ? cli::JsonObject().integer("count", count).line() : fmt::format("{}\n", count));
  };
  if (s.with) {
    const auto event = clock::find_event(log, *s.with);
    if (!event) return event.error();
    const auto others = clock::concurrent_with(log, *event);
    if (s.count) {
      print_count(others.size());
    } else {
      for (const auto other : others) print_pair(*event, other);
    }
  } else if (s.count) {
    print_count(clock::count_concurrent(log));
  } else {
    clock::each_concurrent_pair(log, print_pair);
  }
  return cli::Exit::done;
}

}  // namespace

void add_concurrent(cli::Options& tool) {
  auto& verb = tool.verb("concurrent", "list the pairs of concurrent events, or count them");
  auto s = std::make_shared<ConcurrentSettings>();
  verb.synopsis("[options] [LOG...]");
  verb.flag("--count", s->count, "print only how many there are");
  verb.value("--with", "HOST=N", s->with, "only those with this event");
  verb.flag("--json", s->json, "as JSON");
  s->logs.declare(verb);
  verb.example("dclock concurrent --with db=7 *.log", "events that may have raced with db's event 7");
  verb.does([s] { return list(*s); });
}

}  // namespace coord::dclock
