// SPDX-License-Identifier: MIT
#include "dlock/request.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "process/pidfd.hpp"

namespace coord::dlock {

namespace {

// FNV-1a over the words and their ends, from two different beginnings.
std::uint64_t hash_of(const std::vector<std::string>& words, std::uint64_t hash) {
  const auto take = [&](unsigned char byte) { hash = (hash ^ byte) * 1099511628211U; };
  for (const std::string& word : words) {
    for (const char c : word) take(static_cast<unsigned char>(c));
    take(0);
  }
  return hash;
}

}  // namespace

std::vector<SessionId> outer_sessions() {
  constexpr std::size_t deepest = 32;  // the protocol's bound
  const char* set = ::getenv("DLOCK_SESSION");
  std::vector<SessionId> sessions;
  for (std::string_view text = set == nullptr ? "" : set; !text.empty();) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    SessionId id;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), id.value);
    if (read.ec == std::errc{} && read.ptr == word.data() + word.size()) sessions.push_back(id);
  }
  if (sessions.size() > deepest)
    sessions.erase(sessions.begin(), sessions.end() - static_cast<std::ptrdiff_t>(deepest));
  return sessions;
}

std::uint32_t holder_of(const Settings& settings) {
  return settings.pid != 0 ? settings.pid : static_cast<std::uint32_t>(::getppid());
}

Result<Descriptor> open_holder(const Settings& settings) {
  const auto pid = static_cast<pid_t>(holder_of(settings));
  const auto unusable = [](std::string object, const char* what) {
    return Error{ErrorKind::usage, std::move(object), what, "name one with --pid"};
  };
  if (pid == 0) return unusable("dlock's caller", "it is in another PID namespace");
  Descriptor holder = process::open_pidfd(pid);
  if (!holder.is_open() && errno == ESRCH) return unusable(fmt::format("process {}", pid), "it does not run");
  return holder;
}

local::Acquire request_of(const Settings& settings) {
  local::Acquire request;
  request.request = cli::only_request;
  request.names = settings.names;
  request.mode = settings.shared ? local::Mode::shared : local::Mode::exclusive;
  request.permits = settings.permits;
  request.wait = !settings.no_wait;
  request.ttl = settings.ttl;
  request.lock_delay = settings.lock_delay;
  request.min_hold = settings.min_hold;
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.command = cli::command_line(settings.command.argv);
  request.outer = outer_sessions();
  request.key_high = hash_of(settings.command.argv, 14695981039346656037U);
  request.key_low = hash_of(settings.command.argv, 0x636f6f7264757469U);
  request.join = settings.join;
  if (settings.rate) {
    request.permits = settings.rate->permits;
    request.period = request.min_hold = settings.rate->period;
  }
  request.bare = settings.close;
  if (settings.part) {
    request.mode = local::Mode::shared;
    request.part = settings.part;
  }
  if (settings.mode == Mode::acquire) {
    request.holder = holder_of(settings);
    request.pid = request.holder;
    request.signal = static_cast<std::uint32_t>(settings.signal);
    request.grace = settings.grace_or_default();
    request.command = fmt::format("(held by process {})", request.holder);
  }
  return request;
}

}  // namespace coord::dlock
