// SPDX-License-Identifier: MIT
// dclock draw: the logs as a space-time diagram.
#include <unistd.h>

#include <memory>

#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "clock/diagram.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

enum class Picture { text, svg, dot, mermaid };

struct DrawSettings {
  LogChoice logs;
  clock::MergeOrder order = clock::MergeOrder::clock;
  Picture format = Picture::text;
  std::size_t width = 0;  // 0: the terminal's
  bool ascii = false;
};

Result<cli::Exit> draw(const DrawSettings& s) {
  auto log = load(s.logs, Texts::keep, s.order);
  if (!log) return log.error();
  const clock::Diagram diagram = clock::diagram_of((*log)->events, cli::shown);
  const clock::TextMeasure measure{cli::display_width, cli::clipped};
  switch (s.format) {
    case Picture::text: {
      const std::size_t columns = s.width > 0 ? s.width : cli::terminal_width(STDOUT_FILENO);
      cli::print(clock::draw_text(diagram, measure, {columns, s.ascii || !cli::has_unicode()}));
      break;
    }
    case Picture::svg:
      cli::print(clock::draw_svg(diagram, measure));
      break;
    case Picture::dot:
      cli::print(clock::draw_dot(diagram));
      break;
    case Picture::mermaid:
      cli::print(clock::draw_mermaid(diagram));
      break;
  }
  return cli::Exit::done;
}

}  // namespace

void add_draw(cli::Options& tool) {
  auto& verb = tool.verb("draw", "draw the logs as a space-time diagram");
  auto s = std::make_shared<DrawSettings>();
  verb.synopsis("[options] [LOG...]");
  verb.choice(
      "--to", "FORMAT", s->format,
      {{"text", Picture::text}, {"svg", Picture::svg}, {"dot", Picture::dot}, {"mermaid", Picture::mermaid}},
      "text (the default), svg, dot or mermaid");
  declare_order(verb, s->order);
  verb.value("--width", "COLUMNS", s->width, "of text; else the terminal's, or 80").between(40, 1000);
  verb.flag("--ascii", s->ascii, "text without box-drawing characters, as where the locale has none");
  s->logs.declare(verb);
  verb.example("dclock draw *.log", "on the terminal");
  verb.example("dclock draw --to svg *.log > run.svg", "for a page, light or dark");
  verb.does([s] { return draw(*s); });
}

}  // namespace coord::dclock
