// SPDX-License-Identifier: MIT
// dpeers: who is in the group, who leads, who cannot be reached. Answered by this host's peer from what it
// knows itself, so it answers without a quorum too.
#include "base/format.hpp"
#include "cli/common.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli_app/read_by_app.hpp"
#include "dpeers/backup.hpp"
#include "dpeers/check.hpp"
#include "dpeers/findings.hpp"
#include "dpeers/hand_over.hpp"
#include "dpeers/level.hpp"
#include "dpeers/listing.hpp"
#include "dpeers/metrics.hpp"
#include "dpeers/wait.hpp"
#include "dpeers/wrap.hpp"

namespace {

using namespace coord;

struct Settings {
  cli::ConnectOptions peer;
  bool json = false, quiet = false;
  bool check = false, watch = false, open_metrics = false;
  cli::Live live;
  bool raise = false;
  bool abort = false, yes = false;
  Duration within = std::chrono::seconds(60);
  std::optional<std::int64_t> count;  // with wait
  std::string state;
  std::optional<Duration> wait;
  std::string state_dir;          // of backup
  std::vector<std::string> what;  // nothing, "doctor", "wait", "level", "hand-over"; or "backup" and a file
};

std::string json_of(const dpeers::Finding& finding, WallTime as_of) {
  static constexpr const char* words[] = {"ok", "warn", "fail"};
  cli::JsonObject object;
  object.text("check", finding.check).text("object", finding.object);
  object.text("status", words[static_cast<int>(finding.health)]).text("what", finding.what);
  if (finding.remedy.empty()) {
    object.null("remedy");
  } else {
    object.text("remedy", finding.remedy);
  }
  return object.time("as_of", as_of).line();
}

// Looks at everything that this host's peer stands on. 1 if something fails.
cli::Exit examine(const Settings& settings) {
  dpeers::Findings findings;
  dpeers::Examined examined = dpeers::examine_configuration(settings.peer, findings);
  dpeers::examine_state(examined, findings);
  dpeers::examine_clock(findings);
  dpeers::examine_group(settings.peer, examined, findings);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const WallTime as_of{now.tv_sec * 1'000'000'000 + now.tv_nsec};
  if (!settings.json && !settings.quiet) cli::print("STATUS  CHECK OBJECT: FOUND\n");
  bool failed = false;
  for (const dpeers::Finding& finding : findings) {
    const bool well = finding.health == dpeers::Health::ok;
    failed = failed || finding.health == dpeers::Health::fail;
    if (settings.quiet) continue;
    if (settings.json) {
      cli::print(json_of(finding, as_of));
      continue;
    }
    const bool fails = finding.health == dpeers::Health::fail;
    const std::string text =
        dpeers::wrapped(well    ? "ok"
                        : fails ? "FAIL"
                                : "warn",
                        finding, std::min<std::size_t>(cli::terminal_width(STDOUT_FILENO), 80));
    cli::print(cli::toned(text, fails ? cli::Tone::bad : cli::Tone::plain, cli::wants_color(STDOUT_FILENO)));
  }
  return failed ? cli::Exit::no : cli::Exit::done;
}

// Whether the options go with the verb, or with its absence.
Status check_company(const Settings& settings, const std::string& what) {
  const auto misplaced = [](const char* option, const char* is_for, std::string remedy) {
    return Error{ErrorKind::usage, option, is_for, std::move(remedy)};
  };
  if (settings.raise && what != "level")
    return misplaced("--raise", "is for `dpeers level`", "give level before it");
  if (what != "wait" && (settings.count || settings.wait || !settings.state.empty()))
    return misplaced(settings.count  ? "-n"
                     : settings.wait ? "-w"
                                     : "--state",
                     "is for `dpeers wait`", "give wait before it");
  if (what == "wait" && !settings.count)
    return misplaced("-n", "how many peers to wait for is not said", "give -n COUNT");
  if ((settings.abort || settings.yes) && what != "hand-over")
    return misplaced(settings.abort ? "--abort" : "--yes", "is for `dpeers hand-over`",
                     "give hand-over before it");
  if (!settings.state_dir.empty() && what != "backup")
    return misplaced("--state-dir", "is for `dpeers backup`", "give backup FILE before it");
  if (what == "backup" && settings.what.size() < 2)
    return Error{ErrorKind::usage, "backup", "there is no FILE to write to", "give one"};
  if (what != "backup" && settings.what.size() > 1)
    return Error{ErrorKind::usage, cli::shown(settings.what[1]), "is one word too many", "leave it out"};
  if (what.empty()) return done();
  const std::string remedy = fmt::format("leave out {}", cli::shown(what));
  if (settings.check) return misplaced("--check", "is for the group as a whole", remedy);
  if (settings.open_metrics) return misplaced("--openmetrics", "is for the peer as a whole", remedy);
  if (settings.watch) return misplaced("--watch", "is for the list of peers", remedy);
  if (settings.live.wanted()) return misplaced("--live", "is for the list of peers", remedy);
  return done();
}

Result<cli::Exit> act(const Settings& settings) {
  const std::string what = settings.what.empty() ? "" : settings.what.front();
  if (Status fits = check_company(settings, what); !fits) return fits.error();
  if (settings.check) {
    const dpeers::Check check = dpeers::check(settings.peer);
    if (!settings.quiet) cli::print(fmt::format("{}\n", check.line));
    return static_cast<cli::Exit>(check.verdict);
  }
  if (settings.open_metrics) {
    const auto page = dpeers::metrics(settings.peer);
    if (!page) return page.error();
    cli::print(*page);
    return cli::Exit::done;
  }
  const dpeers::ListSettings list{settings.peer, settings.json, settings.quiet, settings.live};
  if (settings.watch) return dpeers::watch_peers(list);
  if (what.empty()) return dpeers::list_peers(list);
  if (what == "doctor") return examine(settings);
  if (what == "wait")
    return dpeers::wait_for_peers({settings.peer, settings.quiet, static_cast<std::uint64_t>(*settings.count),
                                   settings.state.empty() ? "alive" : settings.state, settings.wait});
  if (what == "level") return dpeers::level({settings.peer, settings.json, settings.quiet, settings.raise});
  if (what == "hand-over")
    return dpeers::hand_over({settings.peer, settings.quiet, settings.abort, settings.yes, settings.within});
  if (what == "backup")
    return dpeers::back_up({settings.peer, settings.state_dir, settings.what[1], settings.quiet});
  return Error{ErrorKind::usage, cli::shown(what), "is not known",
               "give doctor, wait, level, hand-over, backup FILE, or nothing"};
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  cli::Options options("dpeers", "list the peers of the group, find faults");
  options.synopsis("[--json | --live[=SECONDS] | --watch]", "list the peers");
  options.synopsis("--check", "one line and a status of 0 to 3, for monitoring");
  options.synopsis("--openmetrics", "counts and times, for monitoring");
  options.synopsis("doctor [--json]", "name faults and remedies");
  options.synopsis("wait -n COUNT [--state STATE] [-w SECONDS]", "until so many peers are alive");
  options.synopsis("level [--raise]", "show the level of the group's formats and rules");
  options.synopsis("hand-over [--within SECONDS] [--yes] | --abort", "before a group: the peer alone ends");
  options.synopsis("backup FILE [--state-dir DIR]", "all that the group holds, as this host has it");
  options.operands(
      "doctor|wait|level|hand-over|backup FILE", settings.what, 0, 2,
      "check this host's peer; wait for peers; show the group's level; make way for a group; write a backup");
  options.operand_completes_from("echo doctor wait level hand-over backup");
  options.flag("--check", settings.check, "0 well, 1 something wrong, 2 nobody leads, 3 cannot ask")
      .excludes("--json");
  options.flag("--openmetrics", settings.open_metrics, "what this host's peer counts, for monitoring")
      .excludes("--json")
      .excludes("--check");
  cli::Option& live = settings.live.declare(options).excludes("--json").excludes("--watch");
  cli::Option& watch =
      options.flag("--watch", settings.watch, "a line at every member up, member down, leader");
  for (const char* other : {"--check", "--openmetrics", "--quiet"}) {
    live.excludes(other);
    watch.excludes(other);
  }
  options.value("-n,--count", "COUNT", settings.count, "with wait: this host's peer counts too")
      .between(1, 1'000'000);
  options.value("--state", "STATE", settings.state, "with wait: the state to be in (alive)")
      .one_of({"alive", "suspect", "dead", "left", "recovering"});
  options.value("-w,--timeout,--wait", "SECONDS", settings.wait, "with wait: at most so long, then 1");
  options.flag("--raise", settings.raise, "with level: raise it now, on the leader's host");
  options.value("--within", "SECONDS", settings.within, "with hand-over: time to wait for holders (60)")
      .between(Duration{}, std::chrono::hours(24))
      .minor();
  options.flag("--yes", settings.yes, "with hand-over: do not ask").minor();
  options.flag("--abort", settings.abort, "with hand-over: the peer alone grants again").minor();
  options
      .value("--state-dir", "DIR", settings.state_dir, "with backup: the peer's, if not the configured one")
      .completes(cli::Completion::directory)
      .minor();
  options.flag("--json", settings.json, "one peer, or one finding, a line, as JSON");
  options.flag("-q,--quiet", settings.quiet, "print errors only: the status tells").excludes("--json");
  cli::add_peer_options(options, settings.peer);
  options.example("dpeers", "the group as this host's peer sees it");
  options.example("dpeers doctor", "find a fault");
  options.example("dpeers level", "after an upgrade: may the group use the new formats?");
  options.example("dpeers --json | jq -r 'select(.role == \"leader\").name'", "the leader's name");
  options.does([&] { return act(settings); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
