// SPDX-License-Identifier: MIT
// delect NAME COMMAND: stand, wait, run while leading, write down what is complete, resign.
#include <unistd.h>

#include <utility>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "cli/trial.hpp"
#include "cli/waiting.hpp"
#include "delect/lead_file.hpp"
#include "delect/settings.hpp"
#include "delect/standby.hpp"
#include "process/boot_time.hpp"

namespace coord::delect {

namespace {

// How a campaign ends that did not lead.
struct NotLed {
  cli::Exit exit;
  std::string outcome;
  std::string why;  // empty: nothing to say
};

std::string value_of(const Settings& settings) {
  return settings.value.value_or(fmt::format("{}:{}", host_name(), ::getpid()));
}

local::Acquire request_of(const Settings& settings) {
  local::Acquire request;
  request.request = cli::only_request;
  request.names = settings.names;
  request.wait = !settings.no_wait;
  request.ttl = settings.ttl;
  request.min_hold = settings.min_hold;
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.command = cli::command_line(settings.command.argv);
  service::Candidacy wish;
  wish.priority = settings.priority;
  wish.preempt = settings.preempt;
  wish.value = value_of(settings);
  wish.slot = settings.slot;
  request.candidacy = std::move(wish);
  return request;
}

cli::SessionTerms terms_of(const Settings& settings, Instant asked) {
  cli::SessionTerms terms;
  terms.tool = "delect";
  terms.object = cli::shown(settings.name());
  terms.peer = settings.peer;
  terms.request = request_of(settings);
  if (settings.wait) terms.end = asked + *settings.wait;
  terms.grace = settings.grace_or_default();
  terms.verbose = settings.output.verbose > 0;
  return terms;
}

class Campaign {
 public:
  Campaign(const Settings& settings, engine::LocalConnection peer, LeadFile& lead_file,
           cli::RunReport& report, Instant asked, std::optional<process::Cgroup> group)
      : settings_(settings),
        lead_file_(lead_file),
        report_(report),
        asked_(asked),
        session_(terms_of(settings, asked), std::move(peer), report.messages, std::move(group)) {}

  Result<cli::Exit> whole();

 private:
  std::optional<NotLed> wait_for_turn();
  void say_waiting(const local::Waiting& news);
  NotLed refused(const local::Refused& answer) const;
  NotLed not_led(const local::Cancelled& over) const;
  // Nothing: the turn was passed on before anything was begun.
  using Ended = std::optional<cli::Exit>;
  Result<Ended> lead();
  Result<Ended> run_leading();
  Status appear();
  bool run_command(cli::Exit& exit);
  cli::Program program(std::vector<std::string> argv) const;
  std::variant<cli::Outcome, cli::SpawnError> run_guarded(std::vector<std::string> argv);
  std::variant<cli::Outcome, cli::SpawnError> run_unguarded(std::vector<std::string> argv);
  void run_hook(const char* option, const std::string& text, bool guarded);
  bool write_down();
  void note(const std::string& text) const {
    if (settings_.output.verbose > 0) cli::notice("delect", text);
  }

