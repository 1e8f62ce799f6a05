// SPDX-License-Identifier: MIT
// dsim check: could a simple object have given the answers of this recorded history?
#include <algorithm>
#include <memory>

#include "base/format.hpp"
#include "cli/estimate.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "history_file.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

using Answer = sim::LinearizabilityVerdict::Answer;

struct CheckSettings {
  std::string history;
  std::optional<sim::Model> model;
  std::optional<sim::Level> level;
  bool weak = false, json = false;
  std::uint64_t limit = 10'000'000;
};

const char* name_of(Answer answer) {
  return answer == Answer::yes ? "yes" : answer == Answer::no ? "no" : "undecided";
}

std::string as_json(const CheckSettings& s, const HistoryFile& file,
                    const sim::LinearizabilityVerdict& verdict) {
  cli::JsonArray offending;
  for (const std::size_t i : verdict.offending) offending.integer(file.lines[i]);
  cli::JsonObject line;
  line.text(s.weak ? "sequential" : "linearizable", name_of(verdict.answer))
      .integer("operations", file.operations.size());
  if (verdict.answer != Answer::yes)
    line.name("name", verdict.name).text("explanation", file.with_names(verdict.explanation));
  if (verdict.answer == Answer::no) line.array("lines", offending);
  return line.line();
}

std::string as_text(const CheckSettings& s, const HistoryFile& file,
                    const sim::LinearizabilityVerdict& verdict) {
  const std::string what = s.weak ? "sequentially consistent" : "linearizable";
  const std::size_t size = file.operations.size();
  const std::string count = fmt::format("{}{}", size, size == 1 ? " operation: " : " operations: ");
  if (verdict.answer == Answer::yes) return fmt::format("{}{}\n", count, what);
  if (verdict.answer == Answer::undecided)
    return fmt::format("{}{}: raise --limit\n", count, verdict.explanation);
  std::string text =
      fmt::format("{}not {}\n{}\n", count, what, cli::shown(file.with_names(verdict.explanation)));
  for (const std::size_t i : verdict.offending)
    text += fmt::format("{}:{}: {}\n", s.history, file.lines[i],
                        cli::shown(file.with_names(file.operations[i].text())));
  return text;
}

const char* name_of(sim::Level level) {
  return level == sim::Level::regular ? "regular" : level == sim::Level::causal ? "causal" : "eventual";
}

std::string as_json(const CheckSettings& s, const LevelHistory& file, const sim::LevelVerdict& verdict) {
  cli::JsonArray offending;
  for (const std::size_t i : verdict.offending) offending.integer(file.lines[i]);
  cli::JsonObject line;
  line.text("level", name_of(*s.level)).boolean("kept", verdict.kept);
  line.integer("operations", file.operations.size());
  if (!verdict.kept)
    line.name("name", verdict.name).text("explanation", verdict.explanation).array("lines", offending);
  return line.line();
}

std::string as_text(const CheckSettings& s, const LevelHistory& file, const sim::LevelVerdict& verdict) {
  const std::size_t size = file.operations.size();
  std::string text = fmt::format("{}{}{}{}\n", size,
                                 size == 1 ? " operation: " : " operations: ", verdict.kept ? "" : "not ",
                                 name_of(*s.level));
  if (verdict.kept) return text;
  text += fmt::format("{}{}\n", verdict.name.empty() ? "" : fmt::format("{}: ", cli::shown(verdict.name)),
                      verdict.explanation);
  for (const std::size_t i : verdict.offending)
    text += fmt::format("{}:{}: {}\n", s.history, file.lines[i],
                        cli::shown(file.with_names(file.operations[i].text())));
  return text;
}

