// delect NAME COMMAND: stand, wait, run while leading, write down what is complete, resign.
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/rfc3339.hpp"
#include "cli/child.hpp"
#include "cli/names.hpp"
#include "cli/peer.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "delect/lead_file.hpp"
#include "delect/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::delect {

namespace {

constexpr std::uint64_t only_request = 1;
constexpr Duration answer_patience = std::chrono::seconds(2);  // for what a healthy peer answers at once

// How a campaign ends that did not lead.
struct NotLed {
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

std::string value_of(const Settings& settings) {
  return settings.value.value_or(host_name() + ":" + std::to_string(::getpid()));
}

local::Acquire request_of(const Settings& settings) {
  local::Acquire request;
  request.request = only_request;
  request.names = settings.names;
  request.wait = !settings.no_wait;
  request.ttl = settings.ttl;
  request.min_hold = settings.min_hold;
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.command = command_line(settings.command.argv);
  service::Candidacy wish;
  wish.priority = settings.priority;
  wish.preempt = settings.preempt;
  wish.value = value_of(settings);
  wish.slot = settings.slot;
  request.candidacy = std::move(wish);
  return request;
}

// What a person at a terminal sees while this host stands by.
class Standby {
 public:
  Standby(const Settings& settings, Instant began)
      : settings_(settings), began_(began), progress_(settings.standby) {}

  bool active() const { return progress_.active(); }
  void show() {
    if (!active()) return;
    if (!peer_) {
      auto peer = cli::connect_again(settings_.peer, "delect");
      if (peer && peer->peer.send(local::WatchLeader{only_request, settings_.name()}))
        peer_.emplace(std::move(peer->peer));
    }
    while (peer_) {
      auto answer = peer_->receive();
      if (!answer) peer_.reset();
      if (!answer || !answer->has_value()) break;
      const auto* leaders = std::get_if<local::Leaders>(&**answer);
      if (leaders != nullptr && !leaders->leaders.empty()) leader_ = leader_text(leaders->leaders.front());
    }
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(process::boot_now() - began_);
    progress_.show(cli::shown(settings_.name()) + ": standing by for " + std::to_string(waited.count()) +
                   " s; led by " + leader_);
  }
  void over() {
    progress_.clear();
    peer_.reset();
  }

 private:
  const Settings& settings_;
  Instant began_;
  cli::Progress progress_;
  std::optional<engine::PeerConnection> peer_;  // a second connection: the first one waits for its turn
  std::string leader_ = "somebody";
};

class Campaign {
 public:
  Campaign(const Settings& settings, engine::PeerConnection& peer, LeadFile& lead_file)
      : settings_(settings),
        peer_(peer),
        lead_file_(lead_file),
        scope_(peer.welcome().scope == local::Scope::private_peer ? "private" : "cluster") {}

  Result<cli::Exit> whole(Instant asked);
  Status report() const;
  const std::optional<cli::Outcome>& command() const { return command_; }

 private:
  std::optional<NotLed> wait_for_turn(Instant asked);
  NotLed refused(const local::Refused& answer) const;
  NotLed not_led(bool quorum) const;
  Result<cli::Exit> run_leading();
  std::variant<cli::Outcome, cli::SpawnError> run(const std::vector<std::string>& argv, bool guarded);
  void run_hook(const std::string& text, bool guarded);
  void hear_peer(cli::Child& child);
  void look_for_peer(cli::Child& child);
  std::optional<NotLed> ask_again(std::optional<Instant> deadline);
  bool come_back(const cli::PeerOptions& options, cli::Child* child);
  cli::Deadline deadline() const;
  void take(const local::Answer& answer, cli::Child* child);
  bool write_down();
  bool wait_for_done(Instant until);
  void resign();
  void note(const std::string& text) const {
    if (settings_.output.verbose > 0) cli::notice("delect", text);
  }

  const Settings& settings_;
  engine::PeerConnection& peer_;
  LeadFile& lead_file_;
  std::string scope_;
  local::Granted grant_;
  Descriptor hold_;
  local::Resume resume_;
  Instant sent_;       // of the last renewal that succeeded
  bool lost_ = false;  // or about to be: the command is to be stopped
  Instant stop_by_;    // ... by then
  bool away_ = false;  // the peer is gone, and looked for
  cli::BackOff pause_;

