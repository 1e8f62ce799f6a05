// SPDX-License-Identifier: MIT
// A tool that does nothing but show what libcore/cli gives every tool; tests/tools/cli.bats runs it.
#include <stdexcept>

#include "cli/child.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "process/boot_time.hpp"

using namespace coord;
using namespace coord::cli;

namespace {

struct Settings {
  std::string what;
  std::vector<std::string> values;
  std::int64_t lines = 1;
  std::optional<Duration> stop_after;
  Command command;
};

Result<Exit> run_guarded(const Settings& s) {
  Outcome outcome;
  {
    auto started = Child::start({s.command.argv, {}, {}});
    if (const SpawnError* failed = std::get_if<SpawnError>(&started)) {
      complain("clidemo", failed->error);
      return failed->exit;
    }
    Child& child = *std::get<0>(started);
    const Instant now = process::boot_now();
    if (s.stop_after)
      child.limit(StopCause::lost, {now + *s.stop_after, now + *s.stop_after + std::chrono::seconds(1)});
    outcome = child.run();
  }
  die_as_interrupted(outcome);
  return outcome.exit();
}

Result<Exit> act(const Settings& s) {
  if (s.what == "lines") {
    for (std::int64_t i = 0; i < s.lines; ++i) print("line " + std::to_string(i) + "\n");
    return Exit::done;
  }
  if (s.what == "names") {
    const Result<std::vector<std::string>> names = parse_names(s.values.empty() ? "" : s.values.front());
    if (!names) return names.error();
    for (const std::string& name : *names) print(JsonObject().name("name", name).line());
    return Exit::done;
  }
  if (s.what == "table") {
    Table table({{"VALUE", Table::Align::left, true}});
    for (const std::string& value : s.values) table.row({value});
    print(for_stdout(table));
    return Exit::done;
  }
  if (s.what == "argv") {
    for (const std::string& word : s.command.argv) print("[" + word + "]");
    return Exit::done;
  }
  if (s.what == "run" && !s.command.argv.empty()) return run_guarded(s);
  if (s.what == "throw") throw std::runtime_error("a bug\nof ours");
  if (s.what == "unreachable")
    return Error{ErrorKind::unavailable, "peer b", "no answer", "start coordd there"};
  if (s.what == "no") return Exit::no;
  if (s.what == "quiet") return Exit::done;
  return Error{ErrorKind::usage, "'" + shown(s.what) + "'", "is not known", "see clidemo --help"};
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  Options o("clidemo", "show what every tool has in common");
  o.synopsis("[options] WHAT [COMMAND [ARG...]]");
  o.value("-n,--lines", "N", s.lines, "how many lines").between(0, 100'000'000).env("CLIDEMO_LINES");
  o.value("--value", "TEXT", s.values, "something to show").completes(Completion::file);
  o.value("--stop-after", "SECONDS", s.stop_after, "stop the command that run runs");
  o.operand("WHAT", s.what, "lines, names, table, argv, run, throw, unreachable, no or quiet");
  o.operand_completes_from("echo live-one; echo live-two").command(s.command, false);
  o.example("clidemo -n 3 lines", "three lines");
  o.does([&] { return act(s); });
  return run(argc, argv, o);
}
