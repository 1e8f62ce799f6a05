// SPDX-License-Identifier: MIT
// dsnapshot draw: a snapshot as a space-time diagram, the line of the cut across it.
#include <unistd.h>

#include <memory>

#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "snapshot/picture.hpp"
#include "stored.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

struct DrawSettings {
  const Common& common;
  std::string name;
  std::string svg;        // empty: text
  std::size_t width = 0;  // 0: the terminal's
  bool ascii = false;
};

Result<cli::Exit> draw(const DrawSettings& s) {
  const auto snapshot = load(s.common, s.name);
  if (!snapshot) return snapshot.error();
  const clock::Diagram diagram = picture_of(*snapshot, cli::shown);
  const clock::TextMeasure measure{cli::display_width, cli::clipped};
  if (s.svg.empty()) {
    const std::size_t columns = s.width > 0 ? s.width : cli::terminal_width(STDOUT_FILENO);
    cli::print(draw_text(diagram, measure, {columns, s.ascii || !cli::has_unicode()}));
  } else if (s.svg == "-") {
    cli::print(draw_svg(diagram, measure));
  } else {
    const auto file = cli::open_output_file(s.svg, cli::shown(s.svg));
    if (!file) return file.error();
    if (auto status = cli::write_output_file(*file, draw_svg(diagram, measure), cli::shown(s.svg)); !status)
      return status.error();
  }
  return tell_incomplete(*snapshot);
}

}  // namespace

void add_draw(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("draw", "draw a snapshot as a space-time diagram");
  auto s = std::make_shared<DrawSettings>(DrawSettings{common, {}, {}, 0, false});
  verb.synopsis("[options] FILE|ID");
  verb.value("--svg", "FILE", s->svg, "a picture for a page, light or dark; -: to stdout")
      .completes(cli::Completion::file);
  verb.value("--width", "COLUMNS", s->width, "of text; else the terminal's, or 80").between(40, 1000);
  verb.flag("--ascii", s->ascii, "text without box-drawing characters, as where the locale has none");
  verb.operand("FILE", s->name, "a snapshot: a file, - (standard input) or an id");
  verb.operand_completes(cli::Completion::file);
  verb.example("dsnapshot draw bank.jsonl", "on the terminal");
  verb.example("dsnapshot draw --svg bank.svg bank.jsonl", "for a page");
  verb.does([s] { return draw(*s); });
}

}  // namespace coord::dsnapshot
