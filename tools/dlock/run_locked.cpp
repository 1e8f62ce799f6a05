// SPDX-License-Identifier: MIT
// dlock NAME COMMAND: ask, wait, run until it ends or the lock is lost, let go.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "cli/small_guard.hpp"
#include "cli/speaker.hpp"
#include "cli/terminal.hpp"
#include "cli/trial.hpp"
#include "dlock/native.hpp"
#include "dlock/request.hpp"
#include "dlock/run_attempt.hpp"
#include "dlock/settings.hpp"
#include "dlock/take_part.hpp"
#include "process/boot_time.hpp"
#include "process/pidfd.hpp"

namespace coord::dlock {

namespace {

cli::SessionTerms terms_of(const Settings& settings, Instant asked, int holder) {
  cli::SessionTerms terms;
  terms.tool = "dlock";
  terms.object = cli::shown(settings.name_list);
  terms.peer = settings.peer;
  terms.request = request_of(settings);
  terms.holder = holder;
  if (settings.wait) terms.end = asked + *settings.wait;
  terms.grace = settings.grace_or_default();
  terms.verbose = settings.verbose;
  return terms;
}

}  // namespace

Run::Run(const Settings& settings, engine::LocalConnection peer, cli::RunReport& report,
         const Descriptor& log, Instant asked, int holder, std::optional<process::Cgroup> group)
    : settings_(settings),
      report_(report),
      log_(log),
      asked_(asked),
      session_(terms_of(settings, asked, holder), std::move(peer), report.messages, std::move(group)) {}

NotRun Run::not_acquired(const local::Cancelled& over) const {
  if (!over.quorum)
    return {cli::Exit::unavailable, "no_quorum",
            fmt::format("{}: see dpeers", cli::no_quorum_text(over.not_begun))};
  return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
          settings_.verbose ? "not acquired in time" : ""};
}

NotRun Run::refused(const local::Refused& answer) const {
  switch (answer.kind) {
    case local::RefusedKind::held:
      return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
              settings_.verbose ? answer.why : ""};
    case local::RefusedKind::deadlock:
      return {
          static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
          fmt::format("{}: ask for all names at once (A,B), or everywhere in the same order", answer.why)};
    case local::RefusedKind::no_quorum:
      return {cli::Exit::unavailable, "no_quorum", fmt::format("{}: see dpeers", answer.why)};
    case local::RefusedKind::unknown:
      return {cli::Exit::unknown, "no_quorum", fmt::format("{}: see dpeers", answer.why)};
    case local::RefusedKind::mismatch:
      return {cli::Exit::usage, "usage", answer.why};
    default:  // a limit: it says what to do
      return {cli::Exit::unavailable, "no_quorum", answer.why};
  }
}

// Once what it is, and again when it is something else: in line, or for a majority. To take part one waits
// for who had the name before: perhaps long, and it is nobody's turn there meanwhile, so it is said to all.
void Run::say_waiting(const local::Waiting& waiting) {
  // A peer alone, which has only just begun, waits for no other.
  const bool begins = !waiting.quorum && report_.scope != "cluster";
  const bool watched = !settings_.quiet && !begins && cli::is_terminal(STDERR_FILENO);
  const bool is_first = settings_.part && settings_.part->closes == Token{} && !waiting.blockers.empty();
  if (!watched && !settings_.verbose && (!is_first || settings_.quiet)) return;
  const std::string text = begins ? "waiting for this host's peer to begin" : in_words(waiting);
  if (text.empty() || (said_ && *said_ == waiting.quorum)) return;
  said_ = waiting.quorum;
  cli::notice("dlock", fmt::format("{}: {}", cli::shown(settings_.name_list), text));
}

cli::Program Run::program() const {
  cli::Program program;
  program.argv = settings_.command.argv;
  if (!settings_.close) program.inherited = {session_.hold()};
  const char* outer = ::getenv("DLOCK_SESSION");
  const std::string session = std::to_string(session_.grant().session.value);
  program.environment = {
      {"DLOCK_NAME", settings_.name_list},
      {"DLOCK_TOKEN", std::to_string(report_.token.value_or(session_.grant().token).value)},
      {"DLOCK_SESSION", outer != nullptr && *outer != '\0' ? fmt::format("{} {}", outer, session) : session},
      {"DLOCK_SCOPE", report_.scope},
  };
  // Of ours, which those know nothing of whom the engine's recipe excludes.
  if (settings_.native)
    std::erase_if(program.environment, [](const auto& entry) { return entry.first == "DLOCK_TOKEN"; });
  return program;
}

