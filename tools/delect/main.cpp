// SPDX-License-Identifier: MIT
// delect: runs a command on one host of many. Leader election for services and cron.
#include "base/lease.hpp"
#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "delect/settings.hpp"

namespace {

using namespace coord;

constexpr std::size_t longest_value = 1024;  // the service's bound

Error usage(std::string option, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(option), std::move(what), std::move(remedy)};
}

void report_misuse(const delect::Settings& settings) {
  const std::string name = settings.names.empty() ? "" : settings.name();
  if (!settings.output.report.empty()) cli::RunReport::of_misuse(settings.output.report, name);
}

// What can happen, in words, before it does.
Status check_algorithm(const delect::Settings& settings) {
  const bool bully = settings.algorithm == agreements::ElectBy::bully;
  if (settings.bound && !bully) return usage("--bound", "it is of --algorithm bully", "leave it out");
  if (!bully || settings.mode != delect::Mode::run) return done();
  if (!settings.bound)
    return usage("--algorithm bully", "how long a message and its answer take at most is not said",
                 "give --bound SECONDS");
  if (!settings.i_know)
    return usage(
        "--algorithm bully",
        "if a message takes longer than --bound, a host sleeps, or the network is cut, two hosts lead "
        "at once",
        "give --i-know, or leave --algorithm out");
  return done();
}

Status check(delect::Settings& settings) {
  for (std::string& name : settings.names) {
    auto one = cli::parse_name(name);
    if (!one) return one.error();
    name = std::move(*one);
  }
  if (settings.value && settings.value->size() > longest_value)
    return usage("--value", "longer than 1024 bytes", "publish an address or a name");
  if (Status good = check_algorithm(settings); !good) return good;
  if (settings.grace && lease::is_too_long_a_grace(*settings.grace, settings.ttl))
    return usage("--grace", "more than 0.4 of the TTL", "give a shorter grace or a longer --ttl");
  return done();
}

Result<cli::Exit> act(delect::Settings& settings) {
  using delect::Mode;
  if (Status good = check(settings); !good) {
    report_misuse(settings);
    return good.error();
  }
  if (settings.algorithm)
    return settings.mode == Mode::run ? delect::lead_by_hosts(settings) : delect::show_by_hosts(settings);
  switch (settings.mode) {
    case Mode::who:
    case Mode::list:
      return delect::show(settings);
    case Mode::watch:
      return delect::watch(settings);
    case Mode::is_leader:
      return delect::is_leader(settings);
    case Mode::last:
      return delect::last(settings);
    case Mode::resign:
    case Mode::evict:
      return delect::depose(settings);
    case Mode::enroll:
    case Mode::withdraw:
      return delect::stand(settings);
    case Mode::run:
      break;
  }
  if (settings.slot) settings.slot->attempts = settings.attempts;
  return delect::lead(settings);
}

// Names that are led or stood for, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_names =
    "delect --no-autostart --list --stale --json | sed -n "
    "'s/^{\"schema\":1,\"name\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

void add_modes(cli::Options& options, delect::Settings& settings) {
  using delect::Mode;
  options.mode("--who", settings.mode, Mode::who, "show the leader of NAME and its candidates")
      .operands(1, 1);
  options.mode("--watch", settings.mode, Mode::watch, "the same, and again at every change").operands(1, 1);
  options.mode("--list", settings.mode, Mode::list, "the same for all names").operands(0, cli::any_number);
  options.mode("--is-leader", settings.mode, Mode::is_leader, "status 0 if this host leads, else 1")
      .operands(1, 1);
  options.mode("--last", settings.mode, Mode::last, "show the last completion of NAME or a slot of it")
      .operands(1, 1);
  options.mode("--resign", settings.mode, Mode::resign, "have this host's leader step down").operands(1, 1);
  options.mode("--evict", settings.mode, Mode::evict, "have the leader on any host step down").operands(1, 1);
  options.mode("--enroll", settings.mode, Mode::enroll, "have this host stand for NAME until --withdraw")
      .operands(1, 1);
  options.mode("--withdraw", settings.mode, Mode::withdraw, "end the enrolment").operands(1, 1);
}

