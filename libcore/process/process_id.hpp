// SPDX-License-Identifier: MIT
// Processes by an identity that does not repeat: a pid may be given to another process at any time, a pid
// together with its start time is not. Signals go through a pidfd whose identity was checked, so that they
// cannot reach a stranger.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <optional>

namespace coord::process {

struct ProcessId {
  pid_t pid = 0;
  // since boot, in clock ticks (proc(5), field 22): unique for a pid within one boot
  std::uint64_t start_ticks = 0;
  auto operator<=>(const ProcessId&) const = default;
};

// What /proc/PID/stat says of a process at one moment.
struct ProcessState {
  ProcessId id;
  pid_t parent = 0;
  pid_t group = 0;
  char state = '?';  // of its first thread; proc(5): R S D T t Z X ...
  int threads = 1;   // a process whose first thread has ended runs on in the others
  bool ended() const { return (state == 'Z' && threads <= 1) || state == 'X' || state == 'x'; }
  bool stopped() const { return state == 'T'; }
};

// Nothing if there is no such process (any more).
std::optional<ProcessState> read_process(pid_t pid);

// The user whose process it is: its real user id, which a setuid program leaves alone. Nothing if it is gone.
std::optional<uid_t> user_of(pid_t pid);

// Whether the signal was sent to it and is still to be taken.
bool has_pending(pid_t pid, int signal);

// What a pid is at this moment, asked in a tenth of the time that reading /proc takes.
enum class Life { none, ended, runs };
Life life_of(pid_t pid);

// Whether the process still runs (a zombie does not).
bool is_running(const ProcessId& id);

enum class Sent { delivered, gone, refused };  // refused: not permitted (another user's process)
Sent send_signal(const ProcessId& id, int signal);

}  // namespace coord::process
