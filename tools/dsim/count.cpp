// SPDX-License-Identifier: MIT
// dsim count: what each protocol costs, measured, beside what its paper says.
#include <map>
#include <memory>

#include "base/format.hpp"
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

struct CountSettings {
  std::vector<std::string> protocols;
  std::vector<std::size_t> sizes;
  bool json = false;
};

std::string number(double value) {
  std::string shown = fmt::format("{:.2f}", value);
  shown.erase(shown.find_last_not_of('0') + 1);
  if (shown.back() == '.') shown.pop_back();
  return shown;
}

std::string range(const Range& expected) {
  if (expected.low == expected.high) return number(expected.low);
  if (expected.low <= 0) return fmt::format("<= {}", number(expected.high));
  return fmt::format("{} to {}", number(expected.low), number(expected.high));
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

// The lines for people. A formula too long for 80 columns stands under the lines that it is of.
class Landscape {
 public:
  void add(const catalogue::Protocol& protocol, const Count& line) {
    if (line.theory != last_) finish_group();
    last_ = line.theory;
    const bool is_short = line.theory->formula.size() <= longest_beside;
    const std::string formula = is_short ? line.theory->formula : "";
    table_.row(
        {protocol.name, shorter(what(*line.theory)), load(line.theory->load), std::to_string(line.nodes),
         number(line.measured), range(line.expected), line.agrees ? formula : "NOT MET"},
        line.agrees ? cli::Tone::plain : cli::Tone::bad);
    ++rows_;
  }

  std::string text() {
    finish_group();
    const std::string lines = cli::for_stdout(table_);
    std::string text;
    std::size_t begin = 0;
    for (std::size_t row = 0; begin < lines.size(); ++row) {
      const std::size_t end = lines.find('\n', begin) + 1;
      text += lines.substr(begin, end - begin);
      begin = end;
      if (const auto formula = below_.find(row); formula != below_.end())
        text += fmt::format("    {}\n", formula->second);
    }
    return text;
  }

 private:
  static constexpr std::size_t longest_beside = 12;

  static std::string shorter(const std::string& measure) {
    return measure == "messages in all" ? "in all" : measure;
  }
  void finish_group() {
    if (last_ != nullptr && last_->formula.size() > longest_beside) below_[rows_] = last_->formula;
  }

  using Align = cli::Table::Align;
  cli::Table table_{{{"PROTOCOL"},
                     {"MEASURE"},
                     {"LOAD"},
                     {"N", Align::right},
                     {"MEASURED", Align::right},
                     {"THEORY", Align::right},
                     {"FORMULA"}}};
  const Theory* last_ = nullptr;
  std::size_t rows_ = 0;                      // without the titles
  std::map<std::size_t, std::string> below_;  // by row
};

Error cannot_count(const catalogue::Protocol& protocol) {
  if (protocol.theory.empty())
    return {ErrorKind::usage, protocol.name, "its paper names no count",
            fmt::format("see dsim run {}", protocol.name)};
  std::string sizes;
  for (const std::size_t size : protocol.sizes) sizes += fmt::format("{}{}", sizes.empty() ? "" : ",", size);
  return {ErrorKind::usage, "-n", fmt::format("{} cannot have so many nodes", protocol.name),
          fmt::format("give {}, for instance", sizes)};
}

Result<cli::Exit> count(const CountSettings& s) {
  std::vector<const catalogue::Protocol*> chosen;
  for (const auto& name : s.protocols) {
    const auto protocol = protocol_named(name);
    if (!protocol) return protocol.error();
    chosen.push_back(*protocol);
  }
  if (chosen.empty()) {
    for (const auto& protocol : catalogue::all()) chosen.push_back(&protocol);
  }
  Landscape landscape;
  bool agree = true;
  for (const auto* protocol : chosen) {
    const auto lines = catalogue::count(*protocol, s.sizes.empty() ? protocol->sizes : s.sizes);
    if (lines.empty() && !s.protocols.empty()) return cannot_count(*protocol);
    for (const Count& line : lines) {
      agree = agree && line.agrees;
      if (s.json) {
        cli::print(as_json(*protocol, line));
      } else {
        landscape.add(*protocol, line);
      }
    }
  }
  if (!s.json) cli::print(landscape.text());
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
  auto s = std::make_shared<CountSettings>();
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
