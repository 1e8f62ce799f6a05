// SPDX-License-Identifier: MIT
// dbarrier -n COUNT NAME [COMMAND]: arrive, wait for the release, run the command, wait for the others' ends.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/lease.hpp"
#include "cli/child.hpp"
#include "cli/connect.hpp"
#include "cli/local_line.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "cli/speaker.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/waiting.hpp"
#include "dbarrier/arrival.hpp"
#include "dbarrier/record.hpp"
#include "dbarrier/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dbarrier {

namespace {

constexpr Duration answer_patience = std::chrono::seconds(2);  // for what a healthy peer answers at once

WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

class Meeting {
 public:
  Meeting(const Settings& settings, local::Arrive arrival, engine::LocalConnection peer)
      : settings_(settings),
        arrival_(std::move(arrival)),
        line_(
            settings.peer, "dbarrier", [this] { return engine::Spoken(arrival_); }, std::move(peer)) {}
  Result<cli::Exit> wait_for_release();  // and all that follows

 private:
  void say_waiting(const local::Waiting& waiting);
  Result<cli::Exit> refused(const local::Refused& answer) const;
  Result<cli::Exit> departed(const local::Departed& answer);
  Result<cli::Exit> broken(const local::Broken& answer);
  void add_this_one(local::BarrierRecord& record) const;
  Result<cli::Exit> run_command(const local::Passed& passed);
  cli::Program program(const local::Passed& passed, int hold) const;
  void hear_peer(cli::Child& child, const local::Answer& answer);
  Status take_hold();
  void say_started();
  bool hear_taken_up();
  Result<cli::Exit> wait_for_others(const local::Ended& ended, const cli::Outcome& outcome);
  Result<cli::Exit> end(cli::Exit exit, const std::optional<local::BarrierRecord>& record,
                        const char* outcome = "");
  cli::Deadline deadline(Instant sent) const;
  std::string object() const { return cli::shown(settings_.name); }
  void note(const std::string& text) const {
    if (settings_.verbose) cli::notice("dbarrier", fmt::format("{}: {}", object(), text));
  }
  void tell(const std::string& text) const {
    if (!settings_.quiet) cli::notice("dbarrier", fmt::format("{}: {}", object(), text));
  }

  const Settings& settings_;
  local::Arrive arrival_;  // said again by its key, over a peer that was started again: the same one
  WallTime arrived_ = wall_now();
  cli::LocalLine line_;
  cli::Speaker speaker_{"dbarrier"};
  Descriptor hold_;
  Instant sent_;            // of the last renewal of the session that succeeded
  local::Started started_;  // once the command runs, or is about to
  Descriptor command_;      // its pidfd
  std::optional<Error> not_begun_;
  bool is_lost_ = false;
  std::optional<local::Broken> was_reset_;  // while it ran
  std::optional<bool> said_quorum_;
};

// ---- waiting

Result<cli::Exit> Meeting::wait_for_release() {
  std::optional<Instant> deadline;
  const Instant answer_by = cli::must_answer_by(line_.peer(), process::boot_now());
  if (settings_.wait) deadline = process::boot_now() + *settings_.wait;
  if (arrival_.fail) deadline = process::boot_now();  // it waits for nobody but a leader
  bool cancelled = false;
  for (;;) {
    auto answer = line_.peer().wait(deadline);
    if (!answer && !cancelled) {
      note("the peer is gone: arriving again when it is back");
      if (!line_.come_back_by(deadline)) return departed({});
      continue;
    }
    if (!answer || (!answer->has_value() && cancelled)) return departed({});
    if (!answer->has_value()) {
      cancelled = true;
      (void)line_.peer().send(local::Cancel{only_request});  // a peer that is gone is seen below
      deadline = std::max(process::boot_now() + answer_patience, answer_by);
      continue;
    }
    if (const auto* passed = std::get_if<local::Passed>(&**answer)) {
      arrival_.generation = passed->generation;
      note((passed->late ? "passed late, generation " : "passed, generation ") +
           std::to_string(passed->generation));
      if (passed->late && arrival_.fail) tell("too late: the others have passed");
      if (passed->late) return end(cli::Exit::late, passed->record);
      if (passed->session == SessionId{}) return end(cli::Exit::done, passed->record);
      return run_command(*passed);
    }
    if (const auto* met = std::get_if<local::TurnComes>(&**answer)) {
      arrival_.generation = met->generation;
      deadline.reset();
      cancelled = false;
      note(fmt::format("released, generation {}: waiting for its turn", met->generation));
    }
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) return refused(*refusal);
    if (const auto* left = std::get_if<local::Departed>(&**answer)) return departed(*left);
    if (const auto* breaks = std::get_if<local::Broken>(&**answer)) return broken(*breaks);
    if (const auto* lost = std::get_if<local::Lost>(&**answer))
      return Error{ErrorKind::unavailable, object(), lost->why,
                   "this host was stopped or overloaded: try again"};
    if (const auto* waiting = std::get_if<local::Waiting>(&**answer)) {
      if (waiting->generation != 0) arrival_.generation = waiting->generation;
      if (std::exchange(said_quorum_, waiting->quorum) != waiting->quorum) say_waiting(*waiting);
    }
  }
}

