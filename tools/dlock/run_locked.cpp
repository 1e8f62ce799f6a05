// dlock NAME COMMAND: ask, wait, run until it ends or the lock is lost, let go.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "cli/child.hpp"
#include "cli/names.hpp"
#include "cli/peer.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "dlock/guard.hpp"
#include "dlock/report.hpp"
#include "dlock/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dlock {

namespace {

constexpr std::uint64_t only_request = 1;
constexpr Duration answer_patience = std::chrono::seconds(2);  // for what a healthy peer answers at once

struct Acquired {
  local::Granted grant;
  Descriptor hold;
};

// How a run ends that did not get its lock.
struct NotRun {
  cli::Exit exit;
  std::string outcome;
  std::string why;  // empty: nothing to say
};

std::string command_line(const std::vector<std::string>& argv) {
  constexpr std::size_t longest = 4096;
  std::string line;
  for (const std::string& word : argv) line += (line.empty() ? "" : " ") + word;
  line.resize(std::min(line.size(), longest));
  return line;
}

// The innermost sessions that this runs under, as the environment says: what is not a number is not ours.
std::vector<SessionId> outer_sessions() {
  constexpr std::size_t deepest = 32;  // the protocol's bound
  const char* set = ::getenv("DLOCK_SESSION");
  std::vector<SessionId> sessions;
  for (std::string_view text = set == nullptr ? "" : set; !text.empty();) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    SessionId id;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), id.value);
    if (read.ec == std::errc{} && read.ptr == word.data() + word.size()) sessions.push_back(id);
  }
  if (sessions.size() > deepest)
    sessions.erase(sessions.begin(), sessions.end() - static_cast<std::ptrdiff_t>(deepest));
  return sessions;
}

// FNV-1a over the words and their ends, from two different beginnings.
std::uint64_t hash_of(const std::vector<std::string>& words, std::uint64_t hash) {
  const auto take = [&](unsigned char byte) { hash = (hash ^ byte) * 1099511628211U; };
  for (const std::string& word : words) {
    for (const char c : word) take(static_cast<unsigned char>(c));
    take(0);
  }
  return hash;
}

local::Acquire request_of(const Settings& settings) {
  local::Acquire request;
  request.request = only_request;
  request.names = settings.names;
  request.mode = settings.shared ? local::Mode::shared : local::Mode::exclusive;
  request.slots = settings.slots;
  request.wait = !settings.no_wait;
  request.ttl = settings.ttl;
  request.lock_delay = settings.lock_delay;
  request.min_hold = settings.min_hold;
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.command = command_line(settings.command.argv);
  request.outer = outer_sessions();
  request.key_high = hash_of(settings.command.argv, 14695981039346656037U);
  request.key_low = hash_of(settings.command.argv, 0x636f6f7264757469U);
  request.join = settings.join;
  if (settings.rate) {
    request.slots = settings.rate->permits;
    request.period = request.min_hold = settings.rate->period;
  }
  request.bare = settings.close;
  if (settings.mode == Mode::acquire) {
    request.holder = holder_of(settings);
    request.pid = request.holder;
    request.signal = static_cast<std::uint32_t>(settings.signal);
    request.grace = settings.grace_or_default();
    request.command = "(held by process " + std::to_string(request.holder) + ")";
  }
  return request;
}

// From the moment that the lock was asked for.
class Run {
 public:
  Run(const Settings& settings, engine::PeerConnection& peer, Report& report)
      : settings_(settings), peer_(peer), report_(report) {}

  Result<cli::Exit> whole(Instant asked);

