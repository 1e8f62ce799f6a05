// SPDX-License-Identifier: MIT
#include "process/pidfd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "base/rule.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace coord::process {
namespace {

using Buffer = std::array<char, 4096>;

// What fits into `buffer` of a small file; empty if it cannot be read.
std::string_view read_of(const char* path, Buffer& buffer) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return {};
  const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
  return {buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
}

// What follows `label` (with its tab) at the beginning of a line, up to the line's end.
std::optional<std::string_view> line_of(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(label)) return line.substr(label.size());
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::nullopt;
}

std::optional<pid_t> number_in(std::string_view text) {
  pid_t pid = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), pid).ec != std::errc{}) return std::nullopt;
  return pid;
}

// fdinfo's Pid: 0: of a namespace that has no number here for it; -1: it has ended and was reaped.
std::optional<pid_t> number_behind(int pidfd) {
  std::array<char, 48> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fdinfo/%d", pidfd);
  Buffer buffer;
  const auto line = line_of(read_of(path.data(), buffer), "Pid:\t");
  return line ? number_in(*line) : std::nullopt;
}

// NSpid: its numbers, tabs between, in each namespace from the one that /proc shows down to its own. Empty if
// it is gone.
std::string_view numbers_of(pid_t pid, Buffer& buffer) {
  if (pid <= 0 || !proc_is_ours()) return {};
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/status", pid);
  return line_of(read_of(path.data(), buffer), "NSpid:\t").value_or(std::string_view());
}

}  // namespace

bool proc_is_ours() {
  static const bool ours = [] {
    std::array<char, 32> target{};
    const ssize_t n = ::readlink("/proc/self", target.data(), target.size() - 1);
    pid_t shown = 0;
    const char* const end = target.data() + (n > 0 ? n : 0);
    return std::from_chars(target.data(), end, shown).ec == std::errc{} && shown == ::getpid();
  }();
  return ours;
}

bool in_our_namespace(pid_t pid) {
  Buffer buffer;
  const auto numbers = numbers_of(pid, buffer);
  return !numbers.empty() && numbers.find('\t') == std::string_view::npos;
}

pid_t own_number(pid_t pid) {
  Buffer buffer;
  const auto numbers = numbers_of(pid, buffer);
  const std::size_t last = numbers.rfind('\t');  // none: npos, and npos + 1 is the beginning
  return number_in(numbers.substr(last + 1)).value_or(0);
}

Descriptor open_pidfd(pid_t pid) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Result<ProcessState> process_behind(int pidfd) {
  const auto refused = [](const char* why, const char* remedy) {
    return Error{ErrorKind::unavailable, "", why, remedy};
  };
  if (!proc_is_ours()) return refused("/proc shows another PID namespace", "mount this one's own");
  // Asks whether it is a pidfd at all: other descriptors may have a line of the same name.
  if (::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0 && errno != EPERM && errno != ESRCH)
    return refused("no process is shown by its descriptor", "");
  const auto pid = number_behind(pidfd);
  if (!pid) return refused("the kernel does not say which process it is", "");
  if (*pid == 0) return refused("it is in a PID namespace that this peer cannot see into", "");
  const auto process = read_process(*pid);
  pollfd ended{pidfd, POLLIN, 0};
  // If it lives afterwards its number was its own all the time.
  if (*pid < 0 || !process || process->ended() || ::poll(&ended, 1, 0) != 0)
    return refused("it has ended", "");
  return *process;
}

Result<ProcessState> process_meant(const Naming& naming) {
  const auto refused = [](const char* why, const char* remedy) {
    return Error{ErrorKind::unavailable, "", why, remedy};
  };
  const auto by_number = [&]() -> Result<ProcessState> {
    const auto process = read_process(static_cast<pid_t>(naming.number));
    if (naming.number <= 1 || !process || process->ended()) return refused("it has ended", "");
    return *process;
  };
  if (naming.passes && naming.pidfd < 0)
    return refused("its descriptor has not come along",
                   "run the tool on its peer's host: a socket that is relayed passes none on");
  if (naming.passes) return COORD_RULE_OR(pid_is_of_the_kernel, process_behind(naming.pidfd), by_number());
  if (!COORD_RULE(numbers_count_in_one_namespace, in_our_namespace(naming.asker)))
    return refused("it has its number in another PID namespace",
                   "install the peer's release in the container as well");
  return by_number();
}

std::optional<ProcessId> process_at_other_end(int socket, std::uint64_t at_latest) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
    const Descriptor kept(pidfd);
    const auto process = process_behind(kept.get());
    return process ? std::optional(process->id) : std::nullopt;
  }
  if (errno != ENOPROTOOPT || !proc_is_ours()) return std::nullopt;  // it has ended
  ucred peer{};
  size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return std::nullopt;
  const auto process = read_process(peer.pid);
  // Who has the number now was there when it connected, or has got it since.
  if (!process || process->ended() || process->id.start_ticks > at_latest) return std::nullopt;
  return process->id;
}

std::uint64_t ticks_now() {
  timespec now{};
  static const long per_second = ::sysconf(_SC_CLK_TCK);
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0 || per_second <= 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * static_cast<std::uint64_t>(per_second) +
         static_cast<std::uint64_t>(now.tv_nsec) / (1'000'000'000U / static_cast<std::uint64_t>(per_second));
}

}  // namespace coord::process
