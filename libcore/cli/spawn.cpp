#include "cli/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/names.hpp"

namespace coord::cli {
namespace {

// fork(2), into a control group if there is one and the kernel lets us.
pid_t fork_into(int cgroup_fd, bool& in_cgroup) {
  in_cgroup = false;
  if (cgroup_fd >= 0) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid >= 0) {
      in_cgroup = true;
      return static_cast<pid_t>(pid);
    }
    if (errno == EAGAIN || errno == ENOMEM) return -1;
  }
  return ::fork();
}

void keep_open(const std::vector<int>& descriptors) {
  for (const int fd : descriptors) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags != -1) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
}

// Runs in the child: nothing here allocates or locks. Reports errno through the pipe if the execution fails.
[[noreturn]] void execute(const Program& program, const SignalHeritage& heritage, char* const* argv,
                          char* const* environment, int error_pipe) {
  keep_open(program.inherited);
  ::sigaction(SIGCHLD, &heritage.child, nullptr);
  ::sigprocmask(SIG_SETMASK, &heritage.mask, nullptr);
  ::execvpe(argv[0], argv, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(error_pipe, &error, sizeof error);
  ::_exit(static_cast<int>(Exit::not_executable));
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
  const pid_t pid = fork_into(cgroup_fd, in_cgroup);
  if (pid == 0) execute(program, heritage, argv.data(), environment.data(), report[1]);
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
