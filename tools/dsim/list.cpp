// dsim list: what there is to run.
#include <memory>

#include "cli/run.hpp"
#include "cli/table.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

Result<cli::Exit> list(bool rules) {
  cli::Table table(
      {{rules ? "RULE" : "PROTOCOL"}, {rules ? "PROTOCOL" : "SUMMARY", cli::Table::Align::left, true}});
  for (const auto& protocol : catalogue::all()) {
    if (!rules) table.row({protocol.name, protocol.summary});
    for (const auto& rule : protocol.rules)
      if (rules) table.row({rule, protocol.name});
  }
  cli::print(cli::for_stdout(table));
  return cli::Exit::done;
}

}  // namespace

Result<const catalogue::Protocol*> protocol_named(const std::string& name) {
  if (const auto* protocol = catalogue::find(name)) return protocol;
  return Error{ErrorKind::usage, name, "unknown protocol", "dsim list shows them"};
}

void add_list(cli::Options& tool) {
  auto& verb = tool.verb("list", "the protocols, a line each");
  auto rules = std::make_shared<bool>(false);
  verb.synopsis("[--rules]");
  verb.flag("--rules", *rules, "the rules that sweep --mutant can remove");
  verb.example("dsim list", "what there is to run");
  verb.does([rules] { return list(*rules); });
}

}  // namespace coord::dsim