  std::string outcome_ = "internal";
  Duration waited_{};
  std::optional<Duration> led_;
  std::optional<cli::Outcome> command_;
};

// ---- until it leads

NotLed Campaign::not_led(bool quorum) const {
  if (!quorum)
    return {cli::Exit::unavailable, "no_quorum", "no quorum: a majority of the peers cannot be reached"};
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
    case local::RefusedKind::mismatch:
      return {cli::Exit::usage, "usage", answer.why};
    default:
      return {cli::Exit::unavailable, "no_quorum", answer.why};
  }
}

std::optional<NotLed> Campaign::wait_for_turn(Instant asked) {
  constexpr Duration glance = std::chrono::seconds(1);
  std::optional<Instant> end;
  if (settings_.wait) end = asked + *settings_.wait;
  Standby standby(settings_, asked);
  bool cancelled = false;
  for (;;) {
    std::optional<Instant> until = end;
    if (standby.active()) until = std::min(end.value_or(Instant::max()), process::boot_now() + glance);
    auto answer = peer_.wait(until);
    if (!answer && settings_.no_wait)
      return NotLed{cli::Exit::unavailable, "no_quorum", answer.error().text()};
    if (!answer) {
      if (cancelled) return not_led(false);
      note("the peer is gone: asking again when it is back");
      if (auto over = ask_again(end)) return over;
      continue;
    }
    if (!answer->has_value() && end && process::boot_now() >= *end) {
      if (cancelled) return not_led(false);
      cancelled = true;
      if (!peer_.send(local::Cancel{only_request})) return not_led(false);
      end = process::boot_now() + answer_patience;
    }
    if (!answer->has_value()) {
      standby.show();
      continue;
    }
    if (auto* grant = std::get_if<local::Granted>(&**answer)) {
      grant_ = *grant;
      sent_ = grant->sent;
      hold_ = peer_.take_hold();
      standby.over();
      return std::nullopt;
    }
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) return refused(*refusal);
    if (const auto* over = std::get_if<local::Cancelled>(&**answer)) return not_led(over->quorum);
    if (const auto* waiting = std::get_if<local::Waiting>(&**answer)) {
      note(waiting->quorum ? "standing by" : "waiting for a majority of the peers");
      standby.show();
    }
  }
}

// A peer that went while we stood by: asked anew when it is back, as a new candidate.
std::optional<NotLed> Campaign::ask_again(std::optional<Instant> end) {
  for (pause_.reset();;) {
    auto again = cli::connect_again(settings_.peer, "delect");
    if (again) {
      peer_ = std::move(again->peer);
      if (peer_.send(request_of(settings_)).ok()) return std::nullopt;
    }
    const Instant now = process::boot_now();
    if (end && now >= *end) return not_led(false);
    Duration pause = pause_.next();
    if (end) pause = std::min(pause, *end - now);
    ::poll(nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(pause).count()));
  }
}

// ---- while it leads

// All must be stopped when 0.8 of the TTL have passed since the last renewal that succeeded was sent.
cli::Deadline Campaign::deadline() const {
  const Instant kill = sent_ + settings_.ttl * 8 / 10;
  if (lost_) return {process::boot_now(), std::min(kill, stop_by_)};
  return {kill - settings_.grace_or_default(), kill};
}

// `child`: what runs meanwhile, if anything.
void Campaign::take(const local::Answer& answer, cli::Child* child) {
  const Instant now = process::boot_now();
  if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    sent_ = std::max(sent_, renewed->sent);
    pause_.reset();
  } else if (const auto* lost = std::get_if<local::Lost>(&answer)) {
    if (!settings_.output.quiet)
      cli::notice("delect",
                  cli::shown(settings_.name()) + ": lost: " + lost->why + ": the command is stopped");
    lost_ = true;
    stop_by_ = std::max(now, lost->kill_at);
  } else {
    return;
  }
  if (child != nullptr) child->limit(cli::StopCause::lost, deadline());
}

void Campaign::hear_peer(cli::Child& child) {
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
    take(**answer, &child);
  }
}

void Campaign::look_for_peer(cli::Child& child) {
  if (come_back(settings_.peer, &child)) {
    child.watch().fd = peer_.fd();
    return;
  }
  child.watch().at = process::boot_now() + pause_.next();
  child.watch().due = [&] { look_for_peer(child); };
}

