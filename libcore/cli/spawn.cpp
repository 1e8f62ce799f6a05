// SPDX-License-Identifier: MIT
#include "cli/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "cli/names.hpp"
#include "process/boot_time.hpp"
#include "process/pidfd.hpp"

namespace coord::cli {
namespace {

// What a child does; never returns. It may share our memory: it changes nothing that we use.
using ChildMain = void (*)(const void* argument);

// For a child that shares our memory.
struct Stack {
  void* begin = nullptr;
  std::size_t size = 0;
};

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// clone3(2) with a stack of its own for the child: with memory shared, a child that returned through our
// frames would destroy them. The library has no such call that takes a control group.
long clone_with_stack(clone_args& arguments, ChildMain main, const void* argument) {
  long result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %[argument], %%rdi\n\t"
      "callq *%[main]\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof arguments), [main] "b"(main), [argument] "d"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
}

// With memory shared no page of ours is copied, which takes longer than all else that dlock does. Both run
// on: until the child has executed its program or ended, what it reads must stay as it is, `stack` as well.
// Returns -1 where the kernel refuses.
pid_t fork_sharing(int cgroup_fd, int& pidfd, const Stack& stack, ChildMain main, const void* argument) {
  if (stack.begin == nullptr) return -1;
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack.begin);
  arguments.stack_size = stack.size;
  if (cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const long pid = clone_with_stack(arguments, main, argument);
  if (pid < 0) errno = static_cast<int>(-pid);
  return pid < 0 ? -1 : static_cast<pid_t>(pid);
}

#else

pid_t fork_sharing(int cgroup_fd, int& pidfd, const Stack&, ChildMain main, const void* argument) {
  if (cgroup_fd < 0) {
    errno = ENOSYS;
    return -1;
  }
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) main(argument);
  return static_cast<pid_t>(pid);
}

#endif

// A child, in the control group if there is one and the kernel lets us.
pid_t fork_into(int cgroup_fd, bool& in_cgroup, int& pidfd, const Stack& stack, ChildMain main,
                const void* argument) {
  pid_t pid = fork_sharing(cgroup_fd, pidfd, stack, main, argument);
  in_cgroup = pid >= 0 && cgroup_fd >= 0;
  if (pid >= 0 || errno == EAGAIN || errno == ENOMEM || errno == EMFILE || errno == ENFILE) return pid;
  if (cgroup_fd >= 0) {
    pid = fork_sharing(-1, pidfd, stack, main, argument);
    if (pid >= 0) return pid;
  }
  pid = ::fork();
  if (pid == 0) main(argument);
  if (pid > 0) pidfd = process::open_pidfd(pid).release();
  return pid;
}

void keep_open(const std::vector<int>& descriptors) {
  for (const int fd : descriptors) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags != -1) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
}

struct Execution {
  char* const* argv;
  char* const* environment;
  const std::vector<int>& inherited;
  struct sigaction on_child_end;
  int ours, theirs;  // the ends of the socket: the parent's, the child's
};

// Of the word to begin. What is stopped and goes on does not know for how long it was.
bool is_good(Instant until) {
  return COORD_RULE(exec_while_the_word_is_good, process::boot_now() < until);
}

// Runs in the child, which may share our memory: nothing here allocates or locks, and until it was told to go
// on, while we run as well, nothing touches errno (no call fails). Reports errno if the execution fails.
void execute(const void* argument) {
  const Execution& what = *static_cast<const Execution*>(argument);
  ::close(what.ours);  // so that ours is the only one, and its end the word that we are gone
  Instant until;       // we, too, may have been stopped meanwhile
  const bool told = ::read(what.theirs, &until, sizeof until) == static_cast<ssize_t>(sizeof until);
  if (!told || !is_good(until)) ::_exit(static_cast<int>(Exit::internal));
  keep_open(what.inherited);
  ::sigaction(SIGCHLD, &what.on_child_end, nullptr);
  ::execvpe(what.argv[0], what.argv, what.environment);
  const int error = errno;
  (void)::send(what.theirs, &error, sizeof error, MSG_NOSIGNAL);
  ::_exit(static_cast<int>(Exit::not_executable));
}

// For execvpe(3), which puts a path and, for a script without an interpreter, all of argv on the stack.
std::size_t stack_for(std::size_t arguments) {
  const char* const path = std::getenv("PATH");
  return 64 * 1024 + (path == nullptr ? 0 : std::strlen(path)) + (arguments + 2) * sizeof(char*);
}

