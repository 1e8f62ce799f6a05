// SPDX-License-Identifier: MIT
#include "run_settings.hpp"

#include <algorithm>
#include <limits>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "catalogue/sweep.hpp"
#include "faults_text.hpp"

namespace coord::dsim {

using catalogue::Load;

void RunSettings::declare(cli::Options& verb) {
  verb.operand("PROTOCOL", protocol, "which (dsim list)");
  verb.operand_completes_from("dsim list --protocols | awk 'NR > 1 { print $1 }'");
  verb.value("-n,--nodes", "NODES", nodes, "how many nodes; default 5").between(1, 1'000'000);
  verb.value("--seed", "S", setup.seed, "of everything random; default 1");
  verb.value("--ops", "COUNT", operations, "operations; default 20").between(1, 10'000'000);
  verb.choice("--load", "LOAD", setup.load,
              {{"spread", Load::spread}, {"one-by-one", Load::one_by_one}, {"together", Load::together}},
              "spread (default), one-by-one or together");
  verb.custom(
      "--delay", "MS[:MS]", [this](std::string_view text) { return read_delay(text, setup.link); },
      "of each message; default 1:10");
  verb.value("--loss", "P", setup.link.drop, "probability that a message is lost");
  verb.custom(
      "--cut", "A,B/C,D@T-T", [this](std::string_view text) { return read_cut(text, setup.faults); },
      "these do not hear those, from T to T ms");
  verb.custom(
      "--crash", "X@T[-T]", [this](std::string_view text) { return read_crash(text, setup.faults); },
      "node X dies at T ms, and is started again");
  verb.custom(
          "--byzantine", "X:KIND",
          [this](std::string_view text) { return read_byzantine(text, setup.byzantine); },
          "node X does not follow the protocol")
      .minor();
  verb.value("--swept", "SEED", swept, "the run of this seed in a sweep")
      .between(1, std::numeric_limits<std::int64_t>::max())
      .minor();
  verb.value("--mutant", "RULE", mutant, "without this rule").minor();
}

Status remove_rule(const catalogue::Protocol& protocol, const std::string& rule) {
  if (std::ranges::find(protocol.rules, rule) == protocol.rules.end()) {
    return Error{ErrorKind::usage, rule, fmt::format("not a rule of {}", protocol.name),
                 "dsim list --rules shows them"};
  }
  mutants::removed = rule;
  return done();
}

namespace {

// The next number of nodes that the protocol can have, or the last.
std::string possible_near(const catalogue::Protocol& protocol, std::size_t nodes) {
  std::size_t near = std::clamp(nodes, protocol.least_nodes, protocol.most_nodes);
  while (near < protocol.most_nodes && !protocol.can_have(near)) ++near;
  while (near > protocol.least_nodes && !protocol.can_have(near)) --near;
  return fmt::format("{}, for instance", near);
}

}  // namespace

Result<catalogue::Setup> RunSettings::finish(const catalogue::Protocol& protocol_to_run) {
  if (swept > 0) {
    const catalogue::Setup drawn = catalogue::setup_of(protocol_to_run, swept, nodes);
    setup = drawn;
  } else {
    // Where 5 nodes are not possible: the next number that is.
    std::size_t usual = nodes > 0 ? nodes : setup.nodes;
    while (nodes == 0 && usual < protocol_to_run.most_nodes && !protocol_to_run.can_have(usual)) ++usual;
    setup.nodes = usual;
    setup.link.fifo = !protocol_to_run.stands.reordering;
    if (!setup.faults.empty()) {
      for (const auto& fault : setup.faults)
        setup.quiet_from =
            std::max(setup.quiet_from, fault.at + std::min<Duration>(fault.length, setup.patience));
    }
  }
  if (operations > 0) setup.operations = operations;
  // However slow: a second for each, and some.
  if (swept == 0) setup.patience += std::chrono::seconds(setup.operations);
  if (!protocol_to_run.can_have(setup.nodes)) {
    return Error{ErrorKind::usage, "--nodes",
                 fmt::format("{} cannot have {}", protocol_to_run.name, setup.nodes),
                 fmt::format("give {}", possible_near(protocol_to_run, setup.nodes))};
  }
  if (setup.link.drop < 0 || setup.link.drop > 1)
    return Error{ErrorKind::usage, "--loss", "not a probability", "give one from 0 to 1"};
  if (auto status = check_nodes(setup); !status) return status.error();
  for (const auto& [node, kind] : setup.byzantine) {
    const auto& kinds = protocol_to_run.stands.byzantine;
    if (std::ranges::find(kinds, kind) != kinds.end()) continue;
    std::string known;
    for (const auto& one : kinds) known += (known.empty() ? "" : ", ") + one;
    return Error{ErrorKind::usage, kind,
                 fmt::format("not a kind of Byzantine node of {}", protocol_to_run.name),
                 known.empty() ? "it knows none" : fmt::format("it knows {}", known)};
  }
  if (!mutant.empty()) {
    if (auto status = remove_rule(protocol_to_run, mutant); !status) return status.error();
  }
  return setup;
}

}  // namespace coord::dsim