Result<cli::Exit> check_by_level(const CheckSettings& s) {
  const auto file = read_level_history(s.history);
  if (!file) return file.error();
  const auto at_line = [&](std::size_t operation, std::string what, std::string remedy) {
    return Error{ErrorKind::data, fmt::format("{}:{}", s.history, file->lines[operation]), std::move(what),
                 std::move(remedy)};
  };
  if (const auto twice = sim::written_twice(file->operations))
    return at_line(twice->second, fmt::format("writes the value of line {} again", file->lines[twice->first]),
                   "write each value once to a name: only then does a read tell which write it has seen");
  if (*s.level == sim::Level::causal) {
    if (auto status = file->one_after_the_other(s.history); !status) return status.error();
  }
  const auto is_final = [](const sim::RegisterOperation& operation) { return operation.final; };
  if (*s.level == sim::Level::eventual && std::ranges::none_of(file->operations, is_final))
    return Error{ErrorKind::data, s.history, "no read is marked as final",
                 "mark those that were made after all had come to rest: \"final\":true"};
  const auto is_read = [](const sim::RegisterOperation& operation) {
    return operation.kind == sim::RegisterOperation::Kind::read;
  };
  const auto reads = static_cast<std::uint64_t>(std::ranges::count_if(file->operations, is_read));
  cli::Estimate estimate("check", reads, "reads");
  const auto verdict =
      sim::check_level(file->operations, *s.level, [&](std::uint64_t judged) { estimate.at(judged); });
  estimate.clear();
  if (!verdict)
    return Error{ErrorKind::data, s.history, "operations times clients are more than 250,000,000",
                 "check a part of it"};
  cli::print(s.json ? as_json(s, *file, *verdict) : as_text(s, *file, *verdict));
  return verdict->kept ? cli::Exit::done : cli::Exit::no;
}

// On a terminal. Of the operations, as long as each fits where it is tried; once it must go back and try
// others, of what --limit allows: then it takes that long at most.
class SearchEstimate {
 public:
  SearchEstimate(std::uint64_t operations, std::uint64_t limit)
      : placed_("check", operations, "operations"),
        tried_("check", operations + limit, "configurations that --limit allows") {}
  void at(const sim::CheckSoFar& so_far) {
    if (so_far.tried <= 2 * so_far.placed) return placed_.at(so_far.placed);
    placed_.clear();
    tried_.at(so_far.tried);
  }
  void clear() {
    placed_.clear();
    tried_.clear();
  }

 private:
  cli::Estimate placed_, tried_;
};

Result<cli::Exit> check(const CheckSettings& s) {
  if (s.level) return check_by_level(s);
  if (!s.model)
    return Error{ErrorKind::usage, "--model", "is missing", "give lock, register or queue, or give --level"};
  const auto file = read_history(s.history, *s.model);
  if (!file) return file.error();
  if (s.weak) {
    if (auto status = file->one_after_the_other(s.history); !status) return status.error();
  }
  sim::LinearizabilityOptions options;
  options.limit = s.limit;
  SearchEstimate estimate(file->operations.size(), s.limit);
  options.told = [&](const sim::CheckSoFar& so_far) { estimate.at(so_far); };
  const auto verdict = s.weak ? check_sequential(file->operations, *s.model, options)
                              : check_linearizable(file->operations, *s.model, options);
  estimate.clear();
  cli::print(s.json ? as_json(s, *file, verdict) : as_text(s, *file, verdict));
  return verdict.answer == Answer::yes  ? cli::Exit::done
         : verdict.answer == Answer::no ? cli::Exit::no
                                        : cli::Exit::failed;
}

}  // namespace

void add_check(cli::Options& tool) {
  auto& verb = tool.verb("check", "is this recorded history linearizable?");
  auto s = std::make_shared<CheckSettings>();
  verb.synopsis("HISTORY --model lock|register|queue [options]");
  verb.synopsis("HISTORY --level eventual|causal|regular [--json]", "of registers whose reads give sets");
  verb.operand("HISTORY", s->history, "a file of JSON lines; -: standard input")
      .operand_completes(cli::Completion::file);
  verb.choice("--model", "MODEL", s->model,
              {{"lock", sim::Model::lock},
               {"register", sim::Model::read_write_register},
               {"queue", sim::Model::queue}},
              "lock, register or queue");
  verb.choice("--level", "LEVEL", s->level,
              {{"eventual", sim::Level::eventual},
               {"causal", sim::Level::causal},
               {"regular", sim::Level::regular}},
              "is this kept: eventual, causal or regular")
      .excludes("--model");
  verb.flag("--weak", s->weak, "only sequentially consistent: not by the times").excludes("--level");
  verb.value("--limit", "COUNT", s->limit, "configurations tried beyond the operations; 10^7")
      .between(0, 1'000'000'000);
  verb.flag("--json", s->json, "one JSON object");
  verb.example("dsim check history.jsonl --model lock", "");
  verb.example("dsim check history.jsonl --level causal", "");
  verb.does([s] { return check(*s); });
}

}  // namespace coord::dsim
