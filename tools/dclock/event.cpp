// SPDX-License-Identifier: MIT
// dclock event, send, recv TOKEN: one event of this host.
#include <memory>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "line_stream.hpp"
#include "live_clock.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct EventSettings {
  LiveChoice live;
  std::optional<std::string> log;
  std::vector<std::string> words;
  bool skip_bad = false;

  void declare(cli::Options& verb) {
    live.declare(verb);
    verb.value("--log", "FILE", log, "append the event's line to FILE, in the order of the clock")
        .completes(cli::Completion::file);
  }
};

// One event: counted, saved, logged, and `token` or its line printed.
Result<cli::Exit> one_event(const EventSettings& s, const clock::Stamp* message, const std::string& text,
                            bool print_token) {
  auto file = ClockFile::lock(s.live.clock);
  if (!file) return file.error();
  const WallTime now = wall_now();
  auto counted =
      message == nullptr ? file->clock().tick(now) : file->clock().receive(*message, now, s.live.max_offset);
  if (!counted) return counted.error();
  if (auto saved = file->save(); !saved) return saved.error();
  const clock::Stamp stamp = file->clock().last();
  const std::string line = clock::log_line(stamp, s.live.wall_of(now), text);
  if (s.log) {
    if (auto logged = append_line(*s.log, line); !logged) return logged.error();
  }
  const std::string output = print_token ? fmt::format("{}\n", clock::token(stamp))
                             : s.log     ? ""
                                         : fmt::format("{}\n", line);
  if (auto written = hand_out(std::move(*file), output); !written) return written.error();
  return cli::Exit::done;
}

Result<cli::Exit> receive(const EventSettings& s) {
  if (s.words.empty() || (s.words.size() == 1 && s.words.front() == "-"))
    return stream_lines(s.live, LineMode::receive, s.skip_bad, s.log);
  clock::StampReader reader;
  std::string_view own_text;
  auto message = reader.read(s.words.front(), own_text);
  if (!message) {
    Error error = message.error();
    error.object = "token";
    return error;
  }
  auto text = joined({s.words.begin() + 1, s.words.end()});
  if (!text) return text.error();
  return one_event(s, &*message, text->empty() ? std::string(own_text) : *text, false);
}

}  // namespace

void add_event(cli::Options& tool) {
  auto& verb = tool.verb("event", "count one event of this host and print its log line");
  auto s = std::make_shared<EventSettings>();
  verb.synopsis("[options] [TEXT...]");
  s->declare(verb);
  verb.operands("TEXT", s->words, 0, cli::any_number, "text of the event");
  verb.example("dclock event --log a.log 'job started'", "append to the host's log");
  verb.does([s]() -> Result<cli::Exit> {
    auto text = joined(s->words);
    if (!text) return text.error();
    return one_event(*s, nullptr, *text, false);
  });
}

void add_send(cli::Options& tool) {
  auto& verb = tool.verb("send", "count the sending of a message and print the token to send with it");
  auto s = std::make_shared<EventSettings>();
  verb.synopsis("[options] [TEXT...]");
  s->declare(verb);
  verb.operands("TEXT", s->words, 0, cli::any_number, "text of the message; goes to --log only");
  verb.example("token=$(dclock send --log a.log 'asks b')", "the message's token");
  verb.does([s]() -> Result<cli::Exit> {
    auto text = joined(s->words);
    if (!text) return text.error();
    return one_event(*s, nullptr, *text, true);
  });
}

void add_recv(cli::Options& tool) {
  auto& verb = tool.verb("recv", "count the receipt of a message and print its log line");
  auto s = std::make_shared<EventSettings>();
  verb.synopsis("[options] TOKEN [TEXT...]");
  verb.synopsis("[options]", "each line of standard input: a token and text, or a log line");
  s->declare(verb);
  verb.flag("--skip-bad", s->skip_bad, "standard input: go on after lines without a token, and count them");
  verb.operands("TOKEN", s->words, 0, cli::any_number,
                "token printed by send, or a line of a log; then a text");
  verb.example("dclock recv --log b.log \"$token\" 'is asked'", "the message has arrived");
  verb.example("ssh a tail -f a.log | dclock recv --host b", "each line of a is a message to b");
  verb.does([s] { return receive(*s); });
}

}  // namespace coord::dclock
