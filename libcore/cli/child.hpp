// SPDX-License-Identifier: MIT
// A command that runs under a guard: its status is passed on exactly, signals reach it, and when the right to
// run is lost it is stopped with all its descendants before anyone else can get that right.
//
// The command stays in our process group (job control and Ctrl-C work as without us). TERM, HUP, USR1, USR2
// and ALRM that we get are passed on to it, unless their sender has sent them to it as well (sentinel.hpp);
// INT and QUIT are when a process sent them: a terminal sends its own to the command as well.
//
// Deadlines are Instants of CLOCK_BOOTTIME (process/boot_time.hpp) and move with each renewal. At term_at the
// command and its descendants get TERM and CONT; at kill_at they get KILL, again and again until none is
// left. They are found through a control group where one can be made, and by the walk of
// process/process_tree.hpp, for which we are their subreaper. Once TERM was sent there is no way back: a
// later deadline of a late renewal is not taken.
//
// Threading: one thread, one Child at a time in a process; run() blocks. What comes between start() and run()
// may call exec-free code only. If we are stopped ourselves (Ctrl-Z, SIGSTOP) we cannot stop others: coordd's
// guard does, and we as soon as we go on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/time.hpp"
#include "cli/sentinel.hpp"
#include "cli/spawn.hpp"
#include "process/cgroup.hpp"
#include "process/process_tree.hpp"

namespace coord::cli {

// Why a command may no longer run.
enum class StopCause { lost, max_run, ordered };

struct Deadline {
  Instant term_at;
  Instant kill_at;
};

// How it ended.
struct Outcome {
  int code = 0;                          // its exit status if it exited
  int signal = 0;                        // the signal that ended it, or 0
  std::optional<StopCause> stopped;      // we stopped it
  bool killed = false;                   // TERM was not enough
  std::size_t refused = 0;               // descendants of other users that we could not stop
  bool interrupted_by_terminal = false;  // Ctrl-C or Ctrl-\ reached both us and the command

  // The command's own status, 128+n for signal n; 75 or 124 where it was stopped because of a
  // loss or --max-run.
  Exit exit() const;
  // Not stopped by us, but by a signal that another guard sends.
  bool may_be_stopped_by_another() const;
};

// What else the guard waits for: a descriptor (the peer's socket) and a time. The callbacks may
// call the Child's methods and replace the watch. A descriptor that is always ready starves
// nothing, but costs processor time.
struct Watch {
  int fd = -1;
  short events = 0;                  // poll(2)
  std::function<void(short)> ready;  // with the events that came
  std::optional<Instant> at;         // CLOCK_BOOTTIME; once, then it is cleared
  std::function<void()> due;
};

// What has to be settled after the command was forked and before it may begin: its guards must have it by
// then. While that is waited for signals end us as they did before, and the command with us.
struct Gate {
  std::function<void(Suspended&)> ask;  // begins to settle it; there is something to do meanwhile
  std::function<bool()> opens;          // waits; false: it must not begin
  std::function<Instant()> until;       // it opened, and is shut again then
};

class Child {
 public:
  // Makes us a subreaper, blocks the signals named above and executes the program; in a new control group, in
  // one that was made before, while there was something to wait for, or in none. Null: the gate did not open,
  // and nothing has run.
  static std::variant<std::unique_ptr<Child>, SpawnError> start(const Program& program,
                                                                bool use_cgroup = true);
  static std::variant<std::unique_ptr<Child>, SpawnError> start(const Program& program,
                                                                std::optional<process::Cgroup> group,
                                                                const Gate* gate = nullptr);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // gives back the signal mask; whatever still runs goes on running

  pid_t pid() const { return id_.pid; }
  const process::ProcessId& id() const { return id_; }
  const std::string& cgroup() const;  // for a second guard; empty: none

  void limit(StopCause cause, Deadline deadline);  // sets or moves the deadline of this cause
  void unlimit(StopCause cause);
  // Called once, when the command and its descendants have just been told to end, or are about to be killed.
  // It must wait for nothing.
  void on_stop(std::function<void(StopCause)> told) { told_ = std::move(told); }
  void spare(const process::ProcessId& id);  // a process that we started and that is not the command's
  Watch& watch() { return watch_; }

  // Until the command has ended, or was stopped with all its descendants. Call once.
  Outcome run();
  // After run(): whose end removes the control group, for who has a better moment for it.
  std::optional<process::Cgroup> take_group() { return std::exchange(group_, std::nullopt); }
  // The sentinel is on its way out of that group; to be destroyed before it.
  std::unique_ptr<Sentinel> take_sentinel() { return std::move(sentinel_); }

 private:
  explicit Child(std::optional<process::Cgroup> group);
  enum class Stage { running, terminating, killing };

  void hear_of_ends();
  void block_signals();
  void read_signals();
  void caught(int signal, bool from_terminal);
  void post_sentinel();
  void pass_on(Instant now);
  void reap();
  void advance(Instant now);
  void begin_stop(Instant now);
  void kill_round(Instant now);
  bool nobody_left(bool seen) const;
  std::optional<Instant> next_wake(Instant now) const;
  void wait_for_event(Instant now);
  bool finished();

  std::optional<process::Cgroup> group_;
  std::unique_ptr<Sentinel> sentinel_;
  std::optional<Instant> post_at_;
  std::map<int, Instant> held_back_;  // caught signals, and since when
  // The signal mask and SIGCHLD disposition with which our caller started us: the command gets them back.
  struct Heritage {
    std::optional<sigset_t> mask;
    struct sigaction child;
  };
  Heritage heritage_{};
  process::ProcessId id_;
  process::ProcessTree tree_;
  int signal_fd_ = -1, timer_fd_ = -1;
  Watch watch_;
  std::function<void(StopCause)> told_;
  std::map<StopCause, Deadline> deadlines_;
  Stage stage_ = Stage::running;
  Instant kill_at_{};      // from TERM on
  Duration kill_pause_{};  // between two rounds of KILL
  Instant next_round_{};
  int quiet_rounds_ = 0;  // of KILL, one after the other, that reached nobody
  bool has_spared_ = false;
  bool ended_ = false, emptied_ = false;
  Outcome outcome_;
};

// After everything is done: dies of the INT or QUIT that a terminal sent to us and to the command,
// so that the calling shell sees that its user interrupted us and does not go on with its script.
// Does nothing in all other cases.
void die_as_interrupted(const Outcome& outcome);

}  // namespace coord::cli
