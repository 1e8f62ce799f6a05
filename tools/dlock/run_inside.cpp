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

// --algorithm, once it has entered. Nothing: its turn had passed on before it began.
Result<Run::Ended> Run::begin_inside() {
  auto ours = session_.taken_up();
  if (!ours) session_.let_go();
  if (!ours) return ours.error();
  if (!*ours) return session_.passed_on() ? Ended() : lost_before_it_began();
  Beginning beginning(session_.grant().session, cli::shown(settings_.name_list));
  session_.ask(beginning.along());  // while the command is forked
  auto ended = settings_.no_fork ? become_command(&beginning) : run_command(&beginning);
  const auto instead = beginning.instead();
  if (!instead || !ended || *ended) return ended;
  if (instead->ok() && std::holds_alternative<agreements::PassedOn>(**instead)) {
    session_.begin_to_take_up();  // no command of it is there any more
    return enter_and_run();
  }
  session_.let_go();
  if (!*instead) return instead->error();
  const auto* missing = std::get_if<agreements::Missing>(&**instead);
  return missing != nullptr ? waits_for_next(*missing) : lost_before_it_began();
}

// --algorithm: it takes part, and waits to enter.
Result<Run::Ended> Run::enter_and_run() {
  const std::string object = cli::shown(settings_.name_list);
  const Instant end = asked_ + settings_.wait.value_or(std::chrono::hours(24 * 365));
  auto entry = enter(session_, object, end, settings_.no_wait);
  report_.wait = process::boot_now() - asked_;
  if (session_.passed_on()) return Ended();
  if (auto* entered = entry ? std::get_if<agreements::Entered>(&*entry) : nullptr) {
    report_.token = entered->token;
    report_.entry->messages = std::move(entered->messages);
    report_.entry->epoch = entered->epoch;
    report_.entry->sites = std::move(entered->hosts);
    report_.entry->delays = entered->delays;
    report_.entry->from_exit = entered->from_exit;
    report_.entry->epoch_sent = entered->sent;
    report_.entry->epoch_received = entered->received;
    note(fmt::format("{}: entered after {} s under token {}", object, milliseconds_of(report_.wait),
                     entered->token.value));
    return begin_inside();
  }
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
