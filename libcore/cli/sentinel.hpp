// SPDX-License-Identifier: MIT
// Who else got the signal that we got?
//
// The problem: a wrapper passes the signals that it gets on to its command. But `kill -TERM -PGID`, `timeout`
// and service managers signal the command as well, which then gets each of them twice; and a second TERM
// makes many programs give up their orderly end. The obvious answers fail. Who sent it is no help: a script
// without job control signals one process from within the same group. A process group of its own for the
// command would leave it behind at `kill -9 -PGID`, and out of the terminal's sight.
//
// So a process stands beside the command: in our process group and in the command's control group, with
// a name and a command line of its own, no descriptor, no work. Whoever signals the group or the
// control group signals it, too; whoever means one process (kill PID, pkill dlock) does not. It blocks
// all signals and notes when it got which. A caught signal is held back for a moment: if the sentinel
// has got the same one meanwhile, so has the command, as long as it is where the sentinel is. In doubt
// it is passed on: twice beats never.
//
// It ends with us, however we end. Threading: one owner; it is forked, so no threads beside.
#pragma once

#include <sys/types.h>

#include <memory>

#include "base/time.hpp"
#include "process/process_id.hpp"

namespace coord::cli {

class Sentinel {
 public:
  // `cgroup_fd`: of the control group to stand in, or -1. Null: no process or memory to be had.
  static std::unique_ptr<Sentinel> post(int cgroup_fd);
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;
  ~Sentinel();  // waits for its end

  pid_t pid() const { return pid_; }
  // Ends it, without waiting for that.
  void dismiss();
  // It was reaped by somebody who waits for all of our children.
  void reaped() { pid_ = 0; }

  // Whether it has got `signal`, no longer ago than `since` (CLOCK_BOOTTIME), and stands where `command` is.
  // What was asked for once does not count again.
  bool shares(int signal, Instant since, const process::ProcessId& command);

 private:
  struct Notes;
  Sentinel(pid_t pid, Notes* notes) : pid_(pid), notes_(notes) {}
  bool has_got(int signal, Instant since);

  pid_t pid_;
  Notes* notes_;  // shared with it
};

}  // namespace coord::cli