 private:
  Result<std::variant<Acquired, NotRun>> wait_for_grant();
  NotRun refused(const local::Refused& answer) const;
  NotRun not_acquired(bool quorum) const;
  Result<cli::Exit> run_command(Acquired acquired);
  Result<cli::Exit> become_command(Acquired acquired);
  cli::Program program(const local::Granted& grant, int hold) const;
  void hear_peer(cli::Child& child);
  std::optional<NotRun> ask_again(std::optional<Instant> deadline);
  bool come_back(const cli::PeerOptions& options, cli::Child* child);
  void look_for_peer(cli::Child& child);
  cli::Deadline deadline(Instant sent) const;
  void let_go(Descriptor hold, std::optional<int> status);
  Result<cli::Exit> run_permitted(Acquired acquired);
  cli::Exit end_run(const cli::Outcome& outcome);
  void finish(const cli::Outcome& outcome);
  void say_waiting(const local::Waiting& waiting);
  void note(const std::string& text) const {
    if (settings_.verbose) cli::notice("dlock", text);
  }

  const Settings& settings_;
  engine::PeerConnection& peer_;
  Report& report_;
  std::optional<process::Cgroup> group_;  // for the command
  cli::BackOff pause_;
  std::optional<bool> said_;  // what we wait for: our turn (true) or a majority
  bool away_ = false;         // the peer is gone, and looked for
  local::Resume resume_;      // once it is granted
};

NotRun Run::not_acquired(bool quorum) const {
  if (!quorum)
    return {cli::Exit::unavailable, "no_quorum", "no quorum: a majority of the peers cannot be reached"};
  return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
          settings_.verbose ? "not acquired in time" : ""};
}

NotRun Run::refused(const local::Refused& answer) const {
  switch (answer.kind) {
    case local::RefusedKind::held:
      return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired",
              settings_.verbose ? answer.why : ""};
    case local::RefusedKind::deadlock:
      return {static_cast<cli::Exit>(settings_.conflict_status), "not_acquired", answer.why};
    case local::RefusedKind::mismatch:
      return {cli::Exit::usage, "usage", answer.why};
    case local::RefusedKind::no_quorum:
    case local::RefusedKind::limit:
    case local::RefusedKind::protocol:
    case local::RefusedKind::slot_done:
    case local::RefusedKind::slot_running:
    case local::RefusedKind::attempts_used:
    case local::RefusedKind::unknown:  // of barriers
      break;
  }
  return {cli::Exit::unavailable, "no_quorum", answer.why};
}

Result<std::variant<Acquired, NotRun>> Run::wait_for_grant() {
  std::optional<Instant> deadline;
  if (settings_.wait) deadline = process::boot_now() + *settings_.wait;
  if (settings_.mode == Mode::run && !settings_.no_fork)
    group_ = process::Cgroup::create();  // while the peer is at work on our request
  bool cancelled = false;
  for (;;) {
    auto answer = peer_.wait(deadline);
    if (!answer && settings_.no_wait) return answer.error();
    if (!answer) {
      if (cancelled) return {not_acquired(false)};
      note("the peer is gone: asking again when it is back");
      if (auto end = ask_again(deadline)) return {std::move(*end)};
      continue;
    }
    if (!answer->has_value() && cancelled) return {not_acquired(false)};
    if (!answer->has_value()) {
      cancelled = true;
      report_.count("cancel");
      if (Status sent = peer_.send(local::Cancel{only_request}); !sent) return sent.error();
      deadline = process::boot_now() + answer_patience;
      continue;
    }
    if (auto* grant = std::get_if<local::Granted>(&**answer)) {
      report_.count("granted");
      return {Acquired{*grant, peer_.take_hold()}};
    }
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) {
      report_.count("refused");
      return {refused(*refusal)};
    }
    if (const auto* other = std::get_if<local::Joined>(&**answer)) {
      report_.count("joined");
      report_.joined = other->status;
      note("the same command was run by another");
      return {NotRun{static_cast<cli::Exit>(other->status), "joined", ""}};
    }
    if (const auto* end = std::get_if<local::Cancelled>(&**answer)) {
      report_.count("cancelled");
      return {not_acquired(end->quorum)};
    }
    if (const auto* waiting = std::get_if<local::Waiting>(&**answer)) {
      report_.count("waiting");
      group_.reset();  // who waits in line leaves nothing behind, however it ends
      say_waiting(*waiting);
    }
  }
}

