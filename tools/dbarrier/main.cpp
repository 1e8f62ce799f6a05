// SPDX-License-Identifier: MIT
// dbarrier: waits until N participants have arrived, on however many hosts.
#include <algorithm>

#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dbarrier/settings.hpp"

namespace {

using namespace coord;

Error usage(std::string option, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(option), std::move(what), std::move(remedy)};
}

Status check_id(const std::string& option, const std::string& id) {
  if (Status good = cli::check_name(id); !good) return usage(option, good.error().what, good.error().remedy);
  if (id.size() > dbarrier::longest_id)
    return usage(option, "an id has at most 100 bytes", "give a shorter one");
  return done();
}

Status read_expected(std::string_view text, std::vector<std::string>& expect) {
  auto ids = cli::parse_names(text, dbarrier::most_participants);
  if (!ids) return ids.error();
  for (const std::string& id : *ids) {
    if (Status good = check_id("", id); !good) return good;
  }
  expect = std::move(*ids);
  return done();
}

Status check_meeting(const dbarrier::Settings& settings) {
  if (!settings.count) return usage("-n", "how many participants is not said", "give -n COUNT");
  if (settings.id) {
    if (Status good = check_id("--id", *settings.id); !good) return good;
  }
  if (settings.quorum.has_value() != settings.after.has_value())
    return usage("--quorum", "it needs --after, and --after needs it", "give both");
  if (settings.quorum && *settings.quorum > *settings.count)
    return usage("--quorum", "more than -n COUNT", "give a smaller one");
  if (settings.in_turn && settings.command.argv.empty())
    return usage("--in-turn", "there is no COMMAND to take turns", "give one, or leave it out");
  if (settings.expect.size() > *settings.count)
    return usage("--expect", "more ids than -n COUNT", "give a larger -n");
  return done();
}

Result<cli::Exit> act(dbarrier::Settings& settings, const std::vector<std::string>& operands) {
  if (settings.mode == dbarrier::Mode::list) return dbarrier::list_barriers(settings);
  auto name = cli::parse_name(operands.front());
  if (!name) return name.error();
  settings.name = std::move(*name);
  if (operands.size() > 1) settings.why = operands[1];
  if (settings.why.size() > dbarrier::longest_why)
    return usage("WHY", "it has more than 255 bytes", "give fewer words");
  if (settings.mode == dbarrier::Mode::status) return dbarrier::show_status(settings);
  if (settings.mode == dbarrier::Mode::reset) return dbarrier::reset_barrier(settings);
  if (Status good = check_meeting(settings); !good) return good.error();
  return dbarrier::meet(settings);
}

// Barriers in use, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_names =
    "dbarrier --no-autostart --list --stale --json | sed -n "
    "'s/^{\"schema\":1,\"name\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

}  // namespace

int main(int argc, char** argv) {
  dbarrier::Settings settings;
  std::vector<std::string> operands;
  using std::chrono::hours;
  using std::chrono::seconds;
  cli::Options options("dbarrier", "wait until COUNT participants have arrived, on any hosts");
  options.synopsis("-n COUNT [options] NAME", "wait for the others");
  options.synopsis("-n COUNT [options] NAME [--] COMMAND [ARG...]", "start together, end together");
  options.synopsis("--fail -n COUNT NAME [WHY] | --status NAME | --list | --reset NAME");
  options.value("-n,--count", "COUNT", settings.count, "participants")
      .between(1, dbarrier::most_participants)
      .without_mode({"--fail"});
  options.value("--id", "ID", settings.id, "this participant's name (host:pid)").without_mode({"--fail"});
  options
      .custom(
          "--expect", "ID,ID,...",
          [&](std::string_view text) { return read_expected(text, settings.expect); },
          "the expected, so that the missing can be named")
      .without_mode();
  options.value("-w,--timeout", "SECONDS", settings.wait, "wait at most so long, then name the missing")
      .between(Duration{}, hours(24 * 365))
      .without_mode();
  options
      .value("-E,--conflict-exit-code", "CODE", settings.conflict_status,
             "status instead of 1 when -w has elapsed")
      .between(0, 255)
      .without_mode()
      .minor();
  options.flag("--break-on-death", settings.break_on_death, "a participant that dies breaks it for all: 3")
      .without_mode();
  options.flag("--all-or-fail", settings.all_or_fail, "status 3 if the COMMAND of another failed")
      .without_mode();
  options.flag("--in-turn", settings.in_turn, "one COMMAND at a time, by --id, until one fails: 3")
      .excludes("--quorum")
      .without_mode();
  options.value("--quorum", "K", settings.quorum, "K suffice once --after has passed; the late get 4")
      .between(1, dbarrier::most_participants)
      .without_mode();
  options.value("--after", "SECONDS", settings.after, "... since the first arrival")
      .between(Duration{}, hours(24 * 31))
      .without_mode();
  options.value("--report", "FILE", settings.report, "write arrivals as JSON; -: a table on stderr")
      .completes(cli::Completion::file)
      .without_mode();
  const cli::Option& ttl =
      options.value("--ttl", "SECONDS", settings.ttl, "time until a lost host is not counted any more (10)")
          .between(seconds(1), seconds(3600))
          .without_mode();
  options.mode("--fail", settings.mode, dbarrier::Mode::fail, "break it: all others get 3, late ones too")
      .operands(1, 2);
  options.mode("--status", settings.mode, dbarrier::Mode::status, "show the present and the missing")
      .operands(1, 1);
  options.mode("--list", settings.mode, dbarrier::Mode::list, "show all that are in use").operands(0, 0);
  options.mode("--reset", settings.mode, dbarrier::Mode::reset, "send all waiters away: 3").operands(1, 1);
  options.flag("--json", settings.json, "as JSON, one barrier a line").only_with({"--status", "--list"});
  settings.live.declare(options).only_with({"--list"}).excludes("--json").excludes("--quiet");
  options.flag("--stale", settings.stale, "show local knowledge, also without a quorum")
      .only_with({"--status", "--list"});
  cli::add_peer_options(options, settings.peer);
  options.flag("-q,--quiet", settings.quiet, "print errors only").excludes("--verbose").minor();
  options.flag("--verbose", settings.verbose, "report waiting and the generation").minor();
  options.operands("NAME", operands, 1, 1, "the barrier");
  options.operand_completes_from(live_names);
  options.command(settings.command, false);
  options.example("dbarrier -n 3 ready && start", "on three hosts");
  options.example("dbarrier -n 3 -w 60 --id \"$HOST\" --expect a,b,c up", "or name the missing");
  options.does([&] {
    cli::default_ttl(settings.peer, ttl, settings.ttl);
    return act(settings, operands);
  });
  return cli::run(argc, argv, options);
}
