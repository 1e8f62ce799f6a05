// SPDX-License-Identifier: MIT
// dlock: flock across hosts. Runs a command while holding a named lock.

#include <csignal>
#include <cstring>
#include <limits>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "dlock/settings.hpp"

namespace {

using namespace coord;

Error usage(std::string option, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(option), std::move(what), std::move(remedy)};
}

void report_misuse(const dlock::Settings& settings) {
  if (!settings.report.empty()) cli::RunReport::of_misuse(settings.report, settings.name_list);
}

Status check_terms(dlock::Settings& settings) {
  auto names = cli::parse_names(settings.name_list);
  if (!names) return names.error();
  settings.names = std::move(*names);
  if (settings.algorithm && settings.names.size() > 1)
    return usage("--algorithm", "is for one name", "leave the others out");
  if (settings.native && settings.names.size() > 1)
    return usage("--native", "is for one name", "leave the others out");
  if (settings.grace && lease::is_too_long_a_grace(*settings.grace, settings.ttl))
    return usage("--grace", "more than 0.4 of the TTL", "give a shorter grace or a longer --ttl");
  return done();
}

// flock's form `(flock 9; ...) 9>file`: a number, alone. Whether it is open here says
// nothing: it may be meant.
bool is_descriptor_form(const std::vector<std::string>& words) {
  if (words.size() != 1 || words.front().size() > 9) return false;
  return cli::read_integer(words.front(), {3, std::numeric_limits<int>::max()}).ok();
}

Error no_command(const std::vector<std::string>& operands) {
  if (!is_descriptor_form(operands)) return usage("COMMAND", "is missing", "see dlock --help");
  return usage(operands.front(), "is flock's form for an open descriptor; dlock locks names",
               "give a name and a command: dlock NAME -c 'COMMANDS', or hold it for the script: "
               "dlock --acquire NAME, later dlock --release NAME");
}

Error no_unlocking() {
  return usage("--unlock", "is flock's for a descriptor; here a hold ends with its command",
               "end one of dlock --acquire NAME with dlock --release NAME");
}

Result<cli::Exit> act(dlock::Settings& settings, const std::vector<std::string>& operands) {
  if (settings.mode == dlock::Mode::list) {
    auto listed = cli::parse_lists(operands);
    if (!listed) return listed.error();
    settings.names = std::move(*listed);
    return dlock::list_locks(settings);
  }
  if (settings.mode == dlock::Mode::history) {
    auto name = cli::parse_name(operands.front());
    if (!name) return name.error();
    settings.names = {std::move(*name)};
    return dlock::list_history(settings);
  }
  const bool waits = settings.mode == dlock::Mode::waits;
  if (waits ? settings.algorithm.has_value() : settings.by_probes)
    return Error{ErrorKind::usage, "--algorithm",
                 waits ? "with --waits there is cmh only" : "cmh is for --waits: it enters nothing",
                 "name another one"};
  if (settings.by_probes && (settings.dot || settings.stale))
    return Error{ErrorKind::usage, "--algorithm cmh", "it lists no waits, but circles",
                 "leave --dot and --stale out"};
  if (waits) return settings.by_probes ? dlock::find_circles(settings) : dlock::list_waits(settings);
  if (settings.mode == dlock::Mode::break_it || settings.mode == dlock::Mode::check ||
      settings.mode == dlock::Mode::forget) {
    auto name = cli::parse_name(operands.front());
    if (!name) return name.error();
    settings.name_list = *name;
    settings.names = {std::move(*name)};
    if (settings.mode == dlock::Mode::break_it) return dlock::break_lock(settings);
    if (settings.mode == dlock::Mode::forget) return dlock::forget_algorithm(settings);
    if (!settings.token) return usage("--token", "missing", "give the token to look for");
    return dlock::check_token(settings);
  }
  if (settings.mode == dlock::Mode::release) {
    settings.name_list = operands.front();
    auto held = cli::parse_names(settings.name_list);
    if (!held) return held.error();
    settings.names = std::move(*held);
    return dlock::release_lock(settings);
  }
  if (settings.mode == dlock::Mode::run && settings.command.argv.empty()) {
    if (!operands.empty()) settings.name_list = operands.front();
    report_misuse(settings);
    return no_command(operands);
  }
  if (!settings.fence.empty()) return dlock::run_fenced(settings);
  settings.name_list = operands.front();
  if (Status good = check_terms(settings); !good) {
    report_misuse(settings);
    return good.error();
  }
  return dlock::run_locked(settings);
}

