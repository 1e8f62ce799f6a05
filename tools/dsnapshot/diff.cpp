// SPDX-License-Identifier: MIT
// dsnapshot diff: what happened between two snapshots of a group.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "snapshot/difference.hpp"
#include "stored.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

using record::Difference;

struct DiffSettings {
  const Common& common;
  std::string before, after;
  bool json = false, quiet = false;
};

void print_process(const DiffSettings& s, const Difference::Process& process) {
  if (s.json) {
    cli::JsonObject line;
    line.text("type", "process").text("id", process.id);
    process.before ? line.name("before", *process.before) : line.null("before");
    process.after ? line.name("after", *process.after) : line.null("after");
    line.boolean("another_life", process.another_life).integer("events", process.events);
    cli::print(line.line());
    return;
  }
  const auto state = [](const std::optional<std::string>& text) {
    return text ? cli::shown(*text) : std::string("(no record)");
  };
  std::string line = fmt::format("{}: {}", cli::shown(process.id), state(process.before));
  if (process.before != process.after) line += fmt::format(" -> {}", state(process.after));
  if (process.another_life) line += ", another process of this id";
  if (process.events > 0) line += fmt::format(", {}", plural(process.events, "event"));
  cli::print(fmt::format("{}\n", line));
}

void print_channel(const DiffSettings& s, const Difference::Channel& channel) {
  if (s.json) {
    cli::print(cli::JsonObject()
                   .text("type", "channel")
                   .text("from", channel.from)
                   .text("to", channel.to)
                   .integer("sent", channel.sent)
                   .integer("received", channel.received)
                   .integer("on_way_before", channel.on_way_before)
                   .integer("on_way_after", channel.on_way_after)
                   .line());
    return;
  }
  cli::print(fmt::format("{} > {}: {} sent, {} received; on the way {} -> {}\n", cli::shown(channel.from),
                         cli::shown(channel.to), channel.sent, channel.received, channel.on_way_before,
                         channel.on_way_after));
}

Result<cli::Exit> diff(const DiffSettings& s) {
  const auto before = load(s.common, s.before);
  if (!before) return before.error();
  const auto after = load(s.common, s.after);
  if (!after) return after.error();
  if (before->group != after->group)
    return Error{
        ErrorKind::usage, cli::shown(s.after),
        fmt::format("is of {}, the other one of {}", cli::shown(after->group), cli::shown(before->group)),
        "give two of one group"};
  const Difference moved = difference(*before, *after);
  if (!s.quiet) {
    for (const auto& process : moved.processes) print_process(s, process);
    for (const auto& channel : moved.channels) print_channel(s, channel);
  }
  return moved.same() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_diff(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("diff", "list changes between two snapshots of a group");
  auto s = std::make_shared<DiffSettings>(DiffSettings{common, {}, {}, false, false});
  verb.synopsis("[options] A B", "statuses: 0 alike, 1 not, 65 unreadable");
  verb.flag("--json", s->json, "a JSON object for each process and channel");
  verb.flag("-q,--quiet", s->quiet, "print nothing, only end with the status");
  verb.operand("A", s->before, "the earlier one: a file, - or an id");
  verb.operand_completes(cli::Completion::file);
  verb.operand("B", s->after, "the later one");
  verb.operand_completes(cli::Completion::file);
  verb.example("dsnapshot diff before.jsonl after.jsonl", "");
  verb.does([s] { return diff(*s); });
}

}  // namespace coord::dsnapshot
