// SPDX-License-Identifier: MIT
// What somebody at a terminal is told who has to wait.
#include "cli/waiting.hpp"

#include <algorithm>
#include <chrono>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

namespace {

// Not longer than a line of a terminal or two, however long names and commands are.
std::string cut(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : fmt::format("{}...", text.substr(0, most - 3));
}

std::string words_for(local::WaitKind kind) {
  switch (kind) {
    case local::WaitKind::holds:
      return "held by ";
    case local::WaitKind::before:
      return "waited for before by ";
    case local::WaitKind::shut:
      break;
  }
  return "kept shut after ";
}

std::string describe(const local::WaitRecord& wait) {
  constexpr std::size_t host = 64, command = 60, name = 60;
  const local::LockParty& by = wait.blocker;
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::int64_t seconds = std::max<std::int64_t>((now.count() - by.since.unix_ns) / 1'000'000'000, 0);
  return fmt::format("{} is {}{} pid {} ({}) since {} ({} s): {}", cut(wait.name, name), words_for(wait.kind),
                     cut(by.host, host), by.pid, by.user, rfc3339(by.since, 0), seconds,
                     cut(by.command, command));
}

}  // namespace

std::string in_words(const local::Waiting& waiting) {
  if (!waiting.quorum) return cli::waiting_for_majority(waiting);
  std::string text;
  for (const local::WaitRecord& wait : waiting.blockers)
    text += (text.empty() ? "waiting: " : "; ") + describe(wait);
  return text;
}

}  // namespace coord::dlock