// Answers with --ttl.
const cli::Option& add_campaign(cli::Options& options, delect::Settings& settings) {
  using std::chrono::seconds;
  options.flag("-n,--nonblock,--nb", settings.no_wait, "fail with 1 rather than wait if another leads")
      .excludes("--timeout")
      .without_mode();
  options.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait at most so long")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .without_mode();
  options
      .value("-E,--conflict-exit-code", "CODE", settings.conflict_status,
             "status instead of 1 when it did not lead")
      .between(0, 255)
      .minor()
      .without_mode();
  const cli::Option& ttl = options
                               .value("--ttl", "SECONDS", settings.ttl,
                                      "lease: time until others go on after this host is lost (10)")
                               .between(seconds(1), seconds(3600))
                               .minor()
                               .without_mode();
  options
      .value("--grace", "SECONDS", settings.grace, "from TERM to KILL when leadership is lost (0.3 of TTL)")
      .between(Duration{}, seconds(3600))
      .minor()
      .without_mode();
  options.value("--min-hold", "SECONDS", settings.min_hold, "nobody else leads for at least so long")
      .between(Duration{}, std::chrono::hours(24 * 31))
      .minor()
      .without_mode();
  options.value("--value", "TEXT", settings.value, "published while leading (host:pid)")
      .without_mode({"--enroll"});
  options.value("--priority", "N", settings.priority, "the highest candidate leads next (0)")
      .without_mode({"--enroll"});
  options.flag("--preempt", settings.preempt, "have a leader of lower priority step down").without_mode();
  options
      .custom(
          "--slot", "KEY",
          [&](std::string_view text) -> Status {
            auto wish = delect::slot_wish(text, delect::wall_now());
            if (!wish) return wish.error();
            settings.slot = std::move(*wish);
            return done();
          },
          "have COMMAND complete once for each KEY; auto:1d is the day in UTC, auto:1d@ZONE there")
      .without_mode();
  options.value("--attempts", "N", settings.attempts, "begin a slot at most so often (3)")
      .between(1, 1000)
      .needs("--slot")
      .without_mode();
  options.value("--on-gain", "CMD", settings.on_gain, "shell command to run before COMMAND")
      .completes(cli::Completion::command)
      .minor()
      .without_mode();
  options.value("--on-loss", "CMD", settings.on_loss, "shell command to run after it, or after a loss")
      .completes(cli::Completion::command)
      .minor()
      .without_mode();
  options.value("--lead-file", "PATH", settings.lead_file, "a file that is there while leading")
      .completes(cli::Completion::file)
      .minor()
      .without_mode();
  options.flag("--standby", settings.standby, "show the leader on a terminal meanwhile")
      .minor()
      .without_mode();
  return ttl;
}

void add_algorithm(cli::Options& options, delect::Settings& settings) {
  cli::Option& algorithm =
      options
          .choice("--algorithm", "ALGORITHM", settings.algorithm,
                  {{"bully", agreements::ElectBy::bully}, {"lease-race", agreements::ElectBy::lease_race}},
                  "settled by the hosts, and not by the group")
          .without_mode({"--who", "--is-leader"});
  options
      .value("--bound", "SECONDS", settings.bound, "of bully: a message and its answer take at most so long")
      .between(std::chrono::milliseconds(10), std::chrono::hours(1))
      .minor()
      .without_mode();
  options.flag("--i-know", settings.i_know, "that by bully two may lead").minor().without_mode();
  options
      .value("--log", "FILE", settings.log, "write the leadership's events at this host to FILE, for dclock")
      .completes(cli::Completion::file)
      .minor()
      .needs("--algorithm")
      .without_mode();
  for (const char* name : {"--slot", "--min-hold", "--value", "--priority", "--preempt", "--on-gain",
                           "--on-loss", "--lead-file", "--standby", "--grace", "--stale"})
    algorithm.excludes(name);
}

}  // namespace

int main(int argc, char** argv) {
  delect::Settings settings;
  cli::Options options("delect", "run a command on one host of many: the leader");
  options.synopsis("[options] NAME [--] COMMAND [ARG...]");
  options.synopsis("--who NAME | --watch NAME | --list [NAME...] | --is-leader NAME | --last NAME");
  options.synopsis("--resign NAME | --evict NAME | --enroll NAME | --withdraw NAME");
  add_modes(options, settings);
  const cli::Option& ttl = add_campaign(options, settings);
  add_algorithm(options, settings);
  options.flag("--stale", settings.stale, "show local knowledge, also without a quorum")
      .only_with({"--who", "--list", "--last"})
      .minor();
  options.flag("--yes", settings.yes, "do not ask").needs("--evict").minor();
  options.value("--max-age", "SECONDS", settings.max_age, "status 1 if that is longer ago")
      .between(Duration{}, std::chrono::hours(24 * 3650))
      .needs("--last")
      .minor();
  settings.live.declare(options).only_with({"--list"}).excludes("--json").excludes("--quiet");
  cli::add_output_options(options, settings.output, {"--who", "--watch", "--list", "--is-leader", "--last"});
  cli::add_report_option(options, settings.output);
  cli::add_peer_options(options, settings.peer);
  options.operands("NAME", settings.names, 1, 1, "the leadership");
  options.operand_completes_from(live_names);
  options.command(settings.command);
  options.example("delect reports -- reports-daemon", "one host runs it, others stand by");
  options.example("delect --slot auto:1d nightly -- job", "once a day of UTC; auto:1d@Europe/Berlin");
  options.refused([&] { report_misuse(settings); });
  options.does([&] {
    cli::default_ttl(settings.peer, ttl, settings.ttl);
    return act(settings);
  });
  return cli::run(argc, argv, options);
}
