// SPDX-License-Identifier: MIT
// dlock --fence FILE --token N COMMAND: the check that a resource makes, for files.
//
// The problem: a lock's holder that was paused for longer than its lease goes on where it stopped and writes,
// though the lock has passed on. Checking the token before writing does not help: the pause may come between
// the check and the write. So check and work are one: under a local lock beside FILE the token is compared
// and made the highest one seen, and the command runs while that lock is held. Once a later holder has been
// here, nobody older gets in; while an older one is inside, the later one waits.
//
// The record is FILE.fence (store/fence.hpp), and the lock is on it: FILE itself may be replaced by its
// command, need not exist, and stays free for flock(1). The command takes this process's place, so its status
// and signals are its own, and it keeps the lock as its open file, as under flock(1).
#include "store/fence.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/spawn.hpp"
#include "cli/values.hpp"
#include "dlock/settings.hpp"
#include "process/boot_time.hpp"
#include "store/posix_disk.hpp"

namespace coord::dlock {

namespace {

Error cannot(const std::string& object, const std::string& what, const char* remedy) {
  return Error{ErrorKind::output, cli::shown(object), fmt::format("{}: {}", what, std::strerror(errno)),
               remedy};
}

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return cannot(path, "cannot be resolved", "check the path");
  return std::string(real.get());
}

// One record for one file, whatever path leads to it. The file need not be there, its directory must.
Result<std::string> record_path(std::string file) {
  while (file.size() > 1 && file.back() == '/') file.pop_back();
  struct stat status {};
  if (::lstat(file.c_str(), &status) == 0) {
    auto real = real_path(file);
    if (!real) return real;
    return fmt::format("{}.fence", *real);
  }
  const std::size_t slash = file.rfind('/');
  const std::string parent =
      slash == std::string::npos ? "." : file.substr(0, std::max<std::size_t>(slash, 1));
  auto directory = real_path(parent);
  if (!directory) return directory;
  return fmt::format("{}/{}.fence", *directory, file.substr(slash + 1));
}

Result<Token> token_of(const Settings& settings) {
  if (settings.token) return Token{*settings.token};
  const char* inherited = std::getenv("DLOCK_TOKEN");
  if (inherited == nullptr || *inherited == '\0')
    return Error{ErrorKind::usage, "--token", "is missing",
                 "give the holder's token, or call it under dlock (DLOCK_TOKEN)"};
  const auto token = cli::read_unsigned(inherited, token_bounds);
  if (!token) return Error{ErrorKind::usage, "DLOCK_TOKEN", "is no token", "give one with --token"};
  return Token{*token};
}

// Waits for the lock until `deadline` (none: for ever); false: somebody else has it. The timer goes off again
// and again, because the first signal may come just before flock(2) begins to wait.
Result<bool> lock(int fd, const std::string& path, const Settings& settings) {
  std::optional<Instant> deadline;
  struct sigaction before {};
  if (settings.wait) {
    deadline = process::boot_now() + *settings.wait;
    struct sigaction wake {};  // without SA_RESTART
    wake.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &wake, &before);
    constexpr timeval again{0, 10'000};
    const auto us = std::max<std::int64_t>(settings.wait->count() / 1000, 1);
    const itimerval timer{again, {us / 1'000'000, us % 1'000'000}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
  bool locked = false;
  int error = 0;
  do {
    locked = ::flock(fd, LOCK_EX | (settings.no_wait ? LOCK_NB : 0)) == 0;
    error = locked ? 0 : errno;
  } while (error == EINTR && (!deadline || process::boot_now() < *deadline));
  if (settings.wait) {
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
  }
  if (locked || error == EINTR || error == EWOULDBLOCK) return locked;
  errno = error;
  return cannot(path, "cannot be locked", "use a file system that has locks");
}

// The record, locked; nothing: somebody else has it.
Result<std::optional<Descriptor>> open_locked(const std::string& path, const Settings& settings) {
  for (;;) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
    if (!file.is_open())
      return cannot(path, "cannot be opened", "make the directory and the record writable");
    const auto locked = lock(file.get(), path, settings);
    if (!locked) return locked.error();
    if (!*locked) return std::optional<Descriptor>();
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return cannot(path, "cannot be read", "");
    if (!S_ISREG(status.st_mode))
      return Error{ErrorKind::data, cli::shown(path), "is no regular file", "remove it"};
    if (status.st_nlink > 0) return std::optional<Descriptor>(std::move(file));  // else removed meanwhile
  }
}

Status sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) return cannot(directory, "cannot be synced", "");
  return done();
}

// Nothing: the token is the highest and that is on the disk. A text: why it is refused.
Result<std::string> pass(const Descriptor& record, const std::string& path, Token token) {
  const auto file = store::posix_file(path, Descriptor(::fcntl(record.get(), F_DUPFD_CLOEXEC, 0)));
  auto seen = store::FenceRecord::read(*file, cli::shown(path));
  if (!seen) return seen.error();
  if (!seen->admits(token))
    return fmt::format("token {} is refused: {} was here already: the lock has passed on", token.value,
                       seen->highest()->value);
  if (!seen->highest()) {
    if (Status synced = sync_directory_of(path); !synced) return synced.error();
  }
  if (Status raised = seen->raise(*file, token); !raised) {
    Error error = raised.error();
    error.kind = ErrorKind::output;
    error.remedy = "free the disk or repair it; nothing was run";
    return error;
  }
  return std::string();
}

}  // namespace

Result<cli::Exit> run_fenced(const Settings& settings) {
  const auto token = token_of(settings);
  if (!token) return token.error();
  const auto path = record_path(settings.fence);
  if (!path) return path.error();
  const auto record = open_locked(*path, settings);
  if (!record) return record.error();
  const auto refuse = [&](const std::string& why) {
    if (!why.empty()) cli::notice("dlock", fmt::format("{}: {}", cli::shown(settings.fence), why));
    return static_cast<cli::Exit>(settings.conflict_status);
  };
  if (!record->has_value()) return refuse(settings.verbose ? "in use by another holder" : "");
  const auto refusal = pass(**record, *path, *token);
  if (!refusal) return refusal.error();
  if (!refusal->empty()) return refuse(*refusal);
  cli::Program program;
  program.argv = settings.command.argv;
  program.inherited = {(*record)->get()};
  program.environment = {{"DLOCK_TOKEN", std::to_string(token->value)}};
  if (Status flushed = cli::flush(); !flushed) return flushed.error();
  const cli::SpawnError failed = cli::replace_by(program);
  cli::complain("dlock", failed.error);
  return failed.exit;
}

}  // namespace coord::dlock