std::vector<std::string> environment_of(const Program& program) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto replaced = [&](const auto& set) {
      return text.size() > set.first.size() && text.starts_with(set.first) && text[set.first.size()] == '=';
    };
    bool keep = true;
    for (const auto& set : program.environment) keep = keep && !replaced(set);
    if (keep) out.emplace_back(text);
  }
  for (const auto& [name, value] : program.environment) out.push_back(fmt::format("{}={}", name, value));
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

SpawnError cannot_execute(const std::string& name, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  const bool is_option = name.starts_with('-');
  const std::string remedy = !missing    ? "check its permissions and format"
                             : is_option ? "options stand before NAME"
                                         : "check its name, PATH, and the interpreter it names";
  return {missing ? Exit::not_found : Exit::not_executable,
          {ErrorKind::usage, shown(name), missing ? "not found" : std::strerror(error), remedy}};
}

SpawnError cannot_fork(int error) {
  if (error == EMFILE || error == ENFILE)
    return {Exit::internal, {ErrorKind::internal, "descriptors", "exhausted", "raise the limit (ulimit -n)"}};
  return {
      Exit::internal,
      {ErrorKind::internal, "fork", std::strerror(error), "free processes or raise the limit (ulimit -u)"}};
}

}  // namespace

// All that the child reads stays in place until it has executed the program, or is no more.
struct Suspended::Parts {
  explicit Parts(const Program& program)
      : words(program.argv),
        settings(environment_of(program)),
        argv(pointers(words)),
        environment(pointers(settings)),
        inherited(program.inherited) {}
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    if (stack.begin != nullptr) ::munmap(stack.begin, stack.size);
  }
  // Where there is none: -1 of fork_sharing().
  void make_stack() {
    const std::size_t page = 4096;
    stack.size = (stack_for(argv.size()) + page - 1) / page * page;
    void* const made =
        ::mmap(nullptr, stack.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (made != MAP_FAILED) stack.begin = made;
  }
  void reap() {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  }

  std::vector<std::string> words, settings;
  std::vector<char*> argv, environment;
  std::vector<int> inherited;
  std::optional<Execution> execution;
  Stack stack;
  pid_t pid = -1;
  Descriptor pidfd, line;
  bool in_cgroup = false;
  bool waits = true;  // it may not run
};

std::variant<Suspended, SpawnError> Suspended::fork(const Program& program, int cgroup_fd,
                                                    const struct sigaction& on_child_end) {
  auto parts = std::make_unique<Parts>(program);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return cannot_fork(errno);
  parts->line = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]);
  parts->execution.emplace(Execution{parts->argv.data(), parts->environment.data(), parts->inherited,
                                     on_child_end, ends[0], ends[1]});
  parts->make_stack();
  int pidfd = -1;
  parts->pid = fork_into(cgroup_fd, parts->in_cgroup, pidfd, parts->stack, execute, &*parts->execution);
  if (parts->pid < 0) return cannot_fork(errno);
  parts->pidfd = Descriptor(pidfd);
  return Suspended(std::move(parts));
}

Suspended::Suspended(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Suspended::Suspended(Suspended&&) noexcept = default;

// Also where it is stopped, when it would not hear that we hang up.
Suspended::~Suspended() {
  if (!parts_ || !parts_->waits) return;
  ::kill(parts_->pid, SIGKILL);
  parts_->reap();
}

pid_t Suspended::pid() const {
  return parts_->pid;
}

Descriptor Suspended::take_pidfd() {
  return std::move(parts_->pidfd);
}

bool Suspended::in_cgroup() const {
  return parts_->in_cgroup;
}

std::optional<SpawnError> Suspended::go(Instant until) {
  parts_->waits = false;
  (void)::send(parts_->line.get(), &until, sizeof until, MSG_NOSIGNAL);  // one that was killed has ended
  int error = 0;
  ssize_t n = -1;
  while (n < 0) {  // interrupted; what errno says is the child's as well
    const Duration left = until - process::boot_now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration{})).count();
    pollfd ready{parts_->line.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(ms, 3'600'000))) > 0)
      n = ::recv(parts_->line.get(), &error, sizeof error, 0);
    // Stopped before it has begun, for so long that it must not begin.
    if (n < 0 && !is_good(until)) ::kill(parts_->pid, SIGKILL);
  }
  if (n == 0) return std::nullopt;  // its end closed at the execution
  parts_->reap();
  return cannot_execute(parts_->words.front(), error);
}

SpawnError replace_by(const Program& program) {
  std::vector<std::string> words = program.argv, settings = environment_of(program);
  const std::vector<char*> argv = pointers(words), environment = pointers(settings);
  keep_open(program.inherited);
  ::execvpe(argv[0], argv.data(), environment.data());
  return cannot_execute(program.argv.front(), errno);
}

}  // namespace coord::cli
