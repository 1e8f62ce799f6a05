// SPDX-License-Identifier: MIT
// dclock stamp: each line of standard input is an event of this host.
#include <memory>

#include "line_stream.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct StampSettings {
  LiveChoice live;
  bool tokens = false, skip_bad = false;
};

}  // namespace

void add_stamp(cli::Options& tool) {
  auto& verb = tool.verb("stamp", "stamp each line of standard input as an event");
  auto s = std::make_shared<StampSettings>();
  verb.synopsis("[options]");
  s->live.declare(verb);
  verb.flag("--tokens", s->tokens, "a line that begins with a token is the receipt of that message");
  verb.flag("--skip-bad", s->skip_bad, "go on after lines with a broken token, and count them");
  verb.example("make 2>&1 | dclock stamp --wall > make.log", "a program's output as events");
  verb.example("producer | dclock stamp --host a | ssh b dclock recv", "and as messages to b");
  verb.does([s] {
    return stream_lines(s->live, s->tokens ? LineMode::tokens : LineMode::event, s->skip_bad, std::nullopt);
  });
}

}  // namespace coord::dclock
