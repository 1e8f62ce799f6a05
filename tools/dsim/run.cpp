// SPDX-License-Identifier: MIT
// dsim run: one run, and what came of it.
#include "cli/run.hpp"

#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "run_settings.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

struct RunVerbSettings {
  RunSettings run;
  bool json = false, trace = false;
};

std::string in_ms(Duration time) {
  return fmt::format("{:.1f} ms", static_cast<double>(time.count()) / 1e6);
}

std::string as_json(const catalogue::Report& report) {
  cli::JsonObject messages, delay;
  for (const auto& [type, count] : report.messages) messages.integer(type, count);
  delay.seconds("p50", catalogue::percentile(report.delays, 0.5))
      .seconds("p99", catalogue::percentile(report.delays, 0.99));
  cli::JsonArray violations;
  for (const auto& violation : report.violations) violations.text(violation.text());
  return cli::JsonObject()
      .text("protocol", report.protocol)
      .integer("nodes", report.nodes)
      .id("seed", report.seed)
      .integer("operations", report.operations)
      .object("messages", messages)
      .number("messages_per_operation", report.messages_per_operation())
      .object("delay_s", delay)
      .array("violations", violations)
      .integer("events", report.statistics.events)
      .seconds("virtual_s", report.end - Instant{})
      .line();
}

std::string as_text(const catalogue::Report& report) {
  std::string text = fmt::format("{}: {} nodes, seed {}, {} of virtual time\n", report.protocol, report.nodes,
                                 report.seed, in_ms(report.end - Instant{}));
  text += fmt::format("operations   {}", report.operations);
  if (report.lost > 0) text += fmt::format(", {} lost with their nodes", report.lost);
  text += fmt::format("\nmessages     {}, {:.2f} an operation\n", report.all_messages,
                      report.messages_per_operation());
  for (const auto& [type, count] : report.messages) text += fmt::format("  {:<18} {}\n", type, count);
  if (!report.delays.empty()) {
    text += fmt::format("delay        median {}, 99 % {}\n", in_ms(catalogue::percentile(report.delays, 0.5)),
                        in_ms(catalogue::percentile(report.delays, 0.99)));
  }
  if (!report.hand_overs.empty())
    text += fmt::format("hand-over    median {}\n", in_ms(catalogue::percentile(report.hand_overs, 0.5)));
  for (const auto& remark : report.remarks) text += fmt::format("{}\n", remark);
  for (const auto& violation : report.violations) text += fmt::format("VIOLATION    {}\n", violation.text());
  return text;
}

Result<cli::Exit> run(RunVerbSettings& s) {
  const auto protocol = protocol_named(s.run.protocol);
  if (!protocol) return protocol.error();
  auto setup = s.run.finish(**protocol);
  if (!setup) return setup.error();
  sim::Trace trace;
  if (s.trace) setup->trace = &trace;
  const catalogue::Report report = (*protocol)->run(*setup);
  if (s.trace) cli::print(trace.text());
  if (s.json) {
    cli::print(as_json(report));
  } else {
    cli::print(as_text(report));
  }
  return report.violations.empty() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_run(cli::Options& tool) {
  auto& verb = tool.verb("run", "run a protocol in virtual time");
  auto s = std::make_shared<RunVerbSettings>();
  verb.synopsis("[options] PROTOCOL");
  s->run.declare(verb);
  verb.flag("--trace", s->trace, "print all events, a line each");
  verb.flag("--json", s->json, "one JSON object");
  verb.example("dsim run ricart-agrawala --trace --ops 2", "");
  verb.example("dsim run ricart-agrawala --crash 2@50", "the others go on without it");
  verb.does([s] { return run(*s); });
}

}  // namespace coord::dsim