cli::Exit Run::failed(const cli::SpawnError& error) {
  report_.outcome = "ran";
  report_.status = static_cast<int>(error.exit);
  cli::complain("dlock", error.error);
  return error.exit;
}

cli::Exit Run::end_run(const cli::Outcome& outcome) {
  report_.command = outcome;
  report_.outcome = "ran";
  if (outcome.stopped == cli::StopCause::lost) report_.outcome = "lost";
  if (outcome.stopped == cli::StopCause::max_run) report_.outcome = "max_run";
  const Status written = report_.write();
  if (!written) cli::complain("dlock", written.error());
  cli::die_as_interrupted(outcome);
  return !written && outcome.exit() == cli::Exit::done ? cli::Exit::output : outcome.exit();
}

// When it is outside, so that what it then told the others is there.
void Run::write_log() const {
  if (!log_.is_open() || report_.entry->epoch == Token{}) return;
  const std::string object = cli::shown(settings_.name_list);
  const auto log = log_of_epoch(settings_.peer, object, report_.entry->epoch);
  if (!log) return cli::complain("dlock", log.error());
  if (!log->whole) cli::notice("dlock", fmt::format("{}: --log: the first events of the epoch only", object));
  if (Status written = cli::write_output_file(log_, log->text, "log"); !written)
    cli::complain("dlock", written.error());
}

Result<Run::Ended> Run::run_command(const Beginning* beginning) {
  const Instant began = process::boot_now();
  auto end = beginning == nullptr ? session_.run(program(), settings_.max_run)
                                  : session_.run_if(beginning->along(), program(), settings_.max_run);
  if (const auto* error = std::get_if<cli::SpawnError>(&end)) {
    report_.hold = process::boot_now() - began;
    session_.let_go(static_cast<int>(error->exit));
    return Ended(failed(*error));
  }
  if (auto* refused = std::get_if<Error>(&end)) {
    session_.let_go();
    return std::move(*refused);
  }
  if (std::holds_alternative<cli::HeldSession::PassedOn>(end)) return Ended();
  const auto& ended = std::get<cli::HeldSession::Ended>(end);
  if (settings_.algorithm && ended.child == nullptr) return lost_before_it_began();
  report_.hold = process::boot_now() - began;
  if (ended.outcome.stopped == cli::StopCause::lost) {
    session_.let_go();
  } else {
    session_.let_go(static_cast<int>(ended.outcome.exit()));
  }
  write_log();
  return Ended(end_run(ended.outcome));
}

// --algorithm: asked for anew.
Run::Ended Run::lost_before_it_began() {
  session_.let_go();
  again_ = Token{};
  return Ended(cli::Exit::no);
}

Run::Ended Run::waits_for_next(const agreements::Missing& missing) {
  again_ = missing.epoch;
  if (!settings_.quiet)
    cli::notice("dlock", fmt::format("{}: {}: waiting for the next epoch", cli::shown(settings_.name_list),
                                     missing.text));
  return Ended(cli::Exit::no);
}

// For what is not a child of ours.
Result<bool> Run::take_up(std::uint32_t pid, int pidfd, const Beginning* beginning) {
  auto ours = session_.take_up(pid, pidfd, beginning == nullptr ? nullptr : &beginning->along());
  if (!ours) session_.let_go();
  return ours;
}

// Of --acquire: the hold is the process's already, and stays with it unless it is let go.
void Run::take_back() {
  Settings let_go = settings_;
  let_go.token = session_.grant().token.value;
  session_.hang_up();
  (void)release_lock(let_go);
}

