// SPDX-License-Identifier: MIT
// dsim play: a story with its drawing.
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "drawing.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

struct PlaySettings {
  std::string scenario;
  DrawSettings draw;
  bool trace = false;
};

// Broken between words.
std::string wrapped(const std::string& text, std::size_t columns) {
  std::string out, line;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      out += fmt::format("{}\n", line);
      line = "  ";
    } else if (!line.empty()) {
      line += " ";
    }
    line += word;
    begin = end + 1;
  }
  return fmt::format("{}{}\n", out, line);
}

Result<cli::Exit> play(const PlaySettings& s) {
  const auto* scenario = catalogue::find_scenario(s.scenario);
  if (scenario == nullptr)
    return Error{ErrorKind::usage, s.scenario, "unknown scenario", "dsim list shows them"};
  const catalogue::Story story = scenario->play();
  if (s.trace) {
    cli::print(story.trace.text());
  } else if (auto status = draw(s.draw, s.draw.chosen().value_or(scenario->drawing), story); !status) {
    return status.error();
  }
  if (s.draw.svg.empty()) {
    cli::print("\n");
    const std::size_t columns = s.draw.width > 0 ? s.draw.width : cli::terminal_width(STDOUT_FILENO);
    for (const auto& fact : story.facts) cli::print(wrapped(fact, columns));
  }
  return cli::Exit::done;
}

}  // namespace

void add_play(cli::Options& tool) {
  auto& verb = tool.verb("play", "a story with its drawing");
  auto s = std::make_shared<PlaySettings>();
  verb.synopsis("[options] SCENARIO");
  verb.operand("SCENARIO", s->scenario, "which (dsim list)")
      .operand_completes_from("dsim list --scenarios | awk 'NR > 1 { print $1 }'");
  s->draw.declare(verb);
  verb.flag("--trace", s->trace, "print all events, in place of the drawing");
  verb.example("dsim play barrier-stragglers", "waits and their lengths");
  verb.does([s] { return play(*s); });
}

}  // namespace coord::dsim