  const Settings& settings_;
  LeadFile& lead_file_;
  cli::RunReport& report_;
  Instant asked_;
  cli::HeldSession session_;
  bool said_ = false;               // that there is no majority
  bool passed_on_ = false;          // as HeldSession says of what was to be begun
  std::optional<Error> not_begun_;  // or why it cannot
};

// ---- until it leads

NotLed Campaign::not_led(const local::Cancelled& over) const {
  if (!over.quorum)
    return {cli::Exit::unavailable, "no_quorum",
            fmt::format("{}: see dpeers", cli::no_quorum_text(over.not_begun))};
  return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
          settings_.output.verbose > 0 ? "did not lead in time" : ""};
}

NotLed Campaign::refused(const local::Refused& answer) const {
  const std::string quiet_why = settings_.output.verbose > 0 ? answer.why : "";
  switch (answer.kind) {
    case local::RefusedKind::held:
    case local::RefusedKind::deadlock:
      return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired", quiet_why};
    case local::RefusedKind::slot_done:
    case local::RefusedKind::slot_running:
      return {cli::Exit::done, "not_acquired", quiet_why};
    case local::RefusedKind::attempts_used:
      return {cli::Exit::failed, "not_acquired", answer.why};
    case local::RefusedKind::no_quorum:
      return {cli::Exit::unavailable, "no_quorum", fmt::format("{}: see dpeers", answer.why)};
    case local::RefusedKind::unknown:
      return {cli::Exit::unknown, "no_quorum", fmt::format("{}: see --last", answer.why)};
    case local::RefusedKind::mismatch:
      return {cli::Exit::usage, "usage", answer.why};
    default:
      return {cli::Exit::unavailable, "no_quorum", answer.why};
  }
}

// At a terminal that there is no majority is said once, without --verbose too.
void Campaign::say_waiting(const local::Waiting& news) {
  if (news.quorum) return note("standing by");
  if (settings_.output.verbose > 0) return note(cli::waiting_for_majority(news));
  if (!cli::wonders_why(settings_.output.quiet, session_.peer().welcome().scope)) return;
  if (!std::exchange(said_, true))
    cli::notice("delect",
                fmt::format("{}: {}", cli::shown(settings_.name()), cli::waiting_for_majority(news)));
}

std::optional<NotLed> Campaign::wait_for_turn() {
  Standby standby(settings_, asked_);
  cli::WhileWaiting meanwhile;
  meanwhile.news = [&](const local::Waiting& news) {
    say_waiting(news);
    standby.show();
  };
  if (standby.active()) meanwhile.glance = [&] { standby.show(); };
  const auto verdict = session_.wait_for_verdict(meanwhile);
  standby.over();
  if (!verdict) {  // with a slot: an attempt may have been counted
    const cli::Exit exit = settings_.slot ? cli::Exit::unknown : cli::Exit::unavailable;
    return NotLed{exit, "no_quorum", verdict.error().text()};
  }
  if (const auto* refusal = std::get_if<local::Refused>(&*verdict)) return refused(*refusal);
  if (const auto* over = std::get_if<local::Cancelled>(&*verdict)) return not_led(*over);
  return std::nullopt;
}

// ---- while it leads

cli::Program Campaign::program(std::vector<std::string> argv) const {
  cli::Program program;
  program.argv = std::move(argv);
  program.environment = {{"DELECT_NAME", settings_.name()},
                         {"DELECT_TERM", std::to_string(session_.grant().token.value)},
                         {"DELECT_VALUE", value_of(settings_)},
                         {"DELECT_SCOPE", report_.scope}};
  if (settings_.slot) {
    program.environment.emplace_back("DELECT_SLOT", settings_.slot->key);
    program.environment.emplace_back("DELECT_ATTEMPT", std::to_string(session_.grant().attempt));
  }
  return program;
}

// With the session's descriptor, stopped in time by us and by the peer.
std::variant<cli::Outcome, cli::SpawnError> Campaign::run_guarded(std::vector<std::string> argv) {
  cli::Program guarded = program(std::move(argv));
  guarded.inherited = {session_.hold()};
  if (lead_file_.fd() >= 0) guarded.inherited.push_back(lead_file_.fd());
  auto end = session_.run(guarded, {}, [this] { return appear(); });
  passed_on_ = std::holds_alternative<cli::HeldSession::PassedOn>(end);
  if (auto* refused = std::get_if<Error>(&end)) not_begun_ = std::move(*refused);
  if (passed_on_ || not_begun_) {
    cli::Outcome none;
    none.stopped = cli::StopCause::lost;
    return none;
  }
  if (auto* failed = std::get_if<cli::SpawnError>(&end)) return std::move(*failed);
  return std::get<cli::HeldSession::Ended>(end).outcome;
}

std::variant<cli::Outcome, cli::SpawnError> Campaign::run_unguarded(std::vector<std::string> argv) {
  auto started = cli::Child::start(program(std::move(argv)));
  if (auto* failed = std::get_if<cli::SpawnError>(&started)) return std::move(*failed);
  return std::get<std::unique_ptr<cli::Child>>(started)->run();
}

// A hook's own status decides nothing; that it failed is said.
void Campaign::run_hook(const char* option, const std::string& text, bool guarded) {
  if (text.empty()) return;
  const std::vector<std::string> shell{"/bin/sh", "-c", text};
  const auto end = guarded ? run_guarded(shell) : run_unguarded(shell);
  if (guarded && (passed_on_ || not_begun_)) return;
  const auto* outcome = std::get_if<cli::Outcome>(&end);
  if (outcome == nullptr) cli::complain("delect", std::get<cli::SpawnError>(end).error);
  if (outcome != nullptr && outcome->exit() != cli::Exit::done)
    cli::notice("delect",
                fmt::format("{}: {} {} ended with status {}, which changes nothing: have it end with 0, or "
                            "put it into the command",
                            cli::shown(settings_.name()), option, cli::shown(text),
                            static_cast<int>(outcome->exit())));
}

// That COMMAND has succeeded, before anybody else may lead. False: it is not sure to be in the log. Without a
// slot nothing hangs on it, and one try is enough.
bool Campaign::write_down() {
  const auto end = [&] {
    return settings_.slot ? session_.kill_at() : process::boot_now() + cli::answer_patience;
  };
  return session_.ask<local::Done>(local::Completed{cli::only_request}, end, settings_.slot.has_value());
}

// False: it has succeeded, and that is not sure to be in the log.
bool Campaign::run_command(cli::Exit& exit) {
  const auto end = run_guarded(settings_.command.argv);
  if (passed_on_ || not_begun_) return true;
  report_.outcome = "ran";
  if (const auto* failed = std::get_if<cli::SpawnError>(&end)) {
    exit = failed->exit;
    report_.status = static_cast<int>(exit);
    cli::complain("delect", failed->error);
    return true;
  }
  const auto& outcome = std::get<cli::Outcome>(end);
  report_.command = outcome;
  exit = outcome.exit();
  if (outcome.stopped == cli::StopCause::lost) report_.outcome = "lost";
  return exit != cli::Exit::done || write_down();
}

// When the leadership has been taken up, before the first command begins.
Status Campaign::appear() {
  return lead_file_.appear(fmt::format("{} {}\n", host_name(), session_.grant().token.value));
}

Result<Campaign::Ended> Campaign::run_leading() {
  const Instant began = process::boot_now();
  passed_on_ = false;
  run_hook("--on-gain", settings_.on_gain, true);
  cli::Exit exit = cli::Exit::lost;
  report_.outcome = "lost";
  const bool begins = !passed_on_ && !not_begun_ && !session_.lost();
  const bool recorded = !begins || run_command(exit);
  if (passed_on_) {
    lead_file_.disappear();
    return Ended();
  }
  if (not_begun_) {
    lead_file_.disappear();
    session_.let_go();
    return *not_begun_;
  }
  report_.hold = process::boot_now() - began;
  lead_file_.disappear();
  // In order: nobody else leads before the hook has ended. After a loss it may take as long as it likes.
  const bool in_order = !session_.lost();
  if (!in_order) session_.let_go();
  run_hook("--on-loss", settings_.on_loss, in_order);
  if (in_order) session_.let_go();
  if (!recorded && settings_.slot)
    return Error{ErrorKind::unknown, cli::shown(settings_.name()),
                 "the command succeeded, but that could not be written down",
                 fmt::format("slot {} may be run again", cli::shown(settings_.slot->key))};
  return Ended(exit);
}

Result<Campaign::Ended> Campaign::lead() {
  const std::string term = std::to_string(session_.grant().token.value);
  report_.token = session_.grant().token;
  note(fmt::format("leads {} in term {}", cli::shown(settings_.name()), term));
  if (Status made = lead_file_.make(); !made) {
    session_.let_go();
    return made.error();
  }
  return run_leading();
}

Result<cli::Exit> Campaign::whole() {
  for (;;) {
    const std::optional<NotLed> end = wait_for_turn();
    report_.wait = process::boot_now() - asked_;
    if (end) {
      report_.outcome = end->outcome;
      if (!end->why.empty())
        cli::notice("delect", fmt::format("{}: {}", cli::shown(settings_.name()), end->why));
      return end->exit;
    }
    auto ended = lead();
    if (!ended) return ended.error();
    if (*ended) return **ended;
    report_.token.reset();
  }
}

}  // namespace