// With --rate: the permit is used up by being granted; nothing is held while the command runs.
Result<Run::Ended> Run::run_permitted() {
  const auto ours = take_up();
  if (!ours) return ours.error();
  if (!*ours) return Ended();
  cli::Program permitted = program();
  permitted.inherited.clear();
  std::erase_if(permitted.environment, [](const auto& entry) { return entry.first == "DLOCK_SESSION"; });
  session_.let_go();
  session_.hang_up();
  const Instant began = process::boot_now();
  auto started = cli::Child::start(permitted, session_.take_group());
  if (const auto* error = std::get_if<cli::SpawnError>(&started)) return Ended(failed(*error));
  cli::Child& child = *std::get<std::unique_ptr<cli::Child>>(started);
  if (settings_.max_run) {
    const Instant end = began + *settings_.max_run;
    child.limit(cli::StopCause::max_run, {end, end + settings_.grace_or_default()});
  }
  cli::Speaker speaker("dlock");
  child.on_stop([&](cli::StopCause) {
    speaker.stopped(cli::shown(settings_.name_list), cli::ran_too_long(*settings_.max_run));
  });
  const cli::Outcome outcome = child.run();
  speaker.finish();
  return Ended(end_run(outcome));
}

// -F: the peer guards this process from now on, and in a group a guard of our own as well.
Result<Run::Ended> Run::become_command(const Beginning* beginning) {
  const Descriptor self = process::open_pidfd(::getpid());
  const auto ours = take_up(static_cast<std::uint32_t>(::getpid()), self.get(), beginning);
  if (!ours) return ours.error();
  if (beginning != nullptr && beginning->instead()) return Ended();
  if (!*ours && settings_.algorithm) return lost_before_it_began();
  if (!*ours) return Ended();
  const local::Resume& resume = session_.resume();
  const local::Scope scope = session_.peer().welcome().scope;
  if (scope == local::Scope::cluster || scope == local::Scope::engine) {
    cli::GuardTerms terms;
    terms.tool = "dlock";
    terms.object = cli::shown(settings_.name_list);
    terms.peer = settings_.peer;
    terms.resume = resume;
    terms.ttl = settings_.ttl;
    terms.grace = settings_.grace_or_default();
    terms.sent = session_.sent();
    terms.is_command = true;
    const Descriptor watch = cli::watch_of(session_.hold());
    if (Status guarded = start_small_guard(std::move(terms), session_.peer(), watch); !guarded)
      return guarded.error();
  }
  if (Status flushed = cli::flush(); !flushed) return flushed.error();
  const cli::SpawnError error = cli::replace_by(program());
  session_.let_go(static_cast<int>(error.exit));
  return Ended(failed(error));
}

Result<Run::Ended> Run::run_locked() {
  if (settings_.native) return lock_native_and_run();
  if (settings_.algorithm) return enter_and_run();
  report_.token = session_.grant().token;
  const std::string token = std::to_string(session_.grant().token.value);
  note(fmt::format("{}: acquired after {} s under token {}", cli::shown(settings_.name_list),
                   milliseconds_of(report_.wait), token));
  if (settings_.mode == Mode::acquire) return tell_token();
  if (settings_.rate) return run_permitted();
  return settings_.no_fork ? become_command() : run_command();
}

Result<cli::Exit> Run::end_unlocked(const NotRun& end) {
  report_.outcome = end.outcome;
  if (!end.why.empty()) cli::notice("dlock", fmt::format("{}: {}", cli::shown(settings_.name_list), end.why));
  return end.exit;
}

Result<cli::Exit> Run::whole() {
  const std::string object = cli::shown(settings_.name_list);
  for (;;) {
    ahead_.reset();
    auto verdict =
        session_.wait_for_verdict({[&](const local::Waiting& news) { say_waiting(news); },
                                   {},
                                   [&](const local::FromPart& said) { ahead_ = entered_in(object, said); }});
    report_.wait = process::boot_now() - asked_;
    if (!verdict) return verdict.error();
    const auto* const refusal = std::get_if<local::Refused>(&*verdict);
    found_no_epoch_ = settings_.algorithm && refusal != nullptr &&
                      (refusal->kind == local::RefusedKind::forgotten || refusal->request == part_request);
    if (found_no_epoch_) again_ = Token{};
    if (found_no_epoch_) return cli::Exit::no;
    if (refusal != nullptr) return end_unlocked(refused(*refusal));
    if (const auto* over = std::get_if<local::Cancelled>(&*verdict)) return end_unlocked(not_acquired(*over));
    if (const auto* other = std::get_if<local::Joined>(&*verdict)) {
      report_.status = other->status;
      note("the same command was run by another");
      return end_unlocked({static_cast<cli::Exit>(other->status), "joined", ""});
    }
    auto ended = run_locked();
    if (!ended) return ended.error();
    if (*ended) return **ended;
    report_.token.reset();
  }
}

