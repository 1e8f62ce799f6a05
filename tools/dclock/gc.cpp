// SPDX-License-Identifier: MIT
// dclock gc: which events every host is known to know, so that they may be discarded.
#include <memory>

#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "clock/log_discard.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct GcSettings {
  LogChoice logs;
  std::vector<std::string> group;
  bool json = false;
};

Result<cli::Exit> find(const GcSettings& s) {
  clock::HostTable hosts;
  auto readers = open_logs(s.logs, hosts);
  if (!readers) return readers.error();
  clock::DiscardFinder finder(hosts);
  clock::LogLine line;
  std::uint64_t skipped = 0;
  for (auto& reader : *readers) {
    for (;;) {
      const auto read = reader->next(line);
      if (!read) return read.error();
      if (!*read) break;
      if (auto added = finder.add(line); !added) {
        if (auto rejected = reader->reject(added.error().what, added.error().remedy); !rejected)
          return rejected.error();
      }
    }
    skipped += reader->skipped();
  }
  tell_skipped(skipped);
  cli::Table table({{"HOLDER"}, {"MAY DISCARD EVENTS OF"}, {"UP TO", cli::Table::Align::right}});
  for (const auto& item : finder.find(s.group)) {
    if (s.json) {
      cli::JsonObject object;
      item.holder.empty() ? object.null("holder") : object.name("holder", item.holder);
      cli::print(cli::JsonObject()
                     .object("discard", object.name("origin", item.origin).integer("up_to", item.up_to))
                     .line());
    } else {
      table.row({item.holder.empty() ? "(all logs)" : item.holder, item.origin, std::to_string(item.up_to)});
    }
  }
  if (!s.json) cli::print(cli::for_stdout(table));
  return cli::Exit::done;
}

}  // namespace

void add_gc(cli::Options& tool) {
  auto& verb = tool.verb("gc", "say which events all hosts know, so that they may be discarded");
  auto s = std::make_shared<GcSettings>();
  verb.synopsis("[options] [LOG...]");
  verb.custom(
      "--group", "HOST,HOST...",
      [s](std::string_view text) -> Status {
        auto names = cli::parse_names(text);
        if (!names) return names.error();
        s->group = *names;
        return done();
      },
      "every host that may still need events; else all that the logs name");
  verb.flag("--json", s->json, "as JSON");
  s->logs.declare(verb);
  verb.example("dclock gc --group a,b,c a.log", "events that a may forget, by its matrix clock");
  verb.does([s] { return find(*s); });
}

}  // namespace coord::dclock
