// SPDX-License-Identifier: MIT
// The diagram for a page. Lanes are vertical lines, messages arrows between the events' dots, texts a column
// at the right with a faint band behind every other row to lead the eye. Colours are Okabe and Ito's, which
// colour-blind readers can tell apart, each in a tone for light and one for dark pages; with more hosts than
// colours they come again.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "base/format.hpp"
#include "base/svg.hpp"
#include "clock/diagram.hpp"

namespace coord::clock {
namespace {

constexpr int row_height = 28, margin = 20, name_height = 26, dot_radius = 5;
// from a row's middle down to the foot of 13 px text; not all viewers know dominant-baseline
constexpr int baseline = 4;
constexpr int column_width = 8;  // of the 13 px monospaced font, a little generous
constexpr int narrowest_lane = 64, widest_lane = 150;
constexpr std::size_t longest_text = 96;  // columns; the tooltip has the rest
constexpr int clearance = dot_radius + 5;

using svg::colours;
using svg::escaped;
using svg::number;

class SvgDrawing {
 public:
  SvgDrawing(const Diagram& diagram, const TextMeasure& measure) : diagram_(diagram), measure_(measure) {
    std::size_t longest = 0, label = 0, text = 0;
    for (const auto& name : diagram_.lanes) longest = std::max(longest, measure_.width(name));
    for (const auto& event : diagram_.events) {
      label = std::max(label, measure_.width(event.name));
      text = std::max(text, std::min(longest_text, measure_.width(event.text)));
    }
    lane_width_ = std::clamp(static_cast<int>(longest) * column_width + 28, narrowest_lane, widest_lane);
    label_x_ = margin + static_cast<int>(diagram_.lanes.size()) * lane_width_ + 12;
    text_x_ = label_x_ + static_cast<int>(label) * column_width + 16;
    width_ = text_x_ + static_cast<int>(text) * column_width + margin;
    top_ = margin + name_height + row_height;
    height_ = top_ + static_cast<int>(diagram_.events.size()) * row_height + margin / 2 - row_height / 2;
  }

  std::string draw() {
    begin();
    draw_bands();
    for (std::size_t lane = 0; lane < diagram_.lanes.size(); ++lane) draw_lane(lane);
    if (diagram_.cut) draw_cut();
    for (std::size_t row = 0; row < diagram_.events.size(); ++row) draw_arrows(row);
    for (std::size_t row = 0; row < diagram_.events.size(); ++row) draw_event(row);
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  int x(std::size_t lane) const { return margin + static_cast<int>(lane) * lane_width_ + lane_width_ / 2; }
  int y(std::size_t row) const { return top_ + static_cast<int>(row) * row_height; }
  static std::string colour(std::size_t lane) { return fmt::format("c{}", lane % colours.size()); }
  std::size_t used_colours() const {
    return std::min(colours.size(), std::max<std::size_t>(diagram_.lanes.size(), 1));
  }

  void begin() {
    const std::string size = fmt::format("width=\"{}\" height=\"{}\"", width_, height_);
    out_ += fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" {} viewBox=\"0 0 {} {}\" role=\"img\" "
        "aria-label=\"Space-time diagram: {} events of {} hosts\">\n<style>\ntext {{ font: 13px "
        "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; dominant-baseline: central; }}\n.name "
        "{{ font-weight: bold; fill: #ffffff; text-anchor: middle; }}\n.label {{ font-weight: bold; "
        "}}\n.page {{ fill: #ffffff; }} .band {{ fill: #f3f5f7; }} .text {{ fill: #24292f; }} .dot {{ "
        "stroke: #ffffff; stroke-width: 2; }}\n.lane {{ stroke-width: 2; opacity: 0.35; }} .message {{ fill: "
        "none; stroke-width: 1.75; }}\n",
        size, width_, height_, diagram_.events.size(), diagram_.lanes.size());
    if (diagram_.cut) out_ += ".cut { stroke: #6e7781; stroke-width: 2; stroke-dasharray: 6 4; }\n";
    for (std::size_t i = 0; i < used_colours(); ++i) append_colour(i, colours[i].light);
    out_ +=
        "@media (prefers-color-scheme: dark) {\n"
        ".page { fill: #0d1117; } .band { fill: #161b22; } .text { fill: #e6edf3; } .dot { stroke: #0d1117; "
        "} .name { fill: #0d1117; }\n";
    for (std::size_t i = 0; i < used_colours(); ++i) append_colour(i, colours[i].dark);
    out_ += "}\n</style>\n<defs>\n";
    for (std::size_t i = 0; i < used_colours(); ++i) {
      out_ += fmt::format(
          "<marker id=\"arrow{}\" viewBox=\"0 0 10 10\" refX=\"10\" refY=\"5\" markerWidth=\"9\" "
          "markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"f{}\" d=\"M0 1 "
          "L10 5 L0 9 z\"/></marker>\n",
          i, colour(i));
    }
    out_ += "</defs>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n";
  }

  // As a fill (texts, dots) and as a stroke (lanes, messages).
  void append_colour(std::size_t i, const char* value) {
    out_ += fmt::format(".f{} {{ fill: {}; }} .s{} {{ stroke: {}; }}\n", colour(i), value, colour(i), value);
  }

