// SPDX-License-Identifier: MIT
// dsnapshot check: is the cut consistent, and all of it there?
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "snapshot/consistency.hpp"
#include "stored.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

struct CheckSettings {
  const Common& common;
  std::string name;
  bool json = false, quiet = false;
};

void print_finding(const CheckSettings& s, const record::Snapshot& snapshot, const record::Finding& finding) {
  const std::string_view rule = to_string(finding.rule);
  if (s.json)
    cli::print(cli::JsonObject()
                   .text("type", "finding")
                   .text("id", snapshot.id)
                   .text("rule", rule)
                   .name("object", finding.id)
                   .text("detail", finding.detail)
                   .line());
  else
    cli::print(fmt::format("{}: {}: {}: {}\n", cli::shown(snapshot.id), rule, cli::shown(finding.id),
                           cli::shown(finding.detail)));
}

void print_result(const CheckSettings& s, const record::Snapshot& snapshot, std::size_t findings) {
  std::uint64_t messages = 0;
  for (const auto& channel : snapshot.channels) messages += channel.messages.size();
  std::string external;
  for (const auto& process : snapshot.processes) {
    if (process.external) external += (external.empty() ? "" : ", ") + cli::shown(process.id);
  }
  if (s.json) {
    cli::print(cli::JsonObject()
                   .text("type", "result")
                   .text("id", snapshot.id)
                   .boolean("consistent", findings == 0)
                   .boolean("exact", findings == 0 && external.empty())
                   .integer("findings", findings)
                   .line());
    return;
  }
  if (findings > 0) return;
  if (snapshot.of_peers()) {
    for (const auto& link : snapshot.links) {
      for (const auto& [kind, count] : link.messages) messages += count;
    }
    cli::print(fmt::format("consistent: {}, {} on the way\n", plural(snapshot.peers.size(), "peer"),
                           plural(messages, "message")));
    return;
  }
  cli::print(fmt::format("consistent: {}, {} on the way\n", plural(snapshot.processes.size(), "process"),
                         plural(messages, "message")));
  if (!external.empty())
    cli::print(fmt::format(
        "not exact: the state of {} is external: asked beside the process, not at the cut\n", external));
}

Result<cli::Exit> check(const CheckSettings& s) {
  const auto snapshot = load(s.common, s.name);
  if (!snapshot) return snapshot.error();
  const auto findings = examine(*snapshot);
  if (!s.quiet) {
    for (const auto& finding : findings) print_finding(s, *snapshot, finding);
    print_result(s, *snapshot, findings.size());
  }
  return findings.empty() ? cli::Exit::done : cli::Exit::failed;
}

}  // namespace

void add_check(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("check", "prove from the recorded clocks that a snapshot is consistent");
  auto s = std::make_shared<CheckSettings>(CheckSettings{common, {}, false, false});
  verb.synopsis("[options] FILE|ID", "3: inconsistent or incomplete");
  verb.flag("--json", s->json, "a JSON object for each finding, and one for the result");
  verb.flag("-q,--quiet", s->quiet, "print nothing, only end with the status");
  verb.operand("FILE", s->name, "a snapshot: a file, - (standard input) or an id");
  verb.operand_completes(cli::Completion::file);
  verb.example("dsnapshot check bank.jsonl && dsnapshot show --sum balance bank.jsonl", "");
  verb.does([s] { return check(*s); });
}

}  // namespace coord::dsnapshot
