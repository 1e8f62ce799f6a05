// SPDX-License-Identifier: MIT
// dpeers: who is in the group, who leads, who cannot be reached. Answered by this host's peer from what it
// knows itself, so it answers without a quorum too.
#include <charconv>
#include <string>
#include <vector>

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
#include "dpeers/keys.hpp"
#include "dpeers/level.hpp"
#include "dpeers/listing.hpp"
#include "dpeers/metrics.hpp"
#include "dpeers/voters.hpp"
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
  std::string state_dir, file;    // of backup
  std::string name, other;        // of a voter
  std::vector<std::string> keep;  // of `voters`: how many, or off
  std::optional<Duration> after, pause;
  std::string from;  // of a key
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
  dpeers::examine_signing(settings.peer, examined, findings);
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

Result<cli::Exit> list(const Settings& settings) {
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
  return settings.watch ? dpeers::watch_peers(list) : dpeers::list_peers(list);
}

void add_doctor(cli::Options& tool, const Settings& settings) {
  auto& verb = tool.verb("doctor", "look at all that this host's peer stands on: faults and remedies");
  verb.synopsis("[--json]");
  verb.example("dpeers doctor", "find a fault");
  verb.does([&] { return Result<cli::Exit>(examine(settings)); });
}

void add_wait(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("wait", "wait until so many peers are alive");
  verb.synopsis("-n COUNT [--state STATE] [-w SECONDS]");
  verb.value("-n,--count", "COUNT", settings.count, "this host's peer counts too").between(1, 1'000'000);
  verb.value("--state", "STATE", settings.state, "the state to be in (alive)")
      .one_of({"alive", "suspect", "dead", "left", "recovering"});
  verb.value("-w,--timeout,--wait", "SECONDS", settings.wait, "at most so long, then 1");
  verb.example("dpeers wait -n 3 -w 60", "until three are alive, or for a minute");
  verb.does([&]() -> Result<cli::Exit> {
    if (!settings.count)
      return Error{ErrorKind::usage, "-n", "how many peers to wait for is not said", "give -n COUNT"};
    return dpeers::wait_for_peers({settings.peer, settings.quiet, static_cast<std::uint64_t>(*settings.count),
                                   settings.state.empty() ? "alive" : settings.state, settings.wait});
  });
}

void add_level(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("level", "show the level of the group's formats and rules, or raise it");
  verb.synopsis("[--raise]");
  verb.flag("--raise", settings.raise, "raise it now, on the leader's host");
  verb.example("dpeers level", "after an upgrade: may the group use the new formats?");
  verb.does([&] { return dpeers::level({settings.peer, settings.json, settings.quiet, settings.raise}); });
}

void add_hand_over(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("hand-over", "before a group: the peer that serves this host alone ends");
  verb.synopsis("[--within SECONDS] [--yes]");
  verb.synopsis("--abort");
  verb.value("--within", "SECONDS", settings.within, "time to wait for holders (60)")
      .between(Duration{}, std::chrono::hours(24));
  verb.flag("--yes", settings.yes, "do not ask");
  verb.flag("--abort", settings.abort, "the peer alone grants again");
  verb.example("dpeers hand-over && systemctl stop coordd-host.socket", "");
  verb.does([&] {
    return dpeers::hand_over({settings.peer, settings.quiet, settings.abort, settings.yes, settings.within});
  });
}

void add_backup(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("backup", "write all that the group holds, as this host has it, to a file");
  verb.synopsis("FILE [--state-dir DIR]");
  verb.operand("FILE", settings.file, "is made, or replaced").operand_completes(cli::Completion::file);
  verb.value("--state-dir", "DIR", settings.state_dir, "the peer's, if not the configured one")
      .completes(cli::Completion::directory);
  verb.example("dpeers backup /var/backups/coordutils", "");
  verb.does([&] {
    return dpeers::back_up({settings.peer, settings.state_dir, settings.file, settings.quiet});
  });
}

// What all five verbs share.
cli::Options& add_voter_verb(cli::Options& tool, Settings& settings, local::VoterVerb which,
                             const char* summary) {
  auto& verb = tool.verb(name_of(which), summary);
  const bool replaces = which == local::VoterVerb::replace;
  verb.synopsis(replaces ? "OLD NEW [-w SECONDS]" : "NAME [-w SECONDS]");
  verb.operand(replaces ? "OLD" : "NAME", settings.name,
               replaces ? "the peer that votes now" : "the peer, as `dpeers` shows it");
  if (replaces) verb.operand("NEW", settings.other, "the peer that votes then");
  verb.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait at most so long (60), then 1");
  verb.does([&settings, which] {
    return dpeers::order_voters({settings.peer, settings.quiet, settings.json, which, settings.name,
                                 settings.other, settings.wait.value_or(std::chrono::seconds(60))});
  });
  return verb;
}

constexpr Duration told_within = std::chrono::seconds(10);  // what is ordered, by the group