Result<cli::Exit> run_locked(const Settings& wanted) {
  Settings settings = wanted;
  auto report = cli::RunReport::open(settings.report);
  if (!report) return report.error();
  report->name = settings.name_list;
  if (settings.algorithm) {
    report->entry = cli::RunReport::Entry{};
    report->entry->algorithm = name_of(*settings.algorithm);
    report->entry->has_epochs = true;
  }
  // A permit and a minimum hold count from the grant: not for a command that can never start.
  const bool uses_up = settings.rate || settings.min_hold > Duration::zero();
  if (uses_up && settings.mode == Mode::run) {
    if (const auto never = cli::cannot_start("dlock", {settings.command.argv, {}, {}}))
      return report->never_started("dlock", *never);
  }
  auto holder = settings.mode == Mode::acquire ? open_holder(settings) : Result<Descriptor>(Descriptor());
  if (!holder) return holder.error();
  const Instant asked = process::boot_now();
  const cli::ConnectOptions how = cli::in_time(settings.peer, settings.wait, settings.no_wait);
  const bool forks = settings.mode == Mode::run && !settings.no_fork;
  std::optional<process::Cgroup> group;
  const auto make_group = [&] {  // while the peer works
    if (forks && !group) group = process::Cgroup::create();
  };
  bool names_sites = !settings.among.empty();
  const auto reach = [&]() -> Result<engine::LocalConnection> {
    if (!settings.algorithm)
      return cli::connect_to_peer(how, "dlock", {request_of(settings), holder->get()}, make_group);
    return ask_to_take_part(settings, how, names_sites, make_group);
  };
  Descriptor log;
  if (!settings.log.empty()) {
    auto opened = cli::open_output_file(settings.log, fmt::format("log {}", cli::shown(settings.log)));
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  Result<cli::Exit> result = cli::Exit::done;
  cli::BackOff pause;
  bool said_missing = false;
  const Instant end = asked + settings.wait.value_or(std::chrono::hours(24 * 365));
  bool pauses = false;
  for (std::optional<Token> closes = Token{}; closes;) {
    if (settings.part) settings.part->closes = *closes;
    if (std::exchange(pauses, true)) (void)cli::pause_while_read(pause.next());
    auto peer = reach();
    // Whoever waits already goes on when a site, or its own peer, is away for a while.
    const bool waits = report->messages.contains("acquire") && !settings.no_wait && process::boot_now() < end;
    if (!peer && waits && settings.algorithm && peer.error().kind == ErrorKind::unavailable) {
      if (!std::exchange(said_missing, true) && !settings.quiet) cli::complain("dlock", peer.error());
      continue;
    }
    closes.reset();
    result = peer ? Result<cli::Exit>(cli::Exit::done) : Result<cli::Exit>(peer.error());
    if (!peer) break;
    ++report->messages["acquire"];
    report->scope = name_of(peer->welcome().scope);
    if (!settings.quiet)
      cli::warn_of_short_lease("dlock", settings.peer, peer->welcome().scope, settings.ttl);
    Run run(settings, std::move(*peer), *report, log, asked, holder->get(), std::move(group));
    result = run.whole();
    closes = run.again();
    names_sites = true;
    pauses = !run.found_no_epoch();
  }
  if (!result.ok() && report->outcome == "internal") {
    if (result.error().kind == ErrorKind::unavailable) report->outcome = "no_quorum";
    if (result.error().kind == ErrorKind::usage) report->outcome = "usage";
  }
  if (report->command) return result;  // written already, before the end by a terminal's signal
  if (Status written = report->write(); !written && result.ok()) return written.error();
  return result;
}

}  // namespace coord::dlock
