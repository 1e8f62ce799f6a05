// SPDX-License-Identifier: MIT
#include "cli/run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "base/format.hpp"
#include "cli/names.hpp"

namespace coord::cli {
namespace {

constexpr const char* standard_output = "standard output";
int write_failed = 0;  // errno of the first write by print() that failed; flush() would not see it

// A closed standard descriptor is filled by /dev/null opened the wrong way round: using it still
// fails with EBADF, but no file opened later can take its number. Close-on-exec, so that a command
// gets what our caller gave us.
void guard_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    const int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", mode | O_CLOEXEC) != fd) continue;  // without /dev there is nothing better to do
  }
}

// The text that a Status carries may hold anything a user or a peer sent; a line of ours
// is printable and one line.
std::string one_line(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    // shown() would double backslashes, which most texts have escaped already
    const std::size_t slash = text.find('\\');
    out += shown(text.substr(0, slash));
    if (slash == std::string_view::npos) break;
    out += '\\';
    text.remove_prefix(slash + 1);
  }
  return out;
}

Status close_stdout() {
  Status flushed = flush();
  if (!flushed) return flushed;
  // Delayed write errors (NFS, quotas) come at close. A descriptor that was never there is no
  // loss if nothing was printed.
  if (::close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR) return output_error(errno);
  return done();
}

Result<Exit> perform(Options& options, const std::vector<std::string>& arguments, OptionReader* reader) {
  const Result<Options::Request> request = options.parse(arguments, reader);
  if (!request) {
    options.tell_refused();
    return request.error();
  }
  switch (*request) {
    case Options::Request::help:
      print(options.chosen().help());
      return Exit::done;
    case Options::Request::version:
      print(options.version());
      return Exit::done;
    case Options::Request::dump:
      print(options.dump());
      return Exit::done;
    case Options::Request::act:
      break;
  }
  COORD_CHECK(options.chosen().action() != nullptr);
  return options.chosen().action()();
}

Result<Exit> guarded(Options& options, const std::vector<std::string>& arguments, OptionReader* reader) {
  try {
    return perform(options, arguments, reader);
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::internal, "memory", "exhausted", "free memory or raise the limit (ulimit -v)"};
  } catch (const std::exception& problem) {
    return Error{ErrorKind::internal, "internal error", problem.what(), "please report this"};
  }
}

}  // namespace

void print(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size() && write_failed == 0)
    write_failed = errno;
}

Error output_error(int number) {
  return Error{ErrorKind::output, standard_output, std::strerror(number),
               "free the device or redirect it elsewhere"};
}

Status flush() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!failed) return done();
  const int number = write_failed != 0 ? write_failed : errno;
  return output_error(number == 0 ? EIO : number);
}

std::string notice_line(std::string_view tool, std::string_view text) {
  return fmt::format("{}: {}\n", tool, one_line(text));
}

void notice(std::string_view tool, std::string_view text) {
  const std::string line = notice_line(tool, text);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody reads our errors; the status still tells
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

void complain(std::string_view tool, const Error& error) {
  notice(tool, error.text());
}

int run(int argc, char** argv, Options& options, OptionReader* reader) {
  guard_standard_descriptors();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const Result<Exit> result = guarded(options, arguments, reader);
  Exit exit = Exit::done;
  if (result) {
    exit = *result;
  } else {
    complain(options.tool(), result.error());
    exit = exit_of(result.error().kind);
  }
  if (Status written = close_stdout(); !written) {
    const bool said = !result && result.error().object == standard_output;
    if (!said) complain(options.tool(), written.error());
    if (exit == Exit::done || exit == Exit::no) exit = Exit::output;
  }
  return static_cast<int>(exit);
}

}  // namespace coord::cli
