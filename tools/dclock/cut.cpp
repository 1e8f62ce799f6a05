// SPDX-License-Identifier: MIT
// dclock cut: is "the first N events of each host" a state that the system can have been in?
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "clock/log_cut.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct CutSettings {
  LogChoice logs;
  bool json = false, quiet = false;
};

void print_violation(const CutSettings& s, const LoadedLog& log, const clock::Message& message) {
  const auto& received = log.events[message.receiver];
  const std::string sent = fmt::format("{}={}", log.hosts.name(message.host), message.own);
  if (s.json) {
    cli::JsonObject item;
    item.name("file", log.names[received.log])
        .integer("line", received.line_number)
        .text("rule", "received-not-sent");
    item.name("host", log.hosts.name(received.host))
        .text("received", log.events.name(message.receiver))
        .text("sent", sent);
    if (message.sender != clock::no_event) {
      item.name("sent_file", log.names[log.events[message.sender].log]);
      item.integer("sent_line", log.events[message.sender].line_number);
    }
    cli::print(cli::JsonObject().object("violation", item).line());
    return;
  }
  cli::print(fmt::format("not consistent: {}: {} received a message that {} sends only after the cut{}\n",
                         log.place(message.receiver), log.events.name(message.receiver), sent,
                         message.sender == clock::no_event
                             ? " (not in the logs)"
                             : fmt::format(" ({})", log.place(message.sender))));
}

Result<cli::Exit> judge(const CutSettings& s) {
  LogChoice logs = s.logs;
  const std::string text = logs.names.back();
  logs.names.pop_back();
  auto log = load(logs, Texts::drop);
  if (!log) return log.error();
  const auto cut = clock::parse_cut(text, (*log)->events);
  if (!cut) return cut.error();
  const auto verdict = clock::judge_cut((*log)->events, *cut);
  if (!s.quiet) {
    for (const auto& message : verdict.violations) print_violation(s, **log, message);
    if (s.json) {
      cli::print(cli::JsonObject()
                     .boolean("consistent", verdict.consistent())
                     .integer("in_flight", verdict.in_flight.size())
                     .line());
    } else if (verdict.consistent()) {
      const std::size_t count = verdict.in_flight.size();
      cli::print(fmt::format("consistent: {}{} in flight\n", count, count == 1 ? " message" : " messages"));
    }
  }
  return verdict.consistent() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_cut(cli::Options& tool) {
  auto& verb = tool.verb("cut", "say whether the first N events of each host are a consistent cut");
  auto s = std::make_shared<CutSettings>();
  verb.synopsis("[options] [LOG...] HOST=N,HOST=N...", "statuses: 0 consistent, 1 not");
  verb.flag("--json", s->json, "as JSON");
  verb.flag("-q,--quiet", s->quiet, "print nothing, only end with the status");
  s->logs.declare_options(verb);
  verb.operands("LOG|CUT", s->logs.names, 1, cli::any_number,
                "event logs, then the cut; an unnamed host has N = 0");
  verb.operand_completes(cli::Completion::file);
  verb.example("dclock cut a.log b.log a=4,b=7", "names the message received and not sent");
  verb.does([s] { return judge(*s); });
}

}  // namespace coord::dclock
