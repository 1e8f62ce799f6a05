// SPDX-License-Identifier: MIT
#include "process/process_id.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace coord::process {
namespace {

// The blank-separated field number `wanted` of text, counted from 0.
template <class Integer>
Integer field(std::string_view text, int wanted) {
  for (; wanted > 0; --wanted) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return 0;
    text.remove_prefix(blank + 1);
  }
  Integer value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<ProcessState> parse_stat(pid_t pid, std::string_view text) {
  // a program's name may hold anything, blanks and brackets too
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 > text.size()) return std::nullopt;
  text.remove_prefix(name_end + 2);  // now at field 3, the state
  ProcessState state;
  state.state = text.front();
  state.parent = field<pid_t>(text, 1);
  state.group = field<pid_t>(text, 2);
  state.threads = field<int>(text, 17);
  state.id = {pid, field<std::uint64_t>(text, 19)};
  return state;
}

// What fits into `buffer` of a file in /proc/PID; empty if there is no such process (any more).
template <std::size_t size>
std::string_view read_of(pid_t pid, const char* file, std::array<char, size>& buffer) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, file);
  const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return {buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
}

class PidFd {
 public:
  explicit PidFd(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  PidFd(const PidFd&) = delete;
  PidFd& operator=(const PidFd&) = delete;
  ~PidFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::optional<ProcessState> read_process(pid_t pid) {
  std::array<char, 1024> buffer;
  const std::string_view text = read_of(pid, "stat", buffer);
  return text.empty() ? std::nullopt : parse_stat(pid, text);
}

std::optional<uid_t> user_of(pid_t pid) {
  std::array<char, 1024> buffer;  // the line is the ninth, and names have 16 bytes at most, escaped
  const std::string_view text = read_of(pid, "status", buffer);
  constexpr std::string_view label = "\nUid:\t";
  const std::size_t found = text.find(label);
  if (found == std::string_view::npos) return std::nullopt;
  uid_t user = 0;
  const char* const begin = text.data() + found + label.size();
  if (std::from_chars(begin, text.data() + text.size(), user).ec != std::errc{}) return std::nullopt;
  return user;
}

bool has_pending(pid_t pid, int signal) {
  std::array<char, 4096> buffer;
  const std::string_view text = read_of(pid, "status", buffer);
  for (const std::string_view label : {"\nSigPnd:\t", "\nShdPnd:\t"}) {  // the thread's, the process's
    const std::size_t found = text.find(label);
    if (found == std::string_view::npos) continue;
    std::uint64_t set = 0;
    std::from_chars(text.data() + found + label.size(), text.data() + text.size(), set, 16);
    if ((set >> static_cast<unsigned>(signal - 1) & 1U) != 0) return true;
  }
  return false;
}

Life life_of(pid_t pid) {
  const PidFd process(pid);  // of a process: not of one of its further threads, which have numbers as well
  if (process.fd() < 0) return Life::none;
  pollfd end{process.fd(), POLLIN, 0};
  return ::poll(&end, 1, 0) > 0 ? Life::ended : Life::runs;
}

bool is_running(const ProcessId& id) {
  const std::optional<ProcessState> state = read_process(id.pid);
  return state && state->id == id && !state->ended();
}

Sent send_signal(const ProcessId& id, int signal) {
  const PidFd process(id.pid);
  if (process.fd() < 0) return Sent::gone;
  // The descriptor holds whoever has the pid now; only then is it asked who that is.
  const std::optional<ProcessState> state = read_process(id.pid);
  if (!state || state->id != id || state->ended()) return Sent::gone;
  if (::syscall(SYS_pidfd_send_signal, process.fd(), signal, nullptr, 0) == 0) return Sent::delivered;
  return errno == EPERM ? Sent::refused : Sent::gone;
}

}  // namespace coord::process
