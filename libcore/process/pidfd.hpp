// SPDX-License-Identifier: MIT
// Which process somebody means who is in another PID namespace than ours.
//
// The problem. The same process has another number in each PID namespace, and the same number is another
// process. A pid that a tool in a container writes down, looked up by its peer on the host, is a stranger's;
// whoever is guarded under it gets killed. The way here: nobody's number is taken. A process is shown by a
// pidfd, which names it in every namespace, and the kernel says what number it has in ours (fdinfo's Pid);
// where there is no pidfd the other one's namespace must be ours, by the kernel's word as well.
//
// All of it reads /proc, which may show another namespace than the one that kill(2) works in (a namespace
// that was made without mounting its own): then numbers of the one would be used in the other.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "process/process_id.hpp"

namespace coord::process {

// /proc shows this process under its own number, so it is of our PID namespace. Asked once.
bool proc_is_ours();

// The process's own PID namespace is the one that /proc shows, and none below it.
// False as well if it is gone.
bool in_our_namespace(pid_t pid);

// The number that the process has in its own PID namespace; 0: it is gone.
pid_t own_number(pid_t pid);

// Closed on execution; not open where there is no such process, or the kernel has no such descriptors.
Descriptor open_pidfd(pid_t pid);

// The living process that a descriptor stands for, with its number here. An error says what is wrong: it is
// no pidfd, the process has ended, or it has no number in our namespace (it is not in it, nor below).
Result<ProcessState> process_behind(int pidfd);

// How somebody names a process: by its descriptor if he passes such (-1: it has not come along); by its
// number alone if he is of a release that does not.
struct Naming {
  bool passes = false;
  int pidfd = -1;
  std::uint32_t number = 0;
  pid_t asker = 0;  // 0: gone, or not known
};
// The living process that is meant. Only of an asker in our own namespace does a number count.
Result<ProcessState> process_meant(const Naming& naming);

// The living process at the other end of a Unix socket, as of its connecting: SO_PEERPIDFD, or where the
// kernel has no such option the pid of SO_PEERCRED, if that process is not younger than `at_latest`, in
// clock ticks since boot.
std::optional<ProcessId> process_at_other_end(int socket, std::uint64_t at_latest);

// Clock ticks since boot, as in ProcessId::start_ticks.
std::uint64_t ticks_now();

}  // namespace coord::process
