// Starting a command: the execution itself, with its errors as values.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "cli/exit_status.hpp"

namespace coord::cli {

// The command as it should run. It gets our process group, terminal, directory and all environment but what
// is set here.
struct Program {
  std::vector<std::string> argv;                                 // not empty; found along PATH
  std::vector<std::pair<std::string, std::string>> environment;  // set on top of ours
  std::vector<int> inherited;  // descriptors that are close-on-exec here and not there
};

// The signal mask and SIGCHLD disposition with which our caller started us: the command gets them back.
struct SignalHeritage {
  sigset_t mask;
  struct sigaction child;
};

struct SpawnError {
  Exit exit;  // not_found or not_executable (or internal: no process to be had)
  Error error;
};

// Forks and executes; returns once the command runs or could not be executed. `cgroup_fd`: of the directory
// of the control group to be born in, or -1. `in_cgroup` says afterwards whether that worked (old kernels and
// containers refuse).
std::variant<pid_t, SpawnError> spawn(const Program& program, const SignalHeritage& heritage, int cgroup_fd,
                                      bool& in_cgroup);

// Becomes the program: nothing of this process is left but its id and what `inherited` names. Returns only if
// the program could not be executed.
SpawnError replace_by(const Program& program);

}  // namespace coord::cli
