#include "cli/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/names.hpp"

namespace coord::cli {
namespace {

// What a child does; never returns. It may share our memory: it changes nothing that we use.
using ChildMain = void (*)(const void* argument);

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

// As vfork(2): we sleep until the child has executed its program or ended, and no page of ours is copied
// (which takes longer than all else that dlock does). Returns -1 where the kernel refuses.
pid_t fork_sharing(int cgroup_fd, std::size_t stack_bytes, ChildMain main, const void* argument) {
  const std::size_t page = 4096, size = (stack_bytes + page - 1) / page * page;
  void* const stack =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK;
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack);
  arguments.stack_size = size;
  if (cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const long pid = clone_with_stack(arguments, main, argument);
  ::munmap(stack, size);
  if (pid < 0) errno = static_cast<int>(-pid);
  return pid < 0 ? -1 : static_cast<pid_t>(pid);
}

#else

pid_t fork_sharing(int cgroup_fd, std::size_t, ChildMain main, const void* argument) {
  if (cgroup_fd < 0) {
    errno = ENOSYS;
    return -1;
  }
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) main(argument);
  return static_cast<pid_t>(pid);
}

#endif

// A child, in the control group if there is one and the kernel lets us.
pid_t fork_into(int cgroup_fd, bool& in_cgroup, std::size_t stack_bytes, ChildMain main,
                const void* argument) {
  pid_t pid = fork_sharing(cgroup_fd, stack_bytes, main, argument);
  in_cgroup = pid >= 0 && cgroup_fd >= 0;
  if (pid >= 0 || errno == EAGAIN || errno == ENOMEM) return pid;
  if (cgroup_fd >= 0) {
    pid = fork_sharing(-1, stack_bytes, main, argument);
    if (pid >= 0) return pid;
  }
  pid = ::fork();
  if (pid == 0) main(argument);
  return pid;
}

void keep_open(const std::vector<int>& descriptors) {
  for (const int fd : descriptors) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags != -1) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
}

struct Execution {
  const Program& program;
  const SignalHeritage& heritage;
  char* const* argv;
  char* const* environment;
  int error_pipe;
};

// Runs in the child: nothing here allocates or locks. Reports errno through the pipe if the execution fails.
void execute(const void* argument) {
  const Execution& what = *static_cast<const Execution*>(argument);
  keep_open(what.program.inherited);
  ::sigaction(SIGCHLD, &what.heritage.child, nullptr);
  ::sigprocmask(SIG_SETMASK, &what.heritage.mask, nullptr);
  ::execvpe(what.argv[0], what.argv, what.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(what.error_pipe, &error, sizeof error);
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
  for (const auto& [name, value] : program.environment) out.push_back(name + "=" + value);
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
  const std::string remedy =
      missing ? "check its name, PATH, and the interpreter it names" : "check its permissions and format";
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

std::variant<pid_t, SpawnError> spawn(const Program& program, const SignalHeritage& heritage, int cgroup_fd,
                                      bool& in_cgroup) {
  std::vector<std::string> words = program.argv, settings = environment_of(program);
  const std::vector<char*> argv = pointers(words), environment = pointers(settings);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return cannot_fork(errno);
  const Execution what{program, heritage, argv.data(), environment.data(), report[1]};
  const pid_t pid = fork_into(cgroup_fd, in_cgroup, stack_for(argv.size()), execute, &what);
  const int fork_error = errno;
  ::close(report[1]);
  int error = 0;
  ssize_t n = 0;
  while (pid > 0 && (n = ::read(report[0], &error, sizeof error)) < 0 && errno == EINTR) continue;
  ::close(report[0]);
  if (pid < 0) return cannot_fork(fork_error);
  if (n == 0) return pid;  // the pipe closed at the execution
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return cannot_execute(program.argv.front(), error);
}

SpawnError replace_by(const Program& program) {
  std::vector<std::string> words = program.argv, settings = environment_of(program);
  const std::vector<char*> argv = pointers(words), environment = pointers(settings);
  keep_open(program.inherited);
  ::execvpe(argv[0], argv.data(), environment.data());
  return cannot_execute(program.argv.front(), errno);
}

}  // namespace coord::cli