void add_kept_voters(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("voters", "let the group keep so many voters by itself, or show it");
  verb.synopsis("[COUNT|off] [--after SECONDS] [--pause SECONDS] [-w SECONDS]");
  verb.operands("COUNT", settings.keep, 0, 1,
                "1 to 15, three or five make sense; off: nothing is changed by itself");
  verb.value("--after", "SECONDS", settings.after,
             "replace a voter that the leader has not heard for so long (600)")
      .between(std::chrono::seconds(1), std::chrono::hours(24 * 30));
  verb.value("--pause", "SECONDS", settings.pause, "change nothing for so long: work on the hosts")
      .between(std::chrono::seconds(0), std::chrono::hours(24 * 30));
  verb.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait at most so long for the group (10)");
  verb.example("dpeers voters 3 --after 10m", "");
  verb.example("dpeers voters --pause 2h", "before maintenance");
  verb.does([&settings]() -> Result<cli::Exit> {
    dpeers::KeepSettings keep{settings.peer,
                              settings.quiet,
                              settings.json,
                              {},
                              settings.after,
                              settings.pause,
                              settings.wait.value_or(told_within)};
    std::uint32_t count = 0;
    if (settings.keep.empty()) return dpeers::keep_voters(keep);
    const std::string& text = settings.keep.front();
    const auto [read, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const bool is_count =
        error == std::errc{} && read == text.data() + text.size() && count >= 1 && count <= 15;
    if (text != "off" && !is_count)
      return Error{ErrorKind::usage, "COUNT", fmt::format("is none: {}", text), "give 1 to 15, or off"};
    keep.count = text == "off" ? 0 : count;
    return dpeers::keep_voters(keep);
  });
}

void add_move(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("move", "let the group reach a peer at another address");
  verb.synopsis("NAME ADDRESS [-w SECONDS]");
  verb.operand("NAME", settings.name, "the peer, as `dpeers` shows it");
  verb.operand("ADDRESS", settings.other, "HOST:PORT, where it listens");
  verb.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait at most so long for the group (10)");
  verb.example("dpeers move gamma 192.0.2.7:7411", "its host has got another address");
  verb.does([&] {
    return dpeers::move_peer({settings.peer, settings.quiet, settings.json, settings.name, settings.other,
                              settings.wait.value_or(told_within)});
  });
}

void add_key(cli::Options& tool, Settings& settings) {
  auto& verb = tool.verb("key", "show the group's keys, or change them on all hosts while they run");
  verb.synopsis("list");
  verb.synopsis("add [ID | --from FILE]");
  verb.synopsis("use|remove ID");
  verb.synopsis("pin HOST [KEY | --from FILE]");
  verb.operand(
          "WHAT", settings.name,
          "list; add: a new key, for all to take; use: all send by it; remove: nobody takes it any more; "
          "pin: on this host, by which key HOST signs")
      .operand_completes_from("printf '%s\\n' list add use remove pin");
  verb.operands(
      "ID", settings.keep, 0, 2,
      "of a key, as `dpeers key list` shows it; of pin: HOST and KEY, as `dpeers doctor` there does");
  verb.value("--from", "FILE", settings.from,
             "with add: the key that `coordd --keygen` has written there; with pin: the key, or HOST's line")
      .completes(cli::Completion::file);
  verb.example("id=$(dpeers key add) && dpeers key use \"$id\"", "all hosts send by a new key");
  verb.example("dpeers key remove k1a2b3c4d", "and the old one opens nothing any more");
  verb.does([&] {
    return dpeers::key({settings.peer, settings.quiet, settings.json, settings.name,
                        settings.keep.empty() ? std::string() : settings.keep.front(),
                        settings.keep.size() < 2 ? std::string() : settings.keep.back(), settings.from});
  });
}

void add_voters(cli::Options& tool, Settings& settings) {
  using enum local::VoterVerb;
  add_voter_verb(tool, settings, promote, "let a peer vote, once it has caught up")
      .example("dpeers promote gamma", "");
  add_voter_verb(tool, settings, demote, "let a voter vote no longer: it goes on learning")
      .example("dpeers demote gamma", "before long work on that host");
  add_voter_verb(tool, settings, remove, "remove a peer from voters and learners")
      .example("dpeers remove gamma", "its host is gone for good");
  add_voter_verb(tool, settings, replace, "let one peer vote in the place of another")
      .example("dpeers replace gamma delta", "");
  add_voter_verb(tool, settings, transfer, "let another voter lead")
      .example("dpeers transfer beta", "before work on the host that leads");
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  cli::Options options("dpeers", "list the peers of the group, find faults");
  options.synopsis("[--json | --live[=SECONDS] | --watch]", "list the peers");
  options.synopsis("--check", "one line and a status of 0 to 3, for monitoring");
  options.synopsis("--openmetrics", "counts and times, for monitoring");
  options.flag("--check", settings.check, "0 well, 1 something wrong, 2 nobody leads, 3 cannot ask")
      .excludes("--json")
      .without_verb();
  options.flag("--openmetrics", settings.open_metrics, "counters of this host's peer, for monitoring")
      .excludes("--json")
      .excludes("--check")
      .without_verb();
  cli::Option& live = settings.live.declare(options).excludes("--json").excludes("--watch");
  cli::Option& watch =
      options.flag("--watch", settings.watch, "a line at every member up, member down, leader");
  for (const char* other : {"--check", "--openmetrics", "--quiet"}) {
    live.excludes(other);
    watch.excludes(other);
  }
  live.without_verb();
  watch.without_verb();
  options.flag("--json", settings.json, "one peer, or one finding, a line, as JSON");
  options.flag("-q,--quiet", settings.quiet, "print errors only: the status tells").excludes("--json");
  cli::add_peer_options(options, settings.peer);
  options.example("dpeers", "the group as this host's peer sees it");
  options.example("dpeers --json | jq -r 'select(.role == \"leader\").name'", "the leader's name");
  options.does([&] { return list(settings); });
  add_doctor(options, settings);
  add_wait(options, settings);
  add_level(options, settings);
  add_hand_over(options, settings);
  add_backup(options, settings);
  add_key(options, settings);
  add_voters(options, settings);
  add_kept_voters(options, settings);
  add_move(options, settings);
  return cli::run(argc, argv, options, cli::read_by_app);
}
