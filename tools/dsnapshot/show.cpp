// SPDX-License-Identifier: MIT
// dsnapshot show: a snapshot for a person, as it is written, or summed up.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "show_peers.hpp"
#include "snapshot/record_text.hpp"
#include "snapshot/sum.hpp"
#include "stored.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

struct ShowSettings {
  const Common& common;
  std::string name;
  std::string fields;  // of --sum
  bool json = false;
};

std::uint64_t total(const record::Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [id, count] : counts) sum += count;
  return sum;
}

std::string host_of(const record::Snapshot& snapshot, const std::string& id) {
  for (const auto& member : snapshot.members) {
    if (member.id == id) return member.host;
  }
  return "";
}

void show_processes(const record::Snapshot& snapshot) {
  using Align = cli::Table::Align;
  cli::Table table({{"PROCESS"},
                    {"HOST"},
                    {"RECEIVED", Align::right},
                    {"SENT", Align::right},
                    {"STATE", Align::left, true}});
  for (const auto& process : snapshot.processes)
    table.row({process.id, host_of(snapshot, process.id), std::to_string(total(process.received)),
               std::to_string(total(process.sent)), process.state + (process.external ? " (external)" : "")});
  cli::print(cli::for_stdout(table));
}

void show_channels(const record::Snapshot& snapshot) {
  using Align = cli::Table::Align;
  cli::Table table({{"CHANNEL"}, {"ON ITS WAY", Align::right}, {"FIRST", Align::left, true}});
  for (const auto& channel : snapshot.channels) {
    if (channel.messages.empty() && !channel.full) continue;
    table.row({fmt::format("{} > {}", channel.from, channel.to),
               std::to_string(channel.messages.size()) + (channel.full ? " (full)" : ""),
               channel.messages.empty() ? "" : channel.messages.front().body});
  }
  cli::print(table.empty() ? "nothing is on its way\n" : fmt::format("\n{}", cli::for_stdout(table)));
  if (const auto cycle = record::full_cycle(snapshot); !cycle.empty()) {
    std::string path;
    for (const auto& id : cycle) path += fmt::format("{} > ", cli::shown(id));
    cli::print(
        fmt::format("\nstuck: {}{}: each waits for room in a full channel, and reads nothing meanwhile\n",
                    path, cli::shown(cycle.front())));
  }
}

Result<cli::Exit> show_sums(const ShowSettings& s, const record::Snapshot& snapshot) {
  const auto fields = cli::parse_names(s.fields);
  if (!fields) return fields.error();
  for (const std::string& field : *fields) {
    const auto sum = record::sum(snapshot, field);
    if (!sum)
      return Error{ErrorKind::data, cli::shown(fmt::format("{}: {}", s.name, sum.error().object)),
                   sum.error().what, ""};
    if (s.json) {
      // As a decimal number, exactly.
      cli::print(
          fmt::format("{{\"schema\":1,\"type\":\"sum\",\"id\":{},\"field\":{},\"sum\":{},\"states\":{},"
                      "\"messages\":{},\"complete\":{}}}\n",
                      cli::json_string(snapshot.id), cli::json_string(field), sum->value.text(), sum->states,
                      sum->messages, snapshot.complete() ? "true" : "false"));
    } else {
      cli::print(fmt::format("{}\n", sum->value.text()));
    }
  }
  return tell_incomplete(snapshot);
}

Result<cli::Exit> show(const ShowSettings& s) {
  const auto snapshot = load(s.common, s.name);
  if (!snapshot) return snapshot.error();
  if (!s.fields.empty()) return show_sums(s, *snapshot);
  if (s.json) {
    const auto text = to_text(*snapshot);
    if (!text) return text.error();
    cli::print(*text);
    return tell_incomplete(*snapshot);
  }
  if (snapshot->of_peers()) {
    show_peers(*snapshot, true);
    return snapshot->complete() ? cli::Exit::done : cli::Exit::no;
  }
  cli::print(fmt::format("{}\n", headline(*snapshot)));
  if (!snapshot->processes.empty()) show_processes(*snapshot);
  show_channels(*snapshot);
  return snapshot->complete() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_show(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("show", "show a snapshot, or the sum of a number over it");
  auto s = std::make_shared<ShowSettings>(ShowSettings{common, {}, {}, false});
  verb.synopsis("[options] FILE|ID", "1: incomplete");
  verb.value("--sum", "F[,F...]", s->fields,
             "add up the numbers after F= (the JSON member F) of all states and all messages on their way");
  verb.flag("--json", s->json, "JSON lines");
  verb.operand("FILE", s->name, "a snapshot: a file, - (standard input) or an id");
  verb.operand_completes(cli::Completion::file);
  verb.example("dsnapshot show bank.jsonl", "");
  verb.example("dsnapshot show --sum balance bank.jsonl", "the money that there is");
  verb.does([s] { return show(*s); });
}

}  // namespace coord::dsnapshot