// Once what it is, and again when it is something else: in line, or for a majority.
void Run::say_waiting(const local::Waiting& waiting) {
  const bool watched = !settings_.quiet && cli::is_terminal(STDERR_FILENO);
  if (!watched && !settings_.verbose) return;
  const std::string text = in_words(waiting);
  if (text.empty() || (said_ && *said_ == waiting.quorum)) return;
  said_ = waiting.quorum;
  cli::notice("dlock", cli::shown(settings_.name_list) + ": " + text);
}

// A peer that went while we waited: asked anew when it is back, for a new place in line.
std::optional<NotRun> Run::ask_again(std::optional<Instant> deadline) {
  for (pause_.reset();;) {
    auto again = cli::connect_again(settings_.peer, "dlock");
    if (again) {
      peer_ = std::move(again->peer);
      report_.count("acquire");
      if (peer_.send(request_of(settings_)).ok()) return std::nullopt;
    }
    const Instant now = process::boot_now();
    if (deadline && now >= *deadline) return not_acquired(false);
    Duration pause = pause_.next();
    if (deadline) pause = std::min(pause, *deadline - now);
    ::poll(nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(pause).count()));
  }
}

cli::Deadline Run::deadline(Instant sent) const {
  const Instant kill = kill_at(sent, settings_.ttl);
  return {kill - settings_.grace_or_default(), kill};
}

cli::Program Run::program(const local::Granted& grant, int hold) const {
  cli::Program program;
  program.argv = settings_.command.argv;
  if (!settings_.close) program.inherited = {hold};
  const char* outer = ::getenv("DLOCK_SESSION");
  const std::string session = std::to_string(grant.session.value);
  program.environment = {
      {"DLOCK_NAME", settings_.name_list},
      {"DLOCK_TOKEN", std::to_string(grant.token.value)},
      {"DLOCK_SESSION", outer != nullptr && *outer != '\0' ? std::string(outer) + " " + session : session},
      {"DLOCK_SCOPE", report_.scope},
  };
  return program;
}

// Shows the session to a peer that was started again. True: it will answer.
bool Run::come_back(const cli::PeerOptions& options, cli::Child* child) {
  auto again = cli::connect_again(options, "dlock");
  if (!again) return false;
  if (child != nullptr && again->started != 0) {
    // Our child since its starter has ended, and none of the command's.
    if (const auto started = process::read_process(again->started)) child->spare(started->id);
  }
  peer_ = std::move(again->peer);
  report_.count("resume");
  away_ = !peer_.send(resume_).ok();
  return !away_;
}

void Run::look_for_peer(cli::Child& child) {
  if (come_back(settings_.peer, &child)) {
    child.watch().fd = peer_.fd();
    return;
  }
  child.watch().at = process::boot_now() + pause_.next();
  child.watch().due = [&] { look_for_peer(child); };
}

// While the command runs: renewals move its deadline; a loss ends it; a peer that is gone leaves the deadline
// where it is, and is looked for until then.
void Run::hear_peer(cli::Child& child) {
  for (;;) {
    auto answer = peer_.receive();
    if (!answer) {
      note("the peer is gone: the command may run until the lease ends: " + answer.error().text());
      away_ = true;
      child.watch().fd = -1;
      child.watch().at = process::boot_now() + pause_.next();
      child.watch().due = [&] { look_for_peer(child); };
      return;
    }
    if (!answer->has_value()) return;
    if (const auto* renewed = std::get_if<local::Renewed>(&**answer)) {
      report_.count("renewed");
      pause_.reset();
      child.limit(cli::StopCause::lost, deadline(renewed->sent));
    } else if (const auto* lost = std::get_if<local::Lost>(&**answer)) {
      report_.count("lost");
      if (!settings_.quiet)
        cli::notice("dlock",
                    cli::shown(settings_.name_list) + ": lost: " + lost->why + ": the command is stopped");
      const Instant now = process::boot_now();
      child.limit(cli::StopCause::lost, {now, std::max(now, lost->kill_at)});
    }
  }
}

