// SPDX-License-Identifier: MIT
// dclock skew: how far the hosts' wall clocks are apart, from causality alone.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "clock/log_skew.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct SkewSettings {
  LogChoice logs;
  bool json = false;
};

std::string seconds_or(const std::optional<Duration>& value, const char* otherwise) {
  return value ? (*value > Duration::zero() ? "+" : "") + cli::seconds_text(*value) : otherwise;
}

void print_json(const LoadedLog& log, const clock::Skew& skew) {
  for (const auto& bound : skew.bounds) {
    cli::JsonObject item;
    item.name("from", log.hosts.name(bound.from)).name("to", log.hosts.name(bound.to));
    bound.lower ? item.seconds("lower_s", *bound.lower) : item.null("lower_s");
    bound.upper ? item.seconds("upper_s", *bound.upper) : item.null("upper_s");
    item.integer("messages", bound.messages).boolean("constant", skew.constant);
    cli::print(cli::JsonObject().object("skew", item).line());
  }
}

Result<cli::Exit> measure(const SkewSettings& s) {
  auto log = load(s.logs, Texts::drop);
  if (!log) return log.error();
  const auto skew = clock::measure_skew((*log)->events);
  if (!skew) return skew.error();
  if (s.json) {
    print_json(**log, *skew);
  } else {
    using Align = cli::Table::Align;
    cli::Table table({{"FROM"},
                      {"TO"},
                      {"AHEAD BY AT LEAST", Align::right},
                      {"AT MOST", Align::right},
                      {"MESSAGES", Align::right}});
    for (const auto& bound : skew->bounds) {
      table.row({(*log)->hosts.name(bound.from), (*log)->hosts.name(bound.to),
                 seconds_or(bound.lower, "unknown"), seconds_or(bound.upper, "unknown"),
                 std::to_string(bound.messages)});
    }
    cli::print(cli::for_stdout(table));
  }
  if (!skew->backwards.empty()) {
    const auto& first = skew->backwards.front();
    cli::notice(
        "dclock",
        fmt::format(
            "received before they were sent, by the wall clocks: {} of the messages; first {}: {} from {}",
            skew->backwards.size(), (*log)->place(first.receiver), (*log)->events.name(first.receiver),
            (*log)->events.name(first.sender)));
  }
  if (!skew->steps.empty()) {
    const auto& first = skew->steps.front();
    cli::notice("dclock",
                fmt::format("a host's own wall clock went back {}{}; first {}: {} is {} s before {}",
                            skew->steps.size(), skew->steps.size() == 1 ? " time" : " times",
                            (*log)->place(first.event), (*log)->events.name(first.event),
                            cli::seconds_text(first.by), (*log)->events.name(first.before)));
  }
  if (!skew->constant) {
    return Error{ErrorKind::data, "skew",
                 "no constant offset explains the log: a clock was stepped or drifted",
                 "look at shorter stretches"};
  }
  return cli::Exit::done;
}

}  // namespace

void add_skew(cli::Options& tool) {
  auto& verb = tool.verb("skew", "bound the offsets between the hosts' wall clocks");
  auto s = std::make_shared<SkewSettings>();
  verb.synopsis("[options] [LOG...]");
  verb.flag("--json", s->json, "a JSON object for each pair of hosts");
  s->logs.declare(verb);
  verb.example("dclock skew *.log", "needs lines stamped with --wall");
  verb.does([s] { return measure(*s); });
}

}  // namespace coord::dclock
