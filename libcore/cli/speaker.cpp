// SPDX-License-Identifier: MIT
#include "cli/speaker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <ratio>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/values.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {

namespace {

constexpr std::size_t most_unsaid = std::size_t{64} << 10U;  // bytes; a few hundred lines

// A reader of our standard error that has gone away ends no guard.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::sigprocmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() {
    const timespec at_once{};
    if (::sigismember(&before_, SIGPIPE) == 0)
      while (::sigtimedwait(&pipe_, nullptr, &at_once) > 0) continue;
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
};

std::size_t taken(ssize_t written, std::size_t whole) {
  if (written >= 0) return static_cast<std::size_t>(written);
  return errno == EAGAIN || errno == EINTR ? 0 : whole;  // nobody reads it, now or later
}

// How much of the text standard error has taken without making us wait. The flags of its open file are the
// command's as well, so it is opened anew for that, which a socket is not. A file takes nothing: its disk
// may make one wait.
std::size_t write_at_once(std::string_view text) {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) != 0) return text.size();
  if (S_ISREG(status.st_mode)) return 0;
  if (S_ISSOCK(status.st_mode))
    return taken(::send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL), text.size());
  const NoBrokenPipe no_signal;
  const Descriptor again(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (again.is_open()) return taken(::write(again.get(), text.data(), text.size()), text.size());
  // Another user's terminal (su), no /proc, a pipe without a reader.
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) <= 0) return 0;
  return taken(::write(STDERR_FILENO, text.data(), text.size()), text.size());
}

}  // namespace

void Speaker::say(const std::string& text) {
  const std::string line = notice_line(tool_, text);
  const std::size_t said = unsaid_.empty() ? write_at_once(line) : 0;
  if (unsaid_.size() + line.size() <= most_unsaid) unsaid_ += line.substr(said);
}

void Speaker::stopped(const std::string& object, const std::string& why) {
  if (told_) return;
  told_ = true;
  say(fmt::format("{}: {}: the command is stopped", object, why));
}

void Speaker::finish() {
  const NoBrokenPipe no_signal;
  std::string_view rest = unsaid_;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {  // somebody else has made it not wait
      pollfd ready{STDERR_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (n <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  unsaid_.clear();
}

std::string not_renewed(Instant sent, bool peer_gone) {
  const auto tenths =
      std::chrono::round<std::chrono::duration<std::int64_t, std::deci>>(process::boot_now() - sent);
  return fmt::format("lost: no renewal for {} s, {}", seconds_text(tenths),
                     peer_gone ? "the peer is gone" : "the peer is cut off or stopped");
}

std::string ran_too_long(Duration limit) {
  return fmt::format("--max-run: {} s are over", seconds_text(limit));
}

}  // namespace coord::cli