// Shows the session to a peer that was started again. True: it will answer.
bool Campaign::come_back(const cli::PeerOptions& options, cli::Child* child) {
  auto again = cli::connect_again(options, "delect");
  if (!again) return false;
  if (child != nullptr && again->started != 0) {
    if (const auto started = process::read_process(again->started)) child->spare(started->id);
  }
  peer_ = std::move(again->peer);
  away_ = !peer_.send(resume_).ok();
  return !away_;
}

// The command, or a hook. Guarded: with the session's descriptor, stopped in time by us and by the peer.
std::variant<cli::Outcome, cli::SpawnError> Campaign::run(const std::vector<std::string>& argv,
                                                          bool guarded) {
  cli::Program program;
  program.argv = argv;
  if (guarded) program.inherited = {hold_.get()};
  program.environment = {{"DELECT_NAME", settings_.name()},
                         {"DELECT_TERM", std::to_string(grant_.token.value)},
                         {"DELECT_VALUE", value_of(settings_)},
                         {"DELECT_SCOPE", scope_}};
  if (settings_.slot) {
    program.environment.emplace_back("DELECT_SLOT", settings_.slot->key);
    program.environment.emplace_back("DELECT_ATTEMPT", std::to_string(grant_.attempt));
  }
  auto started = cli::Child::start(program);
  if (auto* failed = std::get_if<cli::SpawnError>(&started)) return std::move(*failed);
  cli::Child& child = *std::get<std::unique_ptr<cli::Child>>(started);
  if (!guarded) return child.run();
  child.limit(cli::StopCause::lost, deadline());
  resume_.pid = static_cast<std::uint32_t>(child.pid());
  resume_.grace = settings_.grace_or_default();
  if (!away_) (void)peer_.send(local::Started{only_request, resume_.pid, resume_.grace});
  child.watch().events = POLLIN;
  child.watch().ready = [&](short) { hear_peer(child); };
  if (away_) {
    look_for_peer(child);
  } else {
    child.watch().fd = peer_.fd();
    hear_peer(child);  // what came with the last answer that was read
  }
  cli::Outcome outcome = child.run();
  if (outcome.stopped == cli::StopCause::lost) lost_ = true;
  return outcome;
}

// A hook's own status decides nothing; that it failed is said.
void Campaign::run_hook(const std::string& text, bool guarded) {
  if (text.empty()) return;
  const auto end = run({"/bin/sh", "-c", text}, guarded);
  const auto* outcome = std::get_if<cli::Outcome>(&end);
  if (outcome == nullptr) cli::complain("delect", std::get<cli::SpawnError>(end).error);
  if (outcome != nullptr && outcome->exit() != cli::Exit::done)
    cli::notice("delect", "hook: " + cli::shown(text) + ": status " +
                              std::to_string(static_cast<int>(outcome->exit())));
}

bool Campaign::wait_for_done(Instant until) {
  for (;;) {
    auto answer = peer_.wait(until);
    if (!answer) {
      away_ = true;
      return false;
    }
    if (!answer->has_value()) return false;
    if (std::holds_alternative<local::Done>(**answer)) return true;
    if (std::holds_alternative<local::Refused>(**answer)) return false;
    take(**answer, nullptr);
    if (lost_) return false;
  }
}

// That COMMAND has succeeded, before anybody else may lead. False: it is not sure to be in the log.
bool Campaign::write_down() {
  const auto patience = [&] {
    return settings_.slot ? sent_ + settings_.ttl * 8 / 10 : process::boot_now() + answer_patience;
  };
  while (!lost_ && process::boot_now() < patience()) {
    if (!away_ && peer_.send(local::Completed{only_request})) {
      if (wait_for_done(patience())) return true;
      if (!away_) return false;
    }
    away_ = true;
    cli::PeerOptions running = settings_.peer;
    if (!settings_.slot) return false;
    if (!come_back(running, nullptr))
      ::poll(nullptr, 0,
             static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(pause_.next()).count()));
  }
  return false;
}