void Run::let_go(Descriptor hold, std::optional<int> status) {
  cli::PeerOptions running = settings_.peer;
  running.no_autostart = true;  // the next one to be started finds that nobody holds it
  if (away_ && !come_back(running, nullptr)) return;
  hold.reset();
  report_.count("release");
  local::Release release{only_request, {}};
  if (status) release.status = static_cast<std::uint8_t>(*status);
  if (Status sent = peer_.send(release); !sent) return;
  const Instant patience = process::boot_now() + answer_patience;
  for (;;) {
    auto answer = peer_.wait(patience);
    if (!answer || !answer->has_value()) return;  // the session ends with the connection, or by its lease
    if (std::holds_alternative<local::Released>(**answer)) report_.count("released");
    if (std::holds_alternative<local::Released>(**answer) || std::holds_alternative<local::Refused>(**answer))
      return;
  }
}

void Run::finish(const cli::Outcome& outcome) {
  report_.command = outcome;
  report_.outcome = "ran";
  if (outcome.stopped == cli::StopCause::lost) report_.outcome = "lost";
  if (outcome.stopped == cli::StopCause::max_run) report_.outcome = "max_run";
}

Result<cli::Exit> Run::run_command(Acquired acquired) {
  const cli::Deadline limit = deadline(acquired.grant.sent);
  if (process::boot_now() >= limit.term_at) {
    report_.outcome = "lost";
    let_go(std::move(acquired.hold), {});
    return Error{ErrorKind::unavailable, cli::shown(settings_.name_list),
                 "the grant came too late to be used", "this host was stopped or overloaded: try again"};
  }
  resume_ = {only_request, acquired.grant.session, acquired.grant.secret, 0, {}};
  if (settings_.no_fork) return become_command(std::move(acquired));
  const Instant began = process::boot_now();
  if (!group_) group_ = process::Cgroup::create();
  auto started = cli::Child::start(program(acquired.grant, acquired.hold.get()), std::move(group_));
  if (const auto* failed = std::get_if<cli::SpawnError>(&started)) {
    let_go(std::move(acquired.hold), static_cast<int>(failed->exit));
    report_.outcome = "ran";
    cli::complain("dlock", failed->error);
    return failed->exit;
  }
  cli::Child& child = *std::get<std::unique_ptr<cli::Child>>(started);
  child.limit(cli::StopCause::lost, limit);
  if (settings_.max_run) {
    const Instant end = began + *settings_.max_run;
    child.limit(cli::StopCause::max_run, {end, end + settings_.grace_or_default()});
  }
  resume_.pid = static_cast<std::uint32_t>(child.pid());
  resume_.grace = settings_.grace_or_default();
  report_.count("started");
  (void)peer_.send(
      local::Started{only_request, static_cast<std::uint32_t>(child.pid()), settings_.grace_or_default()});
  child.watch().fd = peer_.fd();
  child.watch().events = POLLIN;
  child.watch().ready = [&](short) { hear_peer(child); };
  const cli::Outcome outcome = child.run();
  report_.hold = process::boot_now() - began;
  finish(outcome);
  const bool lost = outcome.stopped == cli::StopCause::lost;
  let_go(std::move(acquired.hold), lost ? std::nullopt : std::optional(static_cast<int>(outcome.exit())));
  return end_run(outcome);
}

cli::Exit Run::end_run(const cli::Outcome& outcome) {
  const Status written = report_.write();
  if (!written) cli::complain("dlock", written.error());
  cli::die_as_interrupted(outcome);
  return !written && outcome.exit() == cli::Exit::done ? cli::Exit::output : outcome.exit();
}