// That there is no majority is said at a terminal without --verbose too.
void Meeting::say_waiting(const local::Waiting& waiting) {
  if (waiting.quorum) return note("waiting for the others");
  if (settings_.verbose || cli::wonders_why(settings_.quiet, line_.peer().welcome().scope))
    tell(cli::waiting_for_majority(waiting));
}

Result<cli::Exit> Meeting::refused(const local::Refused& answer) const {
  switch (answer.kind) {
    case local::RefusedKind::mismatch:
      return Error{ErrorKind::usage, object(), answer.why, ""};
    case local::RefusedKind::unknown:
      return Error{ErrorKind::unknown, object(), answer.why, ""};
    default:
      return Error{ErrorKind::unavailable, object(), answer.why, ""};
  }
}

Result<cli::Exit> Meeting::departed(const local::Departed& answer) {
  if (!answer.quorum) {
    return Error{ErrorKind::unavailable, object(), cli::no_quorum_text(answer.not_begun), "see dpeers"};
  }
  std::string text = fmt::format("timed out: {} of {} were there", answer.arrived, *settings_.count);
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, answer.missing.size()); ++i)
    text += (i == 0 ? ", missing: " : ", ") + cli::shown(answer.missing[i]);
  if (answer.missing.size() > shown) text += fmt::format(" and {} more", answer.missing.size() - shown);
  tell(text);
  std::optional<local::BarrierRecord> record = answer.record;
  if (record) {
    add_this_one(*record);
    record->missing = answer.missing;
  }
  return end(static_cast<cli::Exit>(settings_.conflict_status), record, "timeout");
}

// Its arrival was taken back: it was there until now all the same.
void Meeting::add_this_one(local::BarrierRecord& record) const {
  local::Participant self;
  self.id = arrival_.id;
  self.host = host_name();
  self.arrived = arrived_;
  self.command = arrival_.command;
  const auto place = std::ranges::lower_bound(record.participants, self.id, {}, &local::Participant::id);
  if (place == record.participants.end() || place->id != self.id)
    record.participants.insert(place, std::move(self));
}

Result<cli::Exit> Meeting::broken(const local::Broken& answer) {
  const bool as_asked = arrival_.fail && answer.cause == service::BreakCause::said;
  const std::string text = broken_text(answer.dead, answer.cause, answer.why);
  if (as_asked) {
    note(text);
  } else {
    tell(text);
  }
  return end(as_asked ? cli::Exit::done : cli::Exit::failed, answer.record);
}