void Campaign::resign() {
  cli::PeerOptions running = settings_.peer;
  running.no_autostart = true;  // the next one to be started finds that nobody holds it
  if (away_ && !come_back(running, nullptr)) return;
  hold_.reset();
  if (Status sent = peer_.send(local::Release{only_request}); !sent) return;
  const Instant patience = process::boot_now() + answer_patience;
  for (;;) {
    auto answer = peer_.wait(patience);
    if (!answer || !answer->has_value()) return;  // the session ends with the connection, or by its lease
    if (std::holds_alternative<local::Released>(**answer) || std::holds_alternative<local::Refused>(**answer))
      return;
  }
}

Result<cli::Exit> Campaign::run_leading() {
  if (process::boot_now() >= deadline().term_at) {
    outcome_ = "lost";
    resign();
    return Error{ErrorKind::unavailable, cli::shown(settings_.name()), "it came too late to be led",
                 "this host was stopped or overloaded: try again"};
  }
  resume_ = {only_request, grant_.session, grant_.secret, 0, {}};
  const Instant began = process::boot_now();
  const std::string text = host_name() + " " + std::to_string(grant_.token.value) + "\n";
  if (Status made = lead_file_.appear(text); !made) {
    resign();
    return made.error();
  }
  run_hook(settings_.on_gain, true);
  cli::Exit exit = cli::Exit::lost;
  outcome_ = "lost";
  bool recorded = true;
  if (!lost_) {
    auto end = run(settings_.command.argv, true);
    outcome_ = "ran";
    if (auto* outcome = std::get_if<cli::Outcome>(&end)) {
      command_ = *outcome;
      exit = outcome->exit();
      if (outcome->stopped == cli::StopCause::lost) outcome_ = "lost";
      if (exit == cli::Exit::done) recorded = write_down();
    } else {
      exit = std::get<cli::SpawnError>(end).exit;
      cli::complain("delect", std::get<cli::SpawnError>(end).error);
    }
  }
  led_ = process::boot_now() - began;
  lead_file_.disappear();
  // In order: nobody else leads before the hook has ended. After a loss it may take as long as it likes.
  const bool in_order = !lost_;
  if (!in_order) resign();
  run_hook(settings_.on_loss, in_order);
  if (in_order) resign();
  if (!recorded && settings_.slot)
    return Error{ErrorKind::unknown, cli::shown(settings_.name()),
                 "the command succeeded, but that could not be written down",
                 "slot " + cli::shown(settings_.slot->key) + " may be run again"};
  return exit;
}

Status Campaign::report() const {
  if (settings_.output.report.empty()) return done();
  cli::JsonObject object;
  object.name("name", settings_.name()).text("outcome", outcome_).text("scope", scope_);
  if (grant_.token != Token{}) {
    object.id("token", grant_.token);
  } else {
    object.null("token");
  }
  object.seconds("wait_s", waited_);
  if (led_) {
    object.seconds("hold_s", *led_);
  } else {
    object.null("hold_s");
  }
  if (command_ && command_->signal == 0) {
    object.integer("exit_status", command_->code).null("signal");
  } else if (command_) {
    object.null("exit_status").integer("signal", command_->signal);
  } else {
    object.null("exit_status").null("signal");
  }
  return cli::write_report(settings_.output.report, object);
}

Result<cli::Exit> Campaign::whole(Instant asked) {
  const std::optional<NotLed> end = wait_for_turn(asked);
  waited_ = process::boot_now() - asked;
  if (!end) {
    note("leads " + cli::shown(settings_.name()) + " in term " + std::to_string(grant_.token.value));
    return run_leading();
  }
  outcome_ = end->outcome;
  if (!end->why.empty()) cli::notice("delect", cli::shown(settings_.name()) + ": " + end->why);
  return end->exit;
}

}  // namespace

Result<cli::Exit> lead(const Settings& settings) {
  auto lead_file = LeadFile::prepare(settings.lead_file);
  if (!lead_file) return lead_file.error();
  const Instant asked = process::boot_now();
  auto peer = cli::connect_to_peer(settings.peer, "delect", request_of(settings));
  if (!peer) return peer.error();
  Campaign campaign(settings, *peer, *lead_file);
  Result<cli::Exit> result = campaign.whole(asked);
  const Status written = campaign.report();
  if (!written) cli::complain("delect", written.error());
  if (campaign.command()) cli::die_as_interrupted(*campaign.command());
  if (!written && result.ok() && *result == cli::Exit::done) return cli::Exit::output;
  return result;
}

}  // namespace coord::delect