Result<cli::Exit> lead(const Settings& settings) {
  auto lead_file = LeadFile::prepare(settings.lead_file);
  if (!lead_file) return lead_file.error();
  auto report = cli::RunReport::open(settings.output.report);
  if (!report) return report.error();
  report->name = settings.name();
  // An attempt and a minimum hold count from when it leads: not for a command that can never start.
  if (settings.slot || settings.min_hold > Duration::zero()) {
    if (const auto never = cli::cannot_start("delect", {settings.command.argv, {}, {}}))
      return report->never_started("delect", *never);
  }
  const Instant asked = process::boot_now();
  ++report->messages["acquire"];
  std::optional<process::Cgroup> group;
  const cli::ConnectOptions how = cli::in_time(settings.peer, settings.wait, settings.no_wait);
  auto peer = cli::connect_to_peer(how, "delect", request_of(settings), [&] {
    if (!group) group = process::Cgroup::create();
  });
  Result<cli::Exit> result = peer ? Result<cli::Exit>(cli::Exit::done) : Result<cli::Exit>(peer.error());
  if (peer) {
    report->scope = name_of(peer->welcome().scope);
    if (!settings.output.quiet)
      cli::warn_of_short_lease("delect", settings.peer, peer->welcome().scope, settings.ttl);
    result = Campaign(settings, std::move(*peer), *lead_file, *report, asked, std::move(group)).whole();
  } else {
    report->outcome = "no_quorum";
  }
  const Status written = report->write();
  if (!written) cli::complain("delect", written.error());
  if (report->command) cli::die_as_interrupted(*report->command);
  if (!written && result.ok() && *result == cli::Exit::done) return cli::Exit::output;
  return result;
}

}  // namespace coord::delect
