// SPDX-License-Identifier: MIT
#include "drawing.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "catalogue/picture.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"

namespace coord::dsim {

using catalogue::Drawing;
using catalogue::Story;

void DrawSettings::declare(cli::Options& verb) {
  verb.flag("--gantt", gantt, "draw times of waiting and of being inside")
      .excludes("--space-time")
      .excludes("--tree");
  verb.flag("--space-time", space_time, "draw events and the messages that caused them").excludes("--tree");
  verb.flag("--tree", tree, "the tree that was built");
  verb.value("--svg", "FILE", svg, "a picture for a page, light or dark; -: to stdout")
      .completes(cli::Completion::file);
  verb.value("--width", "COLUMNS", width, "of text; else the terminal's, or 80").between(40, 1000);
  verb.flag("--ascii", ascii, "text without box-drawing characters, as where the locale has none");
}

std::optional<Drawing> DrawSettings::chosen() const {
  if (gantt) return Drawing::gantt;
  if (space_time) return Drawing::space_time;
  if (tree) return Drawing::tree;
  return std::nullopt;
}

namespace {

std::string as_svg(Drawing drawing, const Story& story) {
  switch (drawing) {
    case Drawing::gantt:
      return draw_gantt_svg(catalogue::gantt_of(story.spans, story.nodes));
    case Drawing::space_time:
      return clock::draw_svg(catalogue::space_time_of(story.trace, story.nodes),
                             {cli::display_width, cli::clipped});
    case Drawing::tree:
      return catalogue::draw_tree_svg(story.parents);
  }
  return "";
}

std::string as_text(const DrawSettings& s, Drawing drawing, const Story& story) {
  const std::size_t columns = s.width > 0 ? s.width : cli::terminal_width(STDOUT_FILENO);
  const bool ascii = s.ascii || !cli::has_unicode();
  switch (drawing) {
    case Drawing::gantt:
      return draw_gantt_text(catalogue::gantt_of(story.spans, story.nodes), columns, ascii);
    case Drawing::space_time:
      return clock::draw_text(catalogue::space_time_of(story.trace, story.nodes),
                              {cli::display_width, cli::clipped}, {columns, ascii});
    case Drawing::tree:
      return catalogue::draw_tree_text(story.parents, ascii);
  }
  return "";
}

}  // namespace

Status draw(const DrawSettings& s, Drawing drawing, const Story& story) {
  const bool is_empty = (drawing == Drawing::tree && story.parents.empty()) ||
                        (drawing == Drawing::gantt && story.spans.empty());
  if (is_empty) {
    return Error{ErrorKind::usage, drawing == Drawing::tree ? "--tree" : "--gantt",
                 "this run has nothing to draw so", "try --space-time"};
  }
  if (s.svg.empty()) {
    cli::print(as_text(s, drawing, story));
    return done();
  }
  if (s.svg == "-") {
    cli::print(as_svg(drawing, story));
    return done();
  }
  std::ofstream file(s.svg, std::ios::binary | std::ios::trunc);
  file << as_svg(drawing, story);
  file.close();
  if (!file)
    return Error{ErrorKind::output, s.svg, std::strerror(errno), "is there room, and may you write there?"};
  return done();
}

}  // namespace coord::dsim