Result<cli::Exit> Meeting::end(cli::Exit exit, const std::optional<local::BarrierRecord>& record,
                               const char* outcome) {
  if (!record || settings_.report.empty()) return exit;
  if (settings_.report == "-") {
    const bool terminal = cli::is_terminal(STDERR_FILENO);
    const std::string text =
        text_of(*record, wall_now(), terminal ? cli::terminal_width(STDERR_FILENO) : cli::Table::any_width,
                cli::wants_color(STDERR_FILENO));
    const bool written =
        ::write(STDERR_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    return !written && exit == cli::Exit::done ? cli::Exit::output : exit;
  }
  const Status written = cli::write_report(settings_.report, json_of(*record, wall_now(), outcome));
  if (!written && exit == cli::Exit::done) return written.error();
  if (!written) cli::complain("dbarrier", written.error());
  return exit;
}

// ---- with a command

cli::Deadline Meeting::deadline(Instant sent) const {
  const Instant kill = lease::stop_by(sent, settings_.ttl);
  return {kill - settings_.grace(), kill};
}

cli::Program Meeting::program(const local::Passed& passed, int hold) const {
  cli::Program program;
  program.argv = settings_.command.argv;
  program.inherited = {hold};
  program.environment = {{"DBARRIER_NAME", settings_.name},
                         {"DBARRIER_GENERATION", std::to_string(passed.generation)},
                         {"DBARRIER_ID", arrival_.id},
                         {"DBARRIER_COUNT", std::to_string(*settings_.count)}};
  return program;
}

// While the command runs: renewals move its deadline, a loss ends it; a peer that is gone leaves the deadline
// where it is, and is looked for until then.
void Meeting::hear_peer(cli::Child& child, const local::Answer& answer) {
  if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    line_.calm();
    sent_ = std::max(sent_, renewed->sent);
    child.limit(cli::StopCause::lost, deadline(sent_));
  } else if (const auto* passed = std::get_if<local::Passed>(&answer)) {
    (void)take_hold();  // the arrival has a new session
    sent_ = passed->sent;
    child.limit(cli::StopCause::lost, deadline(sent_));
    say_started();
  } else if (const auto* reset = std::get_if<local::Broken>(&answer)) {
    was_reset_ = *reset;  // nobody waits for this command any more: it need not be stopped
    child.unlimit(cli::StopCause::lost);
  } else if (const auto* lost = std::get_if<local::Lost>(&answer)) {
    const Instant now = process::boot_now();
    is_lost_ = true;
    child.limit(cli::StopCause::lost, {now, now});
    speaker_.stopped(object(), fmt::format("lost: {}", lost->why));
  }
}

Status Meeting::take_hold() {
  auto hold = line_.peer().take_hold();
  if (!hold) return hold.error();
  hold_ = std::move(*hold);
  return done();
}

void Meeting::say_started() {
  (void)line_.peer().send({started_, command_.get()});  // a peer that is gone is seen by who hears it next
}

// Waits for the peer's word that the command may begin, and is guarded there; as long as it could begin. We
// may have been stopped: all that has come meanwhile is heard before the clock is looked at.
bool Meeting::hear_taken_up() {
  bool met = true;  // by what it has said we know which release the peer is of
  bool begins = false;
  const auto too_late = [this] { return process::boot_now() >= deadline(sent_).term_at; };
  for (;;) {
    if (line_.away()) {
      met = false;
      if (begins || !line_.come_back_by(deadline(sent_).term_at)) break;
    }
    auto answer = line_.peer().receive();
    if (answer && !answer->has_value()) {
      if (too_late()) break;
      if (begins || (met && line_.peer().speaks() < 2)) return true;  // an older one gives no word on it
      answer = line_.peer().wait(deadline(sent_).term_at);
    }
    if (!answer) line_.broken();
    if (!answer || !answer->has_value()) continue;
    if (std::holds_alternative<local::TakenUp>(**answer)) begins = true;
    if (const auto* renewed = std::get_if<local::Renewed>(&**answer)) sent_ = std::max(sent_, renewed->sent);
    if (const auto* passed = std::get_if<local::Passed>(&**answer)) {  // the arrival has a new session
      met = true;
      if (Status whole = take_hold(); !whole) {
        not_begun_ = whole.error();
        return false;
      }
      sent_ = passed->sent;
      say_started();
    }
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) {
      not_begun_ = Error{ErrorKind::unavailable, object(), refusal->why, ""};
      return false;
    }
    if (const auto* reset = std::get_if<local::Broken>(&**answer)) was_reset_ = *reset;
    if (was_reset_ || std::holds_alternative<local::Lost>(**answer)) break;
  }
  if (begins && line_.away() && !too_late()) return true;
  not_begun_ = Error{ErrorKind::unavailable, object(), "the command was not begun in time",
                     "this host was stopped or overloaded: try again"};
  return false;
}

