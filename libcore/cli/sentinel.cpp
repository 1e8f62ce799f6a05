// SPDX-License-Identifier: MIT
#include "cli/sentinel.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "process/boot_time.hpp"
#include "process/cgroup.hpp"

namespace coord::cli {

using process::boot_now;

// When it got which signal last, in nanoseconds of CLOCK_BOOTTIME; and up to when that has been used.
struct Sentinel::Notes {
  static constexpr int signals = 65;
  std::array<std::atomic<std::int64_t>, signals> got{};
  std::array<std::int64_t, signals> used{};  // ours alone
};

namespace {

constexpr const char* own_name = "sig-sentinel";

// What ps(1) and `pkill -f` see: the arguments that we were started with, overwritten in place.
void rename_command_line() {
  char text[1024];
  const int file = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t n = file < 0 ? -1 : ::read(file, text, sizeof text - 1);
  if (n <= 0) return;
  text[n] = '\0';
  constexpr int arg_start = 48 - 2, arg_end = 49 - 2;  // proc(5); the name, the second field, may hold blanks
  const char* at = std::strrchr(text, ')');
  std::uintptr_t begin = 0, end = 0;
  for (int field = 0; at != nullptr && field < arg_end; ++field) {
    at = std::strchr(at + 1, ' ');
    if (at != nullptr && field + 1 == arg_start) begin = std::strtoull(at, nullptr, 10);
    if (at != nullptr && field + 1 == arg_end) end = std::strtoull(at, nullptr, 10);
  }
  if (begin == 0 || end <= begin + 1) return;
  char* const place = reinterpret_cast<char*>(begin);
  const std::size_t size = end - begin;
  std::memset(place, 0, size);
  std::memcpy(place, own_name, std::min(size - 1, std::strlen(own_name)));
}

// All its life. Our memory is a copy of the wrapper's: nothing here allocates.
template <class Notes>
[[noreturn]] void stand(Notes& notes, pid_t wrapper) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != wrapper) ::_exit(0);
  ::prctl(PR_SET_NAME, own_name);
  rename_command_line();
  // Nobody shall wait for us at the other end of a pipe, or find us by a directory.
  (void)::close_range(0, ~0U, 0);
  (void)!::chdir("/");
  for (;;) {
    const int signal = ::sigwaitinfo(&all, nullptr);
    if (signal > 0 && signal < Notes::signals)
      notes.got[static_cast<std::size_t>(signal)].store(boot_now().time_since_epoch().count());
  }
}

// A copy of us, in the control group if the kernel lets us.
pid_t fork_into(int cgroup_fd) {
  if (cgroup_fd >= 0) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid >= 0) return static_cast<pid_t>(pid);
  }
  return ::fork();
}

// In the same process group and the same control groups: whoever signals all of one signals both.
bool stand_together(pid_t a, pid_t b) {
  const auto first = process::read_process(a), second = process::read_process(b);
  return first && second && first->group == second->group && process::in_same_cgroup(a, b);
}

}  // namespace

std::unique_ptr<Sentinel> Sentinel::post(int cgroup_fd) {
  void* const page =
      ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  Notes* const notes = new (page) Notes;
  const pid_t self = ::getpid();
  const pid_t pid = fork_into(cgroup_fd);
  if (pid == 0) stand(*notes, self);
  if (pid > 0) return std::unique_ptr<Sentinel>(new Sentinel(pid, notes));
  ::munmap(page, sizeof(Notes));
  return nullptr;
}

Sentinel::~Sentinel() {
  dismiss();
  while (pid_ > 0 && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  ::munmap(notes_, sizeof(Notes));
}

void Sentinel::dismiss() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

bool Sentinel::has_got(int signal, Instant since) {
  const auto index = static_cast<std::size_t>(signal);
  const std::int64_t got = notes_->got[index].load();
  const std::int64_t used = std::exchange(notes_->used[index], boot_now().time_since_epoch().count());
  return (got > used && got >= since.time_since_epoch().count()) || process::has_pending(pid_, signal);
}

bool Sentinel::shares(int signal, Instant since, const process::ProcessId& command) {
  if (pid_ <= 0 || signal <= 0 || signal >= Notes::signals) return false;
  return has_got(signal, since) && stand_together(pid_, command.pid);
}

}  // namespace coord::cli
