// SPDX-License-Identifier: MIT
// One attempt of dlock NAME COMMAND, from the moment that the lock was asked for until it is let go.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/follow.hpp"
#include "cli/held_session.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "dlock/settings.hpp"
#include "dlock/take_part.hpp"

namespace coord::dlock {

// How a run ends that did not get its lock.
struct NotRun {
  cli::Exit exit;
  std::string outcome;
  std::string why;  // empty: nothing to say
};

// For people; --report has it exactly.
inline std::string milliseconds_of(Duration time) {
  return cli::seconds_text(std::chrono::round<std::chrono::milliseconds>(time));
}

class Run {
 public:
  // `holder`: pidfd of the process that shall hold (--acquire), or -1.
  // `log`: open, if the epoch's events are to be written there.
  Run(const Settings& settings, engine::LocalConnection peer, cli::RunReport& report, const Descriptor& log,
      Instant asked, int holder, std::optional<process::Cgroup> group);

  Result<cli::Exit> whole();
  // It took part in an epoch in which nobody enters any more (0: its session was lost): to be asked for anew.
  std::optional<Token> again() const { return again_; }
  // It named no sites, and there was no epoch: to be asked for anew with them, now.
  bool found_no_epoch() const { return found_no_epoch_; }

 private:
  NotRun refused(const local::Refused& answer) const;
  NotRun not_acquired(const local::Cancelled& over) const;
  Result<cli::Exit> end_unlocked(const NotRun& end);
  // Nothing: the turn was passed on before anything was begun.
  using Ended = std::optional<cli::Exit>;
  Result<Ended> run_locked();
  Result<Ended> enter_and_run();
  Result<Ended> lock_native_and_run();
  Result<Ended> entered(agreements::Entered in, bool is_taken_up);
  Result<Ended> begin_inside(bool is_taken_up);
  Result<Ended> run_command(const Beginning* beginning = nullptr);
  Ended lost_before_it_began();
  Ended waits_for_next(const agreements::Missing& missing);
  Result<Ended> become_command(const Beginning* beginning = nullptr);
  Result<Ended> run_permitted();
  Result<Ended> tell_token();
  Result<bool> take_up(std::uint32_t pid = 0, int pidfd = -1, const Beginning* beginning = nullptr);
  void take_back();
  cli::Program program() const;
  cli::Exit failed(const cli::SpawnError& error);
  cli::Exit end_run(const cli::Outcome& outcome);
  void say_waiting(const local::Waiting& waiting);
  void write_log() const;
  void note(const std::string& text) const {
    if (settings_.verbose) cli::notice("dlock", text);
  }

  const Settings& settings_;
  cli::RunReport& report_;
  const Descriptor& log_;
  Instant asked_;
  cli::HeldSession session_;
  std::optional<Token> again_;
  bool found_no_epoch_ = false;
  std::optional<agreements::Entered> ahead_;  // it has entered, before it knew that it takes part
  std::optional<bool> said_;                  // what we wait for: our turn (true) or a majority
};

}  // namespace coord::dlock