// N/SECONDS: 1 to 10,000 permits, a period of a millisecond to 31 days.
Status take_rate(std::string_view text, std::optional<dlock::Rate>& rate) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto bad = [] {
    return usage("", "is not N/SECONDS: 1 to 10000 permits in 0.001 seconds to 31 days",
                 "give 10/60, for example");
  };
  const std::int64_t longest = std::chrono::nanoseconds(std::chrono::hours(24 * 31)).count();
  const auto permits = cli::read_integer(text.substr(0, slash), {1, 10'000});
  const auto period =
      cli::read_seconds(slash == text.size() ? "" : text.substr(slash + 1), {1'000'000, longest});
  if (!permits || !period) return bad();
  rate = dlock::Rate{static_cast<std::uint32_t>(*permits), *period};
  return done();
}

Status take_hosts(std::string_view text, std::vector<std::string>& hosts) {
  auto names = cli::parse_names(std::string(text));
  if (!names) return names.error();
  hosts = std::move(*names);
  return done();
}

// A signal by its name, with or without SIG, or by its number.
Status take_signal(std::string_view text, int& signal) {
  for (int number = 1; number < NSIG; ++number) {
    const char* name = ::sigabbrev_np(number);
    const std::string_view plain = name == nullptr ? "" : name;
    if (text == std::to_string(number) ||
        (!plain.empty() && (text == plain || text == fmt::format("SIG{}", plain)))) {
      signal = number;
      return done();
    }
  }
  return usage("", "no signal of this system", "use a name such as TERM or USR1");
}

// With these modes the options of a hold would be ignored in silence.
// cmh is no way to enter, but to look.
Status take_algorithm(std::string_view text, dlock::Settings& settings) {
  using service::EnterBy;
  settings.by_probes = text == "cmh";
  for (const EnterBy by : {EnterBy::ricart_agrawala, EnterBy::lamport, EnterBy::maekawa, EnterBy::token_ring,
                           EnterBy::suzuki_kasami}) {
    if (text == name_of(by)) settings.algorithm = by;
  }
  return done();
}

void takes_no_lock(cli::Option& mode, bool not_by_algorithm = true) {
  if (not_by_algorithm) mode.excludes("--algorithm");
  for (const char* option : {"--shared", "--exclusive", "--nonblock", "--timeout", "--conflict-exit-code",
                             "--close", "--no-fork", "--ttl", "--grace", "--max-run", "--slots", "--join",
                             "--rate", "--min-hold", "--lock-delay", "--report", "--native"})
    mode.excludes(option);
}

// Names in use, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_names =
    "dlock --no-autostart --list --stale --json | sed -n "
    "'s/^{\"schema\":1,\"name\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

}  // namespace

