// SPDX-License-Identifier: MIT
// dlock NAME COMMAND once its session has the name: the token is told, or it
// enters by an algorithm or by an engine's own queue.
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run_report.hpp"
#include "cli/terminal.hpp"
#include "dlock/native.hpp"
#include "dlock/run_attempt.hpp"
#include "dlock/settings.hpp"
#include "dlock/take_part.hpp"
#include "process/boot_time.hpp"

namespace coord::dlock {

// --acquire: the hold is the process's from now on.
Result<Run::Ended> Run::tell_token() {
  const auto ours = take_up();
  if (!ours) return ours.error();
  if (!*ours) return Ended();
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is no end of us
  cli::print(fmt::format("{}\n", session_.grant().token.value));
  const Status told = cli::flush();
  (void)std::signal(SIGPIPE, before);
  if (told) return Ended(cli::Exit::done);
  take_back();  // our caller will believe that it has nothing
  if (told.error().what == cli::output_error(EPIPE).what && before != SIG_IGN) (void)std::raise(SIGPIPE);
  return told.error();
}

// --algorithm, once it has entered. Nothing: its turn had passed on before it began. `is_taken_up`: without a
// process, before it entered.
Result<Run::Ended> Run::begin_inside(bool is_taken_up) {
  auto ours = is_taken_up ? session_.taken_up() : Result<bool>(true);
  if (!ours) session_.let_go();
  if (!ours) return ours.error();
  if (!*ours) return session_.passed_on() ? Ended() : lost_before_it_began();
  Beginning beginning(session_.grant().session, *report_.token, cli::shown(settings_.name_list));
  session_.ask(beginning.along());  // while the command is forked
  auto ended = settings_.no_fork ? become_command(&beginning) : run_command(&beginning);
  const auto instead = beginning.instead();
  if (!instead || !ended || *ended) return ended;
  if (instead->ok() && std::holds_alternative<agreements::PassedOn>(**instead)) {
    return enter_and_run();  // no command of it is there any more
  }
  session_.let_go();
  if (!*instead) return instead->error();
  const auto* missing = std::get_if<agreements::Missing>(&**instead);
  return missing != nullptr ? waits_for_next(*missing) : lost_before_it_began();
}

Result<Run::Ended> Run::entered(agreements::Entered in, bool is_taken_up) {
  report_.wait = process::boot_now() - asked_;
  report_.token = in.token;
  report_.entry->messages = std::move(in.messages);
  report_.entry->epoch = in.epoch;
  report_.entry->sites = std::move(in.hosts);
  report_.entry->delays = in.delays;
  report_.entry->from_exit = in.from_exit;
  report_.entry->epoch_sent = in.sent;
  report_.entry->epoch_received = in.received;
  note(fmt::format("{}: entered after {} s under token {}", cli::shown(settings_.name_list),
                   milliseconds_of(report_.wait), in.token.value));
  return begin_inside(is_taken_up);
}

// --algorithm: it takes part, and waits to enter.
Result<Run::Ended> Run::enter_and_run() {
  const std::string object = cli::shown(settings_.name_list);
  const Instant end = asked_ + settings_.wait.value_or(std::chrono::hours(24 * 365));
  if (auto ahead = std::exchange(ahead_, {}); entered_ahead(session_, object, ahead))
    return entered(std::move(*ahead), false);
  session_.begin_to_take_up();
  auto entry = enter(session_, object, end, settings_.no_wait);
  report_.wait = process::boot_now() - asked_;
  if (session_.passed_on()) return Ended();
  if (auto* in = entry ? std::get_if<agreements::Entered>(&*entry) : nullptr)
    return entered(std::move(*in), true);
  const bool lost = session_.lost();
  session_.let_go();
  if (!entry) return entry.error();
  if (const auto* missing = std::get_if<agreements::Missing>(&*entry)) return waits_for_next(*missing);
  if (lost) again_ = Token{};
  if (lost) return Ended(cli::Exit::no);
  const auto over = end_unlocked(not_acquired({cli::only_request, std::get<NotEntered>(*entry).quorum, {}}));
  return over ? Result<Ended>(Ended(*over)) : Result<Ended>(over.error());
}

// --native: what is held already excludes nobody but this host's others; the engine's queue is the line.
Result<Run::Ended> Run::lock_native_and_run() {
  const std::string object = cli::shown(settings_.name_list);
  const auto ours = take_up();
  if (!ours) return ours.error();
  if (!*ours) return Ended();
  const Instant end = asked_ + settings_.wait.value_or(std::chrono::hours(24 * 365));
  const bool tells = settings_.verbose || (!settings_.quiet && cli::is_terminal(STDERR_FILENO));
  auto entry = lock_native(session_, settings_, end, [&](const std::string& behind) {
    if (tells) cli::notice("dlock", fmt::format("{}: waiting for {}", object, cli::shown(behind)));
  });
  report_.wait = process::boot_now() - asked_;
  if (entry && std::holds_alternative<native::Locked>(*entry)) {
    note(
        fmt::format("{}: acquired after {} s by the engine's recipe", object, milliseconds_of(report_.wait)));
    return settings_.no_fork ? become_command() : run_command();
  }
  const bool lost = session_.lost();
  session_.let_go();
  if (!entry) return entry.error();
  const bool reached = std::get<NotNative>(*entry).reached && !lost;
  const auto over = end_unlocked(
      reached ? not_acquired({cli::only_request, true, {}})
              : NotRun{cli::Exit::unavailable, "no_quorum", "the engine does not answer: see dpeers doctor"});
  return over ? Result<Ended>(Ended(*over)) : Result<Ended>(over.error());
}

}  // namespace coord::dlock
