// SPDX-License-Identifier: MIT
#include "live_clock.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "cli/run.hpp"

namespace coord::dclock {

void LiveChoice::declare(cli::Options& verb) {
  using clock::ClockKind;
  verb.value("--clock", "FILE", clock.file, "where the clock is kept; else one for each host name")
      .env("COORD_CLOCK")
      .completes(cli::Completion::file);
  verb.custom(
          "--host", "NAME",
          [this](std::string_view name) -> Status {
            if (const char* fault = clock::host_name_fault(name))
              return Error{ErrorKind::usage, "", fault, "choose another"};
            clock.host = std::string(name);
            return done();
          },
          "this host in the log; else the clock's, else the machine's name")
      .completes(cli::Completion::host);
  verb.choice("--kind", "KIND", clock.kind,
              {{"vector", ClockKind::vector},
               {"lamport", ClockKind::lamport},
               {"matrix", ClockKind::matrix},
               {"hlc", ClockKind::hlc}},
              "of a new clock: vector (the default), lamport, matrix or hlc");
  verb.flag("--wall", wall, "put the wall time into the line");
  verb.flag("--hlc", clock.hybrid, "keep a hybrid clock beside it, for merge --by hlc");
  verb.value("--max-offset", "SECONDS", max_offset, "refuse hybrid clocks further ahead (60)")
      .between(Duration::zero(), std::chrono::hours(24 * 365));
  verb.flag("--sync", clock.sync, "survive power failure: fsync the clock").minor();
}

WallTime wall_now() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

Status check_text(std::string_view text) {
  if (text.find('\n') != std::string_view::npos)
    return Error{ErrorKind::usage, "TEXT", "it has more than one line",
                 "an event is one line; stamp takes many"};
  if (text.size() > clock::longest_line / 2)
    return Error{ErrorKind::usage, "TEXT", "it is longer than 512 KiB", "keep it elsewhere and name it here"};
  return done();
}

Result<std::string> joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (&word == &words.front() ? "" : " ") + word;
  if (text.ends_with('\r')) text.pop_back();  // of a line that ended in CR LF
  if (auto checked = check_text(text); !checked) return checked.error();
  return text;
}

Status hand_out(ClockFile file, std::string_view output) {
  struct stat status = {};
  const bool in_order = ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  if (!in_order) ClockFile(std::move(file));  // unlocks
  cli::print(output);
  return cli::flush();
}

}  // namespace coord::dclock