int main(int argc, char** argv) {
  dlock::Settings settings;
  std::vector<std::string> operands;
  using std::chrono::seconds;
  cli::Options options("dlock", "run a command while holding a lock that all hosts of the group share");
  options.synopsis("[options] NAME[,NAME...] [--] COMMAND [ARG...]");
  options.synopsis("[options] NAME -c 'SHELL COMMAND'");
  options.synopsis("--fence FILE [--token N] [--] COMMAND [ARG...]", "unless a newer holder was there");
  options.synopsis("--list [NAME...] | --history NAME | --waits  [--json]", "holders, past holders, waits");
  options.synopsis("--acquire [--pid PID] [--signal SIG] NAME | --release NAME", "for a process");
  options.synopsis("--break NAME [--yes] | --check NAME --token N");
  options.flag("-s,--shared", settings.shared, "share the lock with other shared holders")
      .excludes("--exclusive");
  options.flag("-x,-e,--exclusive", settings.exclusive, "hold it alone (default)");
  options.flag("-n,--nonblock,--nb", settings.no_wait, "fail with 1 rather than wait").excludes("--timeout");
  options.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait at most so long")
      .between(Duration{}, std::chrono::hours(24 * 365));
  options
      .value("-E,--conflict-exit-code", "CODE", settings.conflict_status,
             "status instead of 1 when not acquired")
      .between(0, 255);
  options.flag("-o,--close", settings.close, "the command does not inherit the hold").excludes("--no-fork");
  options.flag("-F,--no-fork", settings.no_fork, "run it in dlock's place: the peer guards")
      .excludes("--max-run")
      .excludes("--report")
      .excludes("--lock-delay");
  const cli::Option& ttl = options
                               .value("--ttl", "SECONDS", settings.ttl,
                                      "lease: time until others go on after this host is lost (10)")
                               .between(seconds(1), seconds(3600));
  options.value("--grace", "SECONDS", settings.grace, "from TERM to KILL when the lock is lost (0.3 of TTL)")
      .between(Duration{}, seconds(3600));
  options.value("--max-run", "SECONDS", settings.max_run, "stop the command after so long: status 124")
      .between(Duration{}, std::chrono::hours(24 * 365));
  options.value("--slots", "N", settings.permits, "be one of at most N holders").between(1, 10000);
  options.flag("--join", settings.join, "if the same command holds it: wait for its status, do not run again")
      .excludes("--rate");
  options
      .custom(
          "--rate", "N/SECONDS", [&](std::string_view text) { return take_rate(text, settings.rate); },
          "one of N permits a period, then run without a lock")
      .excludes("--slots")
      .excludes("--shared")
      .excludes("--close")
      .excludes("--no-fork")
      .excludes("--min-hold")
      .excludes("--lock-delay");
  options.value("--min-hold", "SECONDS", settings.min_hold, "keep the name taken at least so long")
      .between(Duration{}, std::chrono::hours(24 * 31));
  options.value("--lock-delay", "SECONDS", settings.lock_delay, "keep it shut so long after a lost holder")
      .between(Duration{}, std::chrono::hours(24 * 31));
  options
      .custom(
          "--algorithm", "ALGORITHM",
          [&settings](std::string_view text) { return take_algorithm(text, settings); },
          "enter by a classical algorithm among the voters, not by the log; with --waits: cmh")
      .one_of({"ricart-agrawala", "lamport", "maekawa", "token-ring", "suzuki-kasami", "cmh"})
      .minor()
      .excludes("--shared")
      .excludes("--exclusive")
      .excludes("--slots")
      .excludes("--join")
      .excludes("--rate")
      .excludes("--min-hold")
      .excludes("--lock-delay");
  options.flag("--native", settings.native, "by the engine's own recipe, as its other clients lock")
      .excludes("--shared")
      .excludes("--slots")
      .excludes("--join")
      .excludes("--rate")
      .excludes("--min-hold")
      .excludes("--lock-delay")
      .excludes("--algorithm")
      .excludes("--fence")
      .excludes("--acquire")
      .minor();
  options
      .custom(
          "--among", "HOST[,HOST...]",
          [&settings](std::string_view text) { return take_hosts(text, settings.among); },
          "the algorithm's sites, instead of all voters that answer")
      .minor()
      .needs("--algorithm");
  options.value("--log", "FILE", settings.log, "write the epoch's events at this host to FILE, for dclock")
      .completes(cli::Completion::file)
      .minor()
      .excludes("--no-fork")
      .needs("--algorithm");
  options.value("--report", "FILE", settings.report, "write the outcome to FILE as JSON")
      .completes(cli::Completion::file);
  options.value("--fence", "FILE", settings.fence, "run COMMAND unless FILE has seen a higher token")
      .operands(0, 0)
      .excludes("--shared")
      .excludes("--ttl")
      .excludes("--grace")
      .excludes("--max-run")
      .excludes("--slots")
      .excludes("--min-hold")
      .excludes("--lock-delay")
      .excludes("--close")
      .excludes("--join")
      .excludes("--rate")
      .excludes("--report")
      .excludes("--algorithm")
      .completes(cli::Completion::file);
  options.value("--token", "N", settings.token, "a holder's fencing token (DLOCK_TOKEN)")
      .only_with({"--fence", "--check", "--release"})
      .between(dlock::token_bounds.least, dlock::token_bounds.most);
  takes_no_lock(options.mode("--list", settings.mode, dlock::Mode::list, "list locks instead")
                    .operands(0, cli::any_number));
  takes_no_lock(
      options.mode("--history", settings.mode, dlock::Mode::history, "list the last 32 holds of NAME instead")
          .operands(1, 1));
  takes_no_lock(
      options.mode("--waits", settings.mode, dlock::Mode::waits, "list all waits instead").operands(0, 0),
      false);
  options.flag("--json", settings.json, "list as JSON, one lock, hold or wait a line")
      .only_with({"--list", "--history", "--waits"});
  settings.live.declare(options).only_with({"--list"}).excludes("--json").excludes("--quiet");
  options.flag("--dot", settings.dot, "draw the waits for dot(1)").needs("--waits").excludes("--json");
  options.flag("--stale", settings.stale, "list local knowledge, also without a quorum")
      .only_with({"--list", "--history", "--waits"});
  takes_no_lock(options.mode("--break", settings.mode, dlock::Mode::break_it,
                             "stop the holder's command and free the lock"));
  options.flag("--yes", settings.yes, "break without asking").needs("--break");
  takes_no_lock(options.mode("--check", settings.mode, dlock::Mode::check,
                             "status 0 if the token is a current holder's"));
  options.mode("--acquire", settings.mode, dlock::Mode::acquire, "hold NAME for a process; print the token")
      .excludes("--close")
      .excludes("--no-fork")
      .excludes("--join")
      .excludes("--rate")
      .excludes("--report")
      .excludes("--algorithm")
      .excludes("--max-run");
  takes_no_lock(
      options.mode("--release", settings.mode, dlock::Mode::release, "release a hold of --acquire"));
  takes_no_lock(
      options
          .mode("--forget-algorithm", settings.mode, dlock::Mode::forget, "NAME is no --algorithm's any more")
          .minor());
  options.value("--pid", "PID", settings.pid, "that process (default: the parent)")
      .only_with({"--acquire", "--release"})
      .between(1, 4194304);
  options
      .custom(
          "--signal", "SIG",
          [&settings](std::string_view text) { return take_signal(text, settings.signal); },
          "signal for it when the lock is lost (TERM)")
      .needs("--acquire");
  cli::add_peer_options(options, settings.peer);
  options.flag("-q,--quiet", settings.quiet, "print errors only").excludes("--verbose");
  options.flag("--verbose", settings.verbose, "report waiting and the grant");
  options.operands("NAME", operands, 1, 1, "the lock; A,B takes several at once");
  options.operand_completes_from(live_names);
  options.command(settings.command, false);
  options.example("dlock backup -- backup.sh", "one host at a time");
  options.example("dlock -n reports -c 'make reports' || echo busy", "or not at all");
  options.refused([&] { report_misuse(settings); });
  bool unlocks = false;
  options.flag("-u,--unlock", unlocks, "flock's").hidden();
  options.does([&] {
    settings.peer.native = settings.native;
    cli::default_ttl(settings.peer, ttl, settings.ttl);
    return unlocks ? Result<cli::Exit>(no_unlocking()) : act(settings, operands);
  });
  return cli::run(argc, argv, options);
}
