// SPDX-License-Identifier: MIT
#include "cli/trial.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "cli/run.hpp"

namespace coord::cli {

namespace {

constexpr int not_traced = 0;  // of a child that has found nothing out

[[noreturn]] void try_it(std::string_view tool, const Program& program) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(not_traced);
  const SpawnError error = replace_by(program);
  complain(tool, error.error);
  ::_exit(static_cast<int>(error.exit));
}

}  // namespace

std::optional<Exit> cannot_start(std::string_view tool, const Program& program) {
  struct sigaction plain {
  }, before{};
  plain.sa_handler = SIG_DFL;  // where SIGCHLD was ignored no status would be kept for us
  ::sigaction(SIGCHLD, &plain, &before);
  const pid_t child = ::fork();
  if (child == 0) try_it(tool, program);
  int status = 0;
  pid_t seen = -1;
  while (child > 0 && (seen = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  // Stopped: it was executed, or a signal came while it was about to be; both are no news.
  if (seen == child && WIFSTOPPED(status)) {
    ::kill(child, SIGKILL);
    int last = 0;
    while (::waitpid(child, &last, 0) < 0 && errno == EINTR) continue;
  }
  ::sigaction(SIGCHLD, &before, nullptr);
  if (seen != child || !WIFEXITED(status) || WEXITSTATUS(status) == not_traced) return std::nullopt;
  return Exit{WEXITSTATUS(status)};
}

}  // namespace coord::cli
