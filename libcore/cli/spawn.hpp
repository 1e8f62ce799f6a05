// SPDX-License-Identifier: MIT
// Starting a command: the execution itself, with its errors as values.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/exit_status.hpp"

namespace coord::cli {

// The command as it should run. It gets our process group, terminal, directory and all environment but what
// is set here.
struct Program {
  std::vector<std::string> argv;                                 // not empty; found along PATH
  std::vector<std::pair<std::string, std::string>> environment;  // set on top of ours
  std::vector<int> inherited;  // descriptors that are close-on-exec here and not there
};

struct SpawnError {
  Exit exit;  // not_found or not_executable (or internal: no process to be had)
  Error error;
};

// A program that was forked and waits for the word to begin: nothing of it has run. Signals reach it as they
// reach us now, our mask is its own. It never begins without the word, also if we die.
class Suspended {
 public:
  // `cgroup_fd`: of the directory of the control group to be born in, or -1. `on_child_end`: the disposition
  // of SIGCHLD that the program gets; ours must not be to ignore it.
  static std::variant<Suspended, SpawnError> fork(const Program& program, int cgroup_fd,
                                                  const struct sigaction& on_child_end);
  Suspended(Suspended&&) noexcept;
  Suspended& operator=(Suspended&&) = delete;
  ~Suspended();  // without the word: it is killed and reaped

  pid_t pid() const;
  Descriptor take_pidfd();  // not open: the kernel has none
  bool in_cgroup() const;   // whether that worked (old kernels and containers refuse)
  // The word, good until then; returns once the program runs (or has ended), or could not be executed. Killed
  // at `until` if it has not begun by then: somebody has stopped it. Once.
  std::optional<SpawnError> go(Instant until = Instant::max());

 private:
  struct Parts;
  explicit Suspended(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Becomes the program: nothing of this process is left but its id and what `inherited` names. Returns only if
// the program could not be executed.
SpawnError replace_by(const Program& program);

}  // namespace coord::cli
