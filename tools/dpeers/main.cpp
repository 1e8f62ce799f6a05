// SPDX-License-Identifier: MIT
// dpeers: who is in the group, who leads, who cannot be reached. Answered by this host's peer from what it
// knows itself, so it answers without a quorum too.
#include "cli/common.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli_app/read_by_app.hpp"
#include "dpeers/check.hpp"
#include "dpeers/findings.hpp"
#include "dpeers/hand_over.hpp"
#include "dpeers/level.hpp"
#include "dpeers/metrics.hpp"
#include "dpeers/wrap.hpp"

namespace {

using namespace coord;

struct Settings {
  cli::ConnectOptions peer;
  bool json = false, quiet = false;
  bool check = false;
  bool open_metrics = false;
  bool raise = false;
  bool abort = false, yes = false;
  Duration within = std::chrono::seconds(60);
  std::vector<std::string> what;  // nothing, "doctor", "level" or "hand-over"
};

void add_counts(cli::JsonObject& object, const char* key,
                const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  cli::JsonObject by_type;
  for (const auto& [type, count] : counts) by_type.integer(type, count);
  object.object(key, by_type);
}

std::string json_of(const local::PeerRecord& peer, WallTime as_of, std::string_view scope) {
  cli::JsonObject object;
  object.text("name", peer.name).text("address", peer.address).boolean("local", peer.local);
  object.text("role", peer.role).text("state", peer.state).boolean("voter", peer.voter);
  if (peer.term) object.integer("term", *peer.term);
  if (peer.commit_index) object.integer("commit_index", *peer.commit_index);
  if (peer.rtt) object.seconds("rtt_s", *peer.rtt);
  if (peer.version) object.text("version", *peer.version);
  object.integer("level", peer.level);
  object.text("scope", scope).time("since", peer.since).time("as_of", as_of);
  if (!peer.local) return object.line();
  if (peer.uptime) object.seconds("uptime_s", *peer.uptime);
  if (peer.sessions) object.integer("sessions", *peer.sessions);
  if (peer.locks) object.integer("locks", *peer.locks);
  add_counts(object, "sent", peer.sent);
  add_counts(object, "received", peer.received);
  return object.line();
}

std::string milliseconds(const std::optional<Duration>& duration) {
  if (!duration) return "-";
  const auto us = duration->count() / 1000;
  return std::to_string(us / 1000) + "." + std::to_string(us % 1000 + 1000).substr(1) + " ms";
}

Result<cli::Exit> show(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dpeers");
  if (!peer) return peer.error();
  if (Status sent = peer->send(local::ListPeers{1}); !sent) return sent.error();
  for (;;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    const std::string_view scope = name_of(peer->welcome().scope);
    const auto* peers = std::get_if<local::Peers>(&**answer);
    if (peers == nullptr) continue;
    cli::Table table({{"NAME"},
                      {"ADDRESS"},
                      {"ROLE"},
                      {"STATE"},
                      {"RTT", cli::Table::Align::right},
                      {"LEVEL", cli::Table::Align::right},
                      {"VERSION"}});
    if (settings.quiet) return cli::Exit::done;
    for (const local::PeerRecord& record : peers->peers) {
      if (settings.json) {
        cli::print(json_of(record, peers->as_of, scope));
      } else {
        table.row({record.name + (record.local ? " (here)" : ""), record.address, record.role, record.state,
                   milliseconds(record.rtt), std::to_string(record.level), record.version.value_or("-")},
                  record.state == "dead" ? cli::Tone::bad : cli::Tone::plain);
      }
    }
    if (!settings.json) cli::print(cli::for_stdout(std::move(table).with("SCOPE", scope)));
    return cli::Exit::done;
  }
}

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

Result<cli::Exit> act(const Settings& settings) {
  const std::string what = settings.what.empty() ? "" : settings.what.front();
  if (settings.raise && what != "level")
    return Error{ErrorKind::usage, "--raise", "is for `dpeers level`", "give level before it"};
  if ((settings.abort || settings.yes) && what != "hand-over")
    return Error{ErrorKind::usage, settings.abort ? "--abort" : "--yes", "is for `dpeers hand-over`",
                 "give hand-over before it"};
  if (settings.check && !what.empty())
    return Error{ErrorKind::usage, "--check", "is for the group as a whole", "leave out " + cli::shown(what)};
  if (settings.check) {
    const dpeers::Check check = dpeers::check(settings.peer);
    if (!settings.quiet) cli::print(check.line + "\n");
    return static_cast<cli::Exit>(check.verdict);
  }
  if (settings.open_metrics && !what.empty())
    return Error{ErrorKind::usage, "--openmetrics", "is for the peer as a whole",
                 "leave out " + cli::shown(what)};
  if (settings.open_metrics) {
    const auto page = dpeers::metrics(settings.peer);
    if (!page) return page.error();
    cli::print(*page);
    return cli::Exit::done;
  }
  if (what.empty()) return show(settings);
  if (what == "doctor") return examine(settings);
  if (what == "level") return dpeers::level({settings.peer, settings.json, settings.quiet, settings.raise});
  if (what == "hand-over")
    return dpeers::hand_over({settings.peer, settings.quiet, settings.abort, settings.yes, settings.within});
  return Error{ErrorKind::usage, cli::shown(what), "is not known",
               "give doctor, level, hand-over, or nothing"};
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  cli::Options options("dpeers", "list the peers of the group, find faults");
  options.synopsis("[--json]");
  options.synopsis("--check", "one line and a status of 0 to 3, for monitoring");
  options.synopsis("--openmetrics", "counts and times, for monitoring");
  options.synopsis("doctor [--json]", "name faults and remedies");
  options.synopsis("level [--raise]", "show the level of the group's formats and rules");
  options.synopsis("hand-over [--within SECONDS] [--yes] | --abort", "before a group: the peer alone ends");
  options.operands("doctor|level|hand-over", settings.what, 0, 1,
                   "check this host's peer; show the group's level; make way for a group");
  options.operand_completes_from("echo doctor level hand-over");
  options.flag("--check", settings.check, "0 well, 1 something is wrong, 2 nobody leads, 3 cannot ask")
      .excludes("--json");
  options.flag("--openmetrics", settings.open_metrics, "what this host's peer counts, for monitoring")
      .excludes("--json")
      .excludes("--check");
  options.flag("--raise", settings.raise, "with level: raise it now, on the leader's host");
  options.value("--within", "SECONDS", settings.within, "with hand-over: time to wait for holders (60)")
      .between(Duration{}, std::chrono::hours(24))
      .minor();
  options.flag("--yes", settings.yes, "with hand-over: do not ask").minor();
  options.flag("--abort", settings.abort, "with hand-over: the peer alone grants again").minor();
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
