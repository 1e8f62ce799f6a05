// dsim count: what each protocol costs, measured, beside what its paper says.
#include <cstdio>
#include <memory>

#include "cli/json.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

using catalogue::Count;
using catalogue::Load;
using catalogue::Range;
using catalogue::Theory;

struct Settings {
  std::vector<std::string> protocols;
  std::vector<std::size_t> sizes;
  bool json = false;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string shown = text;
  shown.erase(shown.find_last_not_of('0') + 1);
  if (shown.back() == '.') shown.pop_back();
  return shown;
}

std::string range(const Range& expected) {
  if (expected.low == expected.high) return number(expected.low);
  if (expected.low <= 0) return "<= " + number(expected.high);
  return number(expected.low) + " to " + number(expected.high);
}

std::string what(const Theory& theory) {
  switch (theory.measure) {
    case Theory::Measure::messages:
      return "messages";
    case Theory::Measure::all_messages:
      return "messages in all";
    case Theory::Measure::hand_over:
      return "hand-over";
    case Theory::Measure::delay:
      return "delay";
  }
  return "";
}

std::string load(Load load) {
  return load == Load::one_by_one ? "one by one" : load == Load::together ? "together" : "spread";
}

std::string as_json(const catalogue::Protocol& protocol, const Count& line) {
  return cli::JsonObject()
      .text("protocol", protocol.name)
      .text("measure", what(*line.theory))
      .text("load", load(line.theory->load))
      .integer("nodes", line.nodes)
      .number("measured", line.measured)
      .text("formula", line.theory->formula)
      .number("theory_low", line.expected.low)
      .number("theory_high", line.expected.high)
      .boolean("agrees", line.agrees)
      .line();
}

Result<cli::Exit> count(const Settings& s) {
  std::vector<const catalogue::Protocol*> chosen;
  for (const auto& name : s.protocols) {
    const auto protocol = protocol_named(name);
    if (!protocol) return protocol.error();
    chosen.push_back(*protocol);
  }
  if (chosen.empty()) {
    for (const auto& protocol : catalogue::all()) chosen.push_back(&protocol);
  }
  using Align = cli::Table::Align;
  cli::Table table({{"PROTOCOL"},
                    {"MEASURE"},
                    {"LOAD"},
                    {"N", Align::right},
                    {"MEASURED", Align::right},
                    {"THEORY", Align::right},
                    {"FORMULA", Align::left, true}});
  bool agree = true;
  for (const auto* protocol : chosen) {
    for (const Count& line : catalogue::count(*protocol, s.sizes.empty() ? protocol->sizes : s.sizes)) {
      agree = agree && line.agrees;
      if (s.json) {
        cli::print(as_json(*protocol, line));
        continue;
      }
      table.row({protocol->name, what(*line.theory), load(line.theory->load), std::to_string(line.nodes),
                 number(line.measured), range(line.expected),
                 line.theory->formula + (line.agrees ? "" : "  NOT MET")},
                line.agrees ? cli::Tone::plain : cli::Tone::bad);
    }
  }
  if (!s.json) cli::print(cli::for_stdout(table));
  return agree ? cli::Exit::done : cli::Exit::no;
}

Status read_sizes(std::string_view text, std::vector<std::size_t>& sizes) {
  while (true) {
    const auto comma = text.find(',');
    const auto size = cli::read_unsigned(text.substr(0, comma), {1, 1'000'000});
    if (!size) return size.error();
    sizes.push_back(static_cast<std::size_t>(*size));
    if (comma == std::string_view::npos) return done();
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

void add_count(cli::Options& tool) {
  auto& verb = tool.verb("count", "messages and delays for each operation beside the theory");
  auto s = std::make_shared<Settings>();
  verb.synopsis("[options] [PROTOCOL...]");
  verb.custom(
      "-n,--nodes", "N,N,...", [s](std::string_view text) { return read_sizes(text, s->sizes); },
      "numbers of nodes; default: some of each");
  verb.flag("--json", s->json, "one JSON object a line");
  verb.operands("PROTOCOL", s->protocols, 0, cli::any_number, "which; default: all");
  verb.operand_completes_from("dsim list --protocols | awk 'NR > 1 { print $1 }'");
  verb.example("dsim count", "the complexity landscape");
  verb.example("dsim count ricart-agrawala -n 3,30", "");
  verb.does([s] { return count(*s); });
}

}  // namespace coord::dsim
