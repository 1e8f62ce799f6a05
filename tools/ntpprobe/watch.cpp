// SPDX-License-Identifier: MIT
#include "ntpprobe/watch.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <deque>
#include <string>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "ntpprobe/measurement.hpp"
#include "ntpprobe/plot.hpp"

namespace coord::ntpprobe {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) {
  stop_requested = 1;
}
void wake_only(int) {}

// Signals end the wait they come in, and so the loop; a resized terminal only redraws.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  action.sa_handler = wake_only;
  sigaction(SIGWINCH, &action, nullptr);
}

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

ScreenSize screen_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20 || size.ws_row < 6) return {};
  return {size.ws_col, size.ws_row};
}

// The terminal's second screen for as long as the object lives, so that the shell's is as it was afterwards.
class LiveScreen {
 public:
  LiveScreen() { cli::print("\x1b[?1049h\x1b[?25l"); }
  ~LiveScreen() {
    cli::print("\x1b[?25h\x1b[?1049l");
    static_cast<void>(cli::flush());
  }
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  // Lines from the top, each cleared to its end; what does not fit is left out.
  static void show(const std::vector<std::string>& lines, std::size_t rows) {
    std::string out = "\x1b[H";
    for (std::size_t i = 0; i < lines.size() && i < rows; ++i)
      out += fmt::format("{}{}\x1b[K", i == 0 ? "" : "\r\n", lines[i]);
    cli::print(fmt::format("{}\x1b[J", out));
    static_cast<void>(cli::flush());
  }
};

class LiveView {
 public:
  LiveView(Duration period, bool unicode, bool color) : period_(period), unicode_(unicode), color_(color) {}

  void add(Measurement m) {
    history_.push_back(m.majority ? std::optional<Duration>(m.offset) : std::nullopt);
    if (history_.size() > kept) history_.pop_front();
    last_ = std::move(m);
    ++rounds_;
  }

  void draw() const {
    const ScreenSize screen = screen_size();
    std::vector<std::string> lines{fmt::format("ntpprobe  {}  every {} s, round {}, Ctrl-C ends",
                                               rfc3339(last_.as_of, 0), plain_period(), rounds_),
                                   ""};
    append_text(lines, text_report(last_, {screen.columns, color_, false, false}));
    lines.emplace_back();
    const cli::Tone tone = last_.majority ? cli::Tone::strong : cli::Tone::bad;
    lines.push_back(cli::toned(cli::clipped(text_summary(last_), screen.columns), tone, color_));
    lines.emplace_back();
    if (screen.rows > lines.size() + 3) {
      const PlotSize size{screen.columns, std::min<std::size_t>(screen.rows - lines.size(), 20)};
      for (std::string& line : plot(history_, size, unicode_)) lines.push_back(std::move(line));
    }
    LiveScreen::show(lines, screen.rows);
  }

 private:
  static constexpr std::size_t kept = 2000;  // two a column: wider than any terminal

  static void append_text(std::vector<std::string>& lines, const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  std::string plain_period() const { return cli::seconds_text(period_); }

  Duration period_;
  bool unicode_;
  bool color_;
  std::deque<std::optional<Duration>> history_;
  Measurement last_;
  std::uint64_t rounds_ = 0;
};

std::string line_of(const Measurement& m, const Settings& s) {
  if (s.json) return json_report(m, s.list_samples);
  if (s.csv) return csv_report(m, s.list_samples);
  if (s.quiet) return m.majority ? fmt::format("{}\n", signed_seconds(m.offset)) : "";
  if (s.verbose || s.list_samples) {
    return fmt::format("{}{}\n", text_report(m, {cli::Table::any_width, false, s.verbose, s.list_samples}),
                       text_summary(m));
  }
  return watch_line(m);
}

}  // namespace

Result<cli::Exit> watch(const Settings& s) {
  const auto names = server_names(s);
  if (!names) return names.error();
  const auto manner = manner_of(s);
  if (!manner) return manner.error();
  Prober prober(*names, s.family(), *manner);
  catch_signals();
  const bool live =
      cli::is_terminal(STDOUT_FILENO) && !s.json && !s.csv && !s.quiet && !s.verbose && !s.list_samples;
  std::optional<LiveScreen> screen;
  std::optional<LiveView> view;
  if (live) {
    screen.emplace();
    view.emplace(*s.watch, cli::has_unicode(), cli::wants_color(STDOUT_FILENO));
  }
  if (s.csv) cli::print(csv_title());
  bool measured = false;
  Instant next = read_clocks().steady;
  while (prober.round(s.samples_or(1), &stop_requested)) {
    Measurement m = evaluate(prober);
    measured = m.majority;
    if (view) {
      view->add(std::move(m));
    } else {
      cli::print(line_of(m, s));
      if (const Status written = cli::flush(); !written) return written.error();
    }
    next = std::max(next + *s.watch, read_clocks().steady);
    while (stop_requested == 0 && read_clocks().steady < next) {
      if (view) view->draw();
      sleep_until(next);
    }
    if (stop_requested != 0) break;
  }
  return measured ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::ntpprobe
