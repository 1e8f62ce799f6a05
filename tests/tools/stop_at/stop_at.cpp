// SPDX-License-Identifier: MIT
// stop_at [--all] POINT FILE TOOL [ARG...]: runs a tool that takes a grant up, and stops it (SIGSTOP) at one
// point on the way (wire/local_taking.hpp). FILE gets the pid of who was stopped; all runs freely from then
// on. Ends as the tool does.
//
//   granted    the tool has read its grant
//   forked     it has forked the child that waits
//   asked      it has asked whether the grant is still its own
//   answered   it has read that it is
//   told       it has told the child to begin
//   waiting    the child, before it waits
//   begins     the child, before it executes the command
//   runs       the tool, when the child has executed the command
//
// --all: tool and child, as Ctrl-Z stops them. The points are seen by ptrace(2), at the ends of system calls.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::int64_t word_bytes = 8;  // of what the child is told (cli/spawn.cpp)

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "stop_at: %s: %s\n", what, std::strerror(errno));
  std::exit(70);
}

class Watch {
 public:
  Watch(pid_t tool, std::string_view point, bool all) : tool_(tool), point_(point), all_(all) {
    traced_[tool].has_begun = true;
  }

  // Who was stopped; 0: the tool has ended without coming to the point, with `status`.
  pid_t run(int& status) {
    for (;;) {
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0) fail("wait");
      if (!WIFSTOPPED(status)) {
        traced_.erase(pid);
        if (pid == tool_) return 0;
        continue;
      }
      const pid_t whom = reached(pid, status);
      if (whom == 0) {
        go_on(pid, status);
        continue;
      }
      for (const auto& [other, process] : traced_) {
        const bool stops = other == whom || (all_ && (other == tool_ || other == child_));
        if (other != pid) come_to_a_stop(other);
        ::ptrace(PTRACE_DETACH, other, nullptr, stops ? SIGSTOP : 0);
      }
      return whom;
    }
  }

 private:
  struct Process {
    bool has_begun = false;  // the stop in which a new one comes is over
    std::uint64_t call = 0;  // that it is in
    std::uint64_t argument = 0;
  };

  // Up to its next system call, with the signal that it was stopped for.
  void go_on(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    const bool begins = !std::exchange(traced_[pid].has_begun, true);
    const bool ours = signal == (SIGTRAP | 0x80) || status >> 16 != 0 || (begins && signal == SIGSTOP);
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, ours ? 0 : signal);
  }

  static void come_to_a_stop(pid_t pid) {
    ::syscall(SYS_tgkill, pid, pid, SIGSTOP);
    for (int status = 0; ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);) {
      if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP) return;
      ::ptrace(PTRACE_SYSCALL, pid, nullptr, 0);
    }
  }

  // Whom to stop, now that this one has come so far; 0: nobody yet.
  pid_t reached(pid_t pid, int status) {
    const int event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
      unsigned long made = 0;
      ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &made);
      traced_[static_cast<pid_t>(made)];
      if (pid == tool_ && granted_ && child_ == 0) child_ = static_cast<pid_t>(made);
      return 0;
    }
    if (event == PTRACE_EVENT_EXEC && pid == child_ && point_ == "runs") return tool_;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) return 0;
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) fail("system call");
    Process& process = traced_[pid];
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      process.call = info.entry.nr;
      process.argument = info.entry.args[1];
    }
    if (info.op != PTRACE_SYSCALL_INFO_EXIT) return 0;
    const bool here = pid == tool_    ? tool_did(process, info.exit.rval)
                      : pid == child_ ? child_did(process, info.exit.rval)
                                      : false;
    return here ? pid : 0;
  }

  bool tool_did(const Process& process, std::int64_t result) {
    if (child_ != 0 && !std::exchange(forked_, true)) return point_ == "forked";
    const bool reads = process.call == SYS_recvmsg && result > 0;
    if (reads && !granted_ && passes(process)) return (granted_ = true) && point_ == "granted";
    if (process.call == SYS_sendmsg && result > 0 && granted_ && !asked_ && passes(process))
      return (asked_ = true) && point_ == "asked";
    if (reads && asked_ && !answered_) return (answered_ = true) && point_ == "answered";
    return process.call == SYS_sendto && result == word_bytes && answered_ && point_ == "told";
  }

  bool child_did(const Process& process, std::int64_t result) {
    if (!std::exchange(waits_, true) && point_ == "waiting") return true;
    return process.call == SYS_read && result == word_bytes && point_ == "begins";
  }

  // A descriptor went with the message.
  bool passes(const Process& process) const {
    msghdr message{};
    iovec here{&message, sizeof message}, there{reinterpret_cast<void*>(process.argument), sizeof message};
    return ::process_vm_readv(tool_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(sizeof message) &&
           message.msg_controllen >= CMSG_LEN(sizeof(int));
  }

  const pid_t tool_;
  const std::string_view point_;
  const bool all_;
  pid_t child_ = 0;
  bool granted_ = false, forked_ = false, asked_ = false, answered_ = false, waits_ = false;
  std::map<pid_t, Process> traced_;
};

void write_down(const std::string& file, pid_t pid) {
  const std::string fresh = file + ".new";
  std::FILE* const out = std::fopen(fresh.c_str(), "w");
  if (out == nullptr || std::fprintf(out, "%d\n", pid) < 0 || std::fclose(out) != 0 ||
      std::rename(fresh.c_str(), file.c_str()) != 0)
    fail(file.c_str());
}

int status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = argc > 1 && std::string_view(argv[1]) == "--all";
  char** const words = argv + (all ? 2 : 1);
  if (argc < (all ? 5 : 4)) fail("usage: stop_at [--all] POINT FILE TOOL [ARG...]");
  const pid_t tool = ::fork();
  if (tool < 0) fail("fork");
  if (tool == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::execvp(words[2], words + 2);
    fail(words[2]);
  }
  int status = 0;
  if (::waitpid(tool, &status, __WALL) != tool || !WIFSTOPPED(status)) fail("the tool is not traced");
  constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                           PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (::ptrace(PTRACE_SETOPTIONS, tool, nullptr, options) != 0) fail("ptrace");
  ::ptrace(PTRACE_SYSCALL, tool, nullptr, 0);
  const pid_t stopped = Watch(tool, words[0], all).run(status);
  if (stopped == 0) return status_of(status);
  write_down(words[1], stopped);
  while (::waitpid(tool, &status, 0) < 0 && errno == EINTR) continue;
  return status_of(status);
}