  void draw_bands() {
    for (std::size_t row = 0; row < diagram_.events.size(); row += 2) {
      out_ += fmt::format("<rect class=\"band\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\n",
                          margin / 2, y(row) - row_height / 2, width_ - margin, row_height);
    }
  }

  void draw_lane(std::size_t lane) {
    const std::string at = std::to_string(x(lane));
    out_ += fmt::format("<line class=\"lane s{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", colour(lane),
                        at, margin + name_height, at, height_ - margin / 2);
    const auto most = static_cast<std::size_t>((lane_width_ - 20) / column_width);
    const std::string& name = diagram_.lanes[lane];
    const bool fits = measure_.width(name) <= most;
    const std::string shown = fits ? name : fmt::format("{}…", measure_.clipped(name, most - 1));
    const int box = static_cast<int>(measure_.width(shown)) * column_width + 16;
    out_ += fmt::format(
        "<g><title>{}</title><rect class=\"f{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
        "rx=\"6\"/><text class=\"name\" x=\"{}\" y=\"{}\">{}</text></g>\n",
        escaped(name), colour(lane), x(lane) - box / 2, margin, box, name_height, at,
        margin + name_height / 2 + baseline, escaped(shown));
  }

  // Between two rows, dashed, as wide as the lanes.
  void draw_cut() {
    const std::string at = std::to_string(y(diagram_.cut->row) - row_height / 2);
    out_ += fmt::format(
        "<g><title>cut {}</title><line class=\"cut\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/></g>\n",
        escaped(diagram_.cut->name), margin / 2, at, label_x_ - 8, at);
  }

  void draw_arrows(std::size_t row) {
    for (const auto& arrow : diagram_.events[row].arrows) {
      if (arrow.from) draw_message(*arrow.from, row);
    }
  }

  // A straight line, or a curve where the straight one would run through the dot of an
  // event that has no part in it.
  void draw_message(std::size_t from, std::size_t to) {
    const std::size_t lane = diagram_.events[from].lane;
    double bend = 0;
    for (const double candidate : {0.0, 22.0, -22.0, 40.0, -40.0, 70.0, -70.0}) {
      bend = candidate;
      if (is_clear(from, to, candidate)) break;
      bend = 0;
    }
    const double x1 = x(lane), y1 = y(from), x2 = x(diagram_.events[to].lane), y2 = y(to);
    const double cx = (x1 + x2) / 2, cy = (y1 + y2) / 2 + bend;
    // The tip ends at the dot's rim, seen from where the line comes.
    const double dx = x2 - (bend == 0 ? x1 : cx), dy = y2 - (bend == 0 ? y1 : cy),
                 length = std::hypot(dx, dy);
    const double rim = dot_radius + 2;
    const std::string end =
        fmt::format("{} {}", number(x2 - dx / length * rim), number(y2 - dy / length * rim));
    out_ += fmt::format("<path class=\"message s{}\" d=\"M{} {}{}{}\" marker-end=\"url(#arrow{})\"/>\n",
                        colour(lane), number(x1), number(y1),
                        bend == 0 ? " L" : fmt::format(" Q{} {} ", number(cx), number(cy)), end,
                        lane % colours.size());
  }

  // Does the message keep its distance from the dots on the lanes that it crosses?
  bool is_clear(std::size_t from, std::size_t to, double bend) const {
    const std::size_t a = diagram_.events[from].lane, b = diagram_.events[to].lane;
    for (std::size_t lane = std::min(a, b) + 1; lane < std::max(a, b); ++lane) {
      const double t = (static_cast<double>(lane) - static_cast<double>(a)) /
                       (static_cast<double>(b) - static_cast<double>(a));
      const double at = y(from) + (y(to) - y(from)) * t + 2 * t * (1 - t) * bend;
      const auto row = std::lround((at - top_) / row_height);
      if (row < 0 || static_cast<std::size_t>(row) >= diagram_.events.size()) continue;
      const auto near = static_cast<std::size_t>(row);
      if (diagram_.events[near].lane == lane && std::abs(at - y(near)) < clearance) return false;
    }
    return true;
  }

  void draw_event(std::size_t row) {
    const auto& event = diagram_.events[row];
    const std::string fill = fmt::format("f{}", colour(event.lane)), at = std::to_string(y(row)),
                      text_at = std::to_string(y(row) + baseline);
    const bool fits = measure_.width(event.text) <= longest_text;
    const std::string text =
        fits ? event.text : fmt::format("{}…", measure_.clipped(event.text, longest_text - 1));
    out_ += fmt::format(
        "<g><title>{}</title><circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/><text class=\"label {}\" "
        "x=\"{}\" y=\"{}\">{}</text>",
        escaped(event.detail), fill, x(event.lane), at, dot_radius + 1, fill, label_x_, text_at,
        escaped(event.name));
    if (!text.empty())
      out_ +=
          fmt::format("<text class=\"text\" x=\"{}\" y=\"{}\">{}</text>", text_x_, text_at, escaped(text));
    out_ += "</g>\n";
  }

  const Diagram& diagram_;
  const TextMeasure& measure_;
  int lane_width_ = 0, label_x_ = 0, text_x_ = 0, width_ = 0, height_ = 0, top_ = 0;
  std::string out_;
};

}  // namespace

std::string draw_svg(const Diagram& diagram, const TextMeasure& measure) {
  return SvgDrawing(diagram, measure).draw();
}

}  // namespace coord::clock
