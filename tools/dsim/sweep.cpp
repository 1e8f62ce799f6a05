// SPDX-License-Identifier: MIT
// dsim sweep: many runs with faults, until one violates what the protocol promises.
#include "catalogue/sweep.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "cli/estimate.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "run_settings.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

struct SweepSettings {
  std::string protocol, mutant, expect;
  std::uint64_t seeds = 0, first = 1;  // 0: as many as usual
  bool json = false, trace = false;

  // Some mistakes show in one run of ten thousand.
  std::uint64_t runs() const { return seeds > 0 ? seeds : mutant.empty() ? 1000 : 20'000; }
};

// A run in which nothing goes on any more is long; how it came to that stands at its begin.
std::string abridged(const std::string& trace) {
  constexpr std::size_t first = 160, last = 20;  // lines
  const auto lines = static_cast<std::size_t>(std::ranges::count(trace, '\n'));
  if (lines <= first + last) return trace;
  const auto after = [&](std::size_t count) {  // where the line after so many begins
    std::size_t at = 0;
    while (count-- > 0) at = trace.find('\n', at) + 1;
    return at;
  };
  return fmt::format("{}... {} lines more: --trace prints them\n{}", trace.substr(0, after(first)),
                     lines - first - last, trace.substr(after(lines - last)));
}

bool is_expected(const std::string& list, const std::string& check) {
  return fmt::format(",{},", list).find(fmt::format(",{},", check)) != std::string::npos;
}

std::string replay_line(const SweepSettings& s, const catalogue::Found& found) {
  std::string line = fmt::format("dsim run {} --swept {} --trace", s.protocol, found.seed);
  if (!s.mutant.empty()) line += fmt::format(" --mutant {}", s.mutant);
  return line;
}

void print_found(const SweepSettings& s, const catalogue::Found& found) {
  cli::print(fmt::format("VIOLATION    {}\n", found.violation.text()));
  cli::print(fmt::format("replay       {}\n", replay_line(s, found)));
  cli::print(fmt::format("shortest     {} nodes, {} operations, {} faults: {}\n", found.shortest.nodes,
                         found.shortest.operations, found.shortest.faults.size(), found.in_shortest.text()));
  cli::print(s.trace ? found.trace : abridged(found.trace));
}

void print_json(const SweepSettings& s, const catalogue::SweepResult& result) {
  cli::JsonArray violations;
  if (result.found) violations.text(result.found->violation.text());
  cli::JsonObject line;
  line.text("protocol", s.protocol)
      .integer("seeds", result.seeds)
      .integer("operations", result.operations)
      .integer("events", result.events)
      .array("violations", violations);
  if (!result.situations.empty()) {
    cli::JsonObject situations;
    for (const auto& [name, runs] : result.situations) situations.integer(name, runs);
    line.object("situations", situations);
  }
  if (!s.mutant.empty()) line.text("mutant", s.mutant);
  if (result.found) line.id("seed", result.found->seed).text("replay", replay_line(s, *result.found));
  cli::print(line.line());
}

Result<cli::Exit> sweep(const SweepSettings& s) {
  const auto protocol = protocol_named(s.protocol);
  if (!protocol) return protocol.error();
  if (!s.mutant.empty()) {
    if (auto status = remove_rule(**protocol, s.mutant); !status) return status.error();
  }
  const auto begin = std::chrono::steady_clock::now();
  cli::Estimate estimate("sweep", s.runs(), "seeds");
  const auto result = catalogue::sweep(**protocol, s.first, s.runs(), [&](std::uint64_t seed) {
    estimate.at(seed - s.first + 1);
    return true;
  });
  estimate.clear();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (s.json) {
    print_json(s, result);
  } else {
    cli::print(fmt::format("{}: {} seeds, {} operations, {} events, {:.1f} s\n", s.protocol, result.seeds,
                           result.operations, result.events, took.count()));
    for (const auto& [name, runs] : result.situations) cli::print(fmt::format("  {}: {} runs\n", name, runs));
    if (result.found) print_found(s, *result.found);
  }
  const bool caught =
      result.found && (s.expect.empty() || is_expected(s.expect, result.found->violation.check));
  if (s.mutant.empty()) return result.found ? cli::Exit::no : cli::Exit::done;
  return caught ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_sweep(cli::Options& tool) {
  auto& verb = tool.verb("sweep", "look for a violation in many runs with faults");
  auto s = std::make_shared<SweepSettings>();
  verb.synopsis("[options] PROTOCOL");
  verb.operand("PROTOCOL", s->protocol, "which (dsim list)");
  verb.operand_completes_from("dsim list --protocols | awk 'NR > 1 { print $1 }'");
  verb.value("--seeds", "COUNT", s->seeds, "how many runs; default 1000, with --mutant 20000")
      .between(1, 1'000'000'000);
  verb.value("--seed", "S", s->first, "the first of them; default 1");
  verb.value("--mutant", "RULE", s->mutant, "without this rule: is it missed?")
      .completes_from("dsim list --rules | awk 'NR > 1 { print $1 }'");
  verb.value("--expect", "CHECK,...", s->expect, "with --mutant: the checks that must catch it")
      .needs("--mutant")
      .minor();
  verb.flag("--trace", s->trace, "the shortest run's trace in full, however long");
  verb.flag("--json", s->json, "one JSON object");
  verb.example("dsim sweep ricart-agrawala --seeds 20000", "");
  verb.example("dsim sweep ricart-agrawala --mutant ra_tie_by_site", "one is caught");
  verb.does([s] { return sweep(*s); });
}

}  // namespace coord::dsim
