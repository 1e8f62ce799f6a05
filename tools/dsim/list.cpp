// SPDX-License-Identifier: MIT
// dsim list: what there is to run.
#include <memory>

#include "catalogue/scenario.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

struct ListSettings {
  bool rules = false, scenarios = false, protocols = false;
};

using Align = cli::Table::Align;

void list_rules() {
  cli::Table table({{"RULE"}, {"PROTOCOL", Align::left, true}});
  for (const auto& protocol : catalogue::all())
    for (const auto& rule : protocol.rules) table.row({rule, protocol.name});
  cli::print(cli::for_stdout(table));
}
void list_protocols() {
  cli::Table table({{"PROTOCOL"}, {"SUMMARY", Align::left, true}});
  for (const auto& protocol : catalogue::all()) table.row({protocol.name, protocol.summary});
  cli::print(cli::for_stdout(table));
}
void list_scenarios() {
  cli::Table table({{"SCENARIO"}, {"SUMMARY", Align::left, true}});
  for (const auto& scenario : catalogue::scenarios()) table.row({scenario.name, scenario.summary});
  cli::print(cli::for_stdout(table));
}

Result<cli::Exit> list(const ListSettings& s) {
  const bool both = !s.rules && !s.protocols && !s.scenarios;
  if (s.protocols || both) list_protocols();
  if (both) cli::print("\n");
  if (s.scenarios || both) list_scenarios();
  if (s.rules) list_rules();
  return cli::Exit::done;
}

}  // namespace

Result<const catalogue::Protocol*> protocol_named(const std::string& name) {
  if (const auto* protocol = catalogue::find(name)) return protocol;
  return Error{ErrorKind::usage, name, "unknown protocol", "dsim list shows them"};
}

void add_list(cli::Options& tool) {
  auto& verb = tool.verb("list", "the protocols and scenarios, a line each");
  auto s = std::make_shared<ListSettings>();
  verb.synopsis("[--protocols|--scenarios|--rules]");
  verb.flag("--protocols", s->protocols, "only the protocols").excludes("--rules");
  verb.flag("--scenarios", s->scenarios, "only the scenarios").excludes("--protocols").excludes("--rules");
  verb.flag("--rules", s->rules, "the rules that sweep --mutant can remove");
  verb.example("dsim list", "all protocols and scenarios");
  verb.does([s] { return list(*s); });
}

}  // namespace coord::dsim
