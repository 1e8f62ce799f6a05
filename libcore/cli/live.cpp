// SPDX-License-Identifier: MIT
#include "cli/live.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {
namespace {

constexpr std::string_view show_cursor = "\033[?25h";

void write_now(std::string_view text) {
  (void)!::write(STDOUT_FILENO, text.data(), text.size());  // a terminal that went away needs no cursor
}

// ---- signals: whoever ends or stops the program does not leave a terminal without its cursor

void end(int signal) {
  write_now(show_cursor);
  ::_exit(128 + signal);
}

void stop(int signal) {
  write_now(show_cursor);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  (void)::raise(signal);
}

void redraw(int) {}  // that it ends the wait is all

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = end;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = stop;
  ::sigaction(SIGTSTP, &action, nullptr);
  action.sa_handler = redraw;
  for (const int signal : {SIGWINCH, SIGCONT}) ::sigaction(signal, &action, nullptr);
}

// The wait alone is ended by what only asks for a new drawing: nothing that is asked of a peer is cut short.
class Pause {
 public:
  Pause() {
    sigset_t drawing;
    ::sigemptyset(&drawing);
    for (const int signal : {SIGWINCH, SIGCONT}) ::sigaddset(&drawing, signal);
    ::pthread_sigmask(SIG_BLOCK, &drawing, &before_);
  }
  // False: cut short.
  bool until(Instant end) const {
    const Duration left = std::max(end - process::boot_now(), Duration{});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec time{seconds.count(), (left - seconds).count()};
    return ::ppoll(nullptr, 0, &time, &before_) == 0;
  }

 private:
  sigset_t before_{};
};

// ---- drawing

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string clock_text() {
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  return rfc3339(WallTime{now}, 0);
}

// One frame, from the upper left corner; what was below it is gone. The last row stays the cursor's.
void draw(const std::string& table, const std::string& trouble, Duration every, bool anew) {
  const std::size_t width = terminal_width(STDOUT_FILENO);
  const std::size_t room = std::max<std::size_t>(terminal_height(STDOUT_FILENO), 4) - 2;
  std::string frame(anew ? "\033[?25l\033[H\033[2J" : "\033[?25l\033[H");
  // Erased first: behind a line that is as wide as the terminal its last character would go.
  const auto line = [&](std::string_view text) {
    frame += "\033[K";
    frame += text;
    frame += '\n';
  };
  const std::string head = trouble.empty()
                               ? fmt::format("{}, every {} s; Ctrl-C ends", clock_text(), seconds_text(every))
                               : fmt::format("{}: {}", clock_text(), shown(trouble));
  line(toned(shortened(head, width), trouble.empty() ? Tone::faint : Tone::bad, wants_color(STDOUT_FILENO)));
  const auto lines = lines_of(table);
  const bool fits = lines.size() <= room;
  for (std::size_t i = 0; i < std::min(lines.size(), fits ? room : room - 1); ++i) line(lines[i]);
  if (!fits) line(shortened(fmt::format("... {} more lines", lines.size() - room + 1), width));
  print(fmt::format("{}\033[J", frame));
}

}  // namespace

Option& Live::declare(Options& options) {
  using std::chrono::milliseconds;
  return options.value("--live", "SECONDS", every_, "show it again and again, every 2 s")
      .implied("2")
      .between(milliseconds(100), std::chrono::hours(24));
}

Result<Exit> Live::show(const std::function<Result<std::string>()>& ask, std::string_view none) const {
  auto table = ask();
  if (!table) return table.error();
  const char* const kind = std::getenv("TERM");
  const bool screen = is_terminal(STDOUT_FILENO) && (kind == nullptr || std::string_view(kind) != "dumb");
  if (screen) catch_signals();
  const Pause pause;
  std::string trouble;
  for (bool anew = true;;) {
    const Instant next = process::boot_now() + *every_;
    if (table->empty()) *table = fmt::format("{}\n", none);
    if (screen) {
      draw(*table, trouble, *every_, anew);
    } else {
      print(fmt::format("{}\n", *table));
    }
    if (Status written = flush(); !written) return written.error();
    anew = !pause.until(next);
    if (anew && screen) catch_signals();  // also that of a stop
    auto newer = ask();
    if (!newer && !screen) return newer.error();
    trouble = newer ? "" : newer.error().text();
    if (newer) table = std::move(newer);
  }
}

void say_none(std::string_view tool, std::string_view none, bool quiet) {
  if (!quiet && is_terminal(STDERR_FILENO)) notice(tool, none);
}

}  // namespace coord::cli