// With --rate: the permit is used up by being granted; nothing is held while the command runs.
Result<cli::Exit> Run::run_permitted(Acquired acquired) {
  cli::Program permitted = program(acquired.grant, acquired.hold.get());
  permitted.inherited.clear();
  std::erase_if(permitted.environment, [](const auto& entry) { return entry.first == "DLOCK_SESSION"; });
  let_go(std::move(acquired.hold), {});
  { const engine::PeerConnection done = std::move(peer_); }
  const Instant began = process::boot_now();
  auto started = cli::Child::start(permitted, std::move(group_));
  if (const auto* failed = std::get_if<cli::SpawnError>(&started)) {
    report_.outcome = "ran";
    cli::complain("dlock", failed->error);
    return failed->exit;
  }
  cli::Child& child = *std::get<std::unique_ptr<cli::Child>>(started);
  if (settings_.max_run) {
    const Instant end = began + *settings_.max_run;
    child.limit(cli::StopCause::max_run, {end, end + settings_.grace_or_default()});
  }
  const cli::Outcome outcome = child.run();
  finish(outcome);
  return end_run(outcome);
}

// -F: the peer guards this process from now on, and in a group a guard of our own as well.
Result<cli::Exit> Run::become_command(Acquired acquired) {
  const Duration grace = settings_.grace_or_default();
  resume_.pid = static_cast<std::uint32_t>(::getpid());
  resume_.grace = grace;
  if (Status sent = peer_.send(local::Started{only_request, resume_.pid, grace}); !sent) return sent.error();
  if (peer_.welcome().scope == local::Scope::cluster) {
    const Instant sent = acquired.grant.sent;
    if (Status guarded = start_guard(settings_, peer_, resume_, acquired.hold.get(), sent); !guarded)
      return guarded.error();
  }
  if (Status flushed = cli::flush(); !flushed) return flushed.error();
  const cli::SpawnError failed = cli::replace_by(program(acquired.grant, acquired.hold.get()));
  let_go(std::move(acquired.hold), static_cast<int>(failed.exit));
  cli::complain("dlock", failed.error);
  return failed.exit;
}

Result<cli::Exit> Run::whole(Instant asked) {
  auto end = wait_for_grant();
  report_.wait = process::boot_now() - asked;
  if (!end) return end.error();
  if (auto* acquired = std::get_if<Acquired>(&*end)) {
    report_.token = acquired->grant.token;
    note("acquired " + cli::shown(settings_.name_list) + " under token " +
         std::to_string(acquired->grant.token.value));
    if (settings_.mode == Mode::acquire) {
      cli::print(std::to_string(acquired->grant.token.value) + "\n");
      return cli::Exit::done;
    }
    return settings_.rate ? run_permitted(std::move(*acquired)) : run_command(std::move(*acquired));
  }
  const NotRun& not_run = std::get<NotRun>(*end);
  report_.outcome = not_run.outcome;
  if (!not_run.why.empty()) cli::notice("dlock", cli::shown(settings_.name_list) + ": " + not_run.why);
  return not_run.exit;
}

}  // namespace

std::uint32_t holder_of(const Settings& settings) {
  return settings.pid != 0 ? settings.pid : static_cast<std::uint32_t>(::getppid());
}

Result<cli::Exit> run_locked(const Settings& settings) {
  auto report = Report::open(settings.report);
  if (!report) return report.error();
  report->name = settings.name_list;
  const Instant asked = process::boot_now();
  report->count("acquire");
  auto peer = cli::connect_to_peer(settings.peer, "dlock", request_of(settings));
  Result<cli::Exit> result = peer ? Result<cli::Exit>(cli::Exit::done) : Result<cli::Exit>(peer.error());
  if (peer) {
    report->scope = peer->welcome().scope == local::Scope::private_peer ? "private" : "cluster";
    result = Run(settings, *peer, *report).whole(asked);
  }
  const bool unavailable = !result.ok() && result.error().kind == ErrorKind::unavailable;
  if (unavailable && report->outcome == "internal") report->outcome = "no_quorum";
  if (report->command) return result;  // written already, before the end by a terminal's signal
  if (Status written = report->write(); !written && result.ok()) return written.error();
  return result;
}

}  // namespace coord::dlock