Result<cli::Exit> Meeting::run_command(const local::Passed& passed) {
  if (Status whole = take_hold(); !whole) return whole.error();
  sent_ = passed.sent;
  Instant began = process::boot_now();
  const cli::Gate gate{
      [&](cli::Suspended& child) {
        started_ = {only_request, static_cast<std::uint32_t>(child.pid()), settings_.grace()};
        command_ = child.take_pidfd();
        if (line_.peer().speaks() >= 2) say_started();
      },
      [&] {
        const auto word = hear_taken_up();
        began = process::boot_now();
        return word;
      },
      [this] { return deadline(sent_).kill_at; }};
  auto started = cli::Child::start(program(passed, hold_.get()), process::Cgroup::create(), &gate);
  cli::Outcome outcome;
  if (const auto* failed = std::get_if<cli::SpawnError>(&started)) {
    cli::complain("dbarrier", failed->error);
    outcome.code = static_cast<int>(failed->exit);
  } else if (std::get<std::unique_ptr<cli::Child>>(started) == nullptr) {
    return was_reset_ ? broken(*was_reset_) : Result<cli::Exit>(*not_begun_);
  } else {
    cli::Child& child = *std::get<std::unique_ptr<cli::Child>>(started);
    child.limit(cli::StopCause::lost, deadline(sent_));
    child.on_stop([&](cli::StopCause) { speaker_.stopped(object(), cli::not_renewed(sent_, line_.away())); });
    if (line_.peer().speaks() < 2) say_started();
    line_.attend(child, {[&](const local::Answer& answer) { hear_peer(child, answer); },
                         [&](const Error& gone) {
                           if (settings_.verbose)
                             speaker_.say(fmt::format(
                                 "{}: the peer is gone: the command may run until the lease ends: {}",
                                 object(), gone.text()));
                         }});
    outcome = child.run();
    if (outcome.may_be_stopped_by_another()) {
      line_.catch_up(child);
      if (is_lost_) outcome.stopped = cli::StopCause::lost;
    }
  }
  hold_.reset();
  started = cli::SpawnError{};  // the child's signals are ours again
  if (outcome.stopped == cli::StopCause::lost) {
    speaker_.finish();
    return cli::Exit::lost;
  }
  const local::Ended ended{only_request, static_cast<std::int32_t>(outcome.exit()),
                           process::boot_now() - began};
  (void)line_.peer().send(ended);  // a peer that is gone is seen below
  speaker_.finish();
  auto result = wait_for_others(ended, outcome);
  cli::die_as_interrupted(outcome);
  return result;
}

Result<cli::Exit> Meeting::wait_for_others(const local::Ended& ended, const cli::Outcome& outcome) {
  const cli::Exit own = outcome.exit();
  const auto unless_failed = [&](cli::Exit exit) { return own == cli::Exit::done ? exit : own; };
  if (was_reset_) return end(unless_failed(cli::Exit::failed), was_reset_->record);
  for (;;) {
    auto answer = line_.peer().wait(std::nullopt);
    if (!answer) {
      (void)line_.come_back_by(std::nullopt);
      continue;
    }
    if (const auto* all = std::get_if<local::AllEnded>(&**answer)) {
      const bool siblings = settings_.all_or_fail && all->failed > 0;
      if (siblings) tell(fmt::format("{} of the other commands failed", all->failed));
      return end(siblings ? unless_failed(cli::Exit::failed) : own, all->record);
    }
    if (const auto* reset = std::get_if<local::Broken>(&**answer)) {
      tell(broken_text(reset->dead, reset->cause, reset->why));
      return end(unless_failed(cli::Exit::failed), reset->record);
    }
    // The peer was started again before it knew that the command has ended.
    if (std::holds_alternative<local::Passed>(**answer)) (void)line_.peer().send(ended);
    if (std::holds_alternative<local::Refused>(**answer) || std::holds_alternative<local::Lost>(**answer)) {
      tell("the fate of the others is not known");
      return unless_failed(cli::Exit::unknown);
    }
  }
}

}  // namespace

namespace {

// Before anything is waited for: a file that cannot be written is known, and an earlier run's report does not
// stay in place of one that is never made. A pipe or device is left alone until there is something to write.
Status clear_report(const std::string& path) {
  struct stat status {};
  const bool known = ::stat(path.c_str(), &status) == 0;
  if (path.empty() || path == "-" || (known && !S_ISREG(status.st_mode))) return done();
  const auto file = cli::open_output_file(path, fmt::format("report {}", cli::shown(path)));
  return file ? done() : Status(file.error());
}

}  // namespace

Result<cli::Exit> meet(const Settings& settings) {
  if (Status cleared = clear_report(settings.report); !cleared) return cleared.error();
  local::Arrive arrival = request_of(settings);
  auto peer = say_arrival(settings, arrival);
  if (!peer) return peer.error();
  return Meeting(settings, std::move(arrival), std::move(*peer)).wait_for_release();
}

}  // namespace coord::dbarrier
