// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/format.hpp"
#include "base/svg.hpp"
#include "catalogue/picture.hpp"

namespace coord::catalogue {

namespace {

double in_ms(Duration time) {
  return static_cast<double>(time.count()) / 1e6;
}

std::string ms_text(double value) {
  return fmt::format("{:.{}f}", value, std::abs(value - std::round(value)) < 0.05 ? 0 : 1);
}

// A round distance between marks, so that there are at most about `most` of them.
double tick_of(double length, double most) {
  double tick = 1;
  while (length / tick > most) {
    const double leading = tick / std::pow(10, std::floor(std::log10(tick) + 1e-9));
    tick *= leading < 1.5 ? 2 : leading < 3 ? 2.5 : 2;
  }
  return tick;
}

}  // namespace

Gantt gantt_of(const std::vector<Span>& spans, std::size_t nodes) {
  Gantt gantt;
  for (std::size_t i = 1; i <= nodes; ++i) gantt.lanes.push_back({fmt::format("node {}", i), {}});
  for (const Span& span : spans) {
    if (span.node.value == 0 || span.node.value > nodes) continue;
    gantt.lanes[static_cast<std::size_t>(span.node.value - 1)].spans.push_back(span);
    gantt.end = std::max(gantt.end, span.to);
  }
  for (auto& lane : gantt.lanes) std::ranges::stable_sort(lane.spans, {}, &Span::from);
  return gantt;
}

// ---- text: a row of blocks a lane, and below it what the bars are

std::string draw_gantt_text(const Gantt& gantt, std::size_t columns, bool ascii) {
  std::size_t name_width = 4;
  for (const auto& lane : gantt.lanes) name_width = std::max(name_width, lane.name.size());
  const std::size_t width = std::max<std::size_t>(20, columns - name_width - 3);
  const double length = std::max(1e-3, in_ms(gantt.end - gantt.begin));
  const auto column = [&](Instant time) {
    return std::min(width, static_cast<std::size_t>(
                               std::lround(in_ms(time - gantt.begin) / length * static_cast<double>(width))));
  };
  const char* const idle = ascii ? "." : "·";
  const auto block = [&](Span::Kind kind) {
    if (kind == Span::Kind::working) return ascii ? "#" : "█";
    return kind == Span::Kind::waiting ? (ascii ? "-" : "░") : (ascii ? "=" : "▒");
  };
  std::string out;
  for (const auto& lane : gantt.lanes) {
    std::vector<const char*> cells(width, idle);
    for (const Span& span : lane.spans) {
      const std::size_t from = std::min(column(span.from), width - 1),
                        to = std::max(from + 1, column(span.to));
      for (std::size_t at = from; at < to; ++at) cells[at] = block(span.kind);
    }
    out += fmt::format("{}{} ", lane.name, std::string(name_width - lane.name.size(), ' '));
    for (const char* cell : cells) out += cell;
    out += "\n";
  }
  std::string marks(width, ' ');
  const double tick = tick_of(length, static_cast<double>(width) / 9);
  for (double at = 0; at <= length + 1e-9; at += tick) {
    const std::string text = ms_text(at);
    const auto place = static_cast<std::size_t>(at / length * static_cast<double>(width));
    if (place + text.size() + 3 <= width) marks.replace(place, text.size(), text);
  }
  marks.erase(marks.find_last_not_of(' ') + 1);
  out += fmt::format("{}{} ms\n", std::string(name_width + 1, ' '), marks);
  std::size_t text_width = 8;
  for (const auto& lane : gantt.lanes) {
    for (const Span& span : lane.spans) text_width = std::max(text_width, span.text.size());
  }
  for (const auto& lane : gantt.lanes) {
    for (const Span& span : lane.spans) {
      out += lane.name + std::string(name_width - lane.name.size(), ' ') +
             fmt::format(" {:>8} to {:>8} ms  ", ms_text(in_ms(span.from - gantt.begin)),
                         ms_text(in_ms(span.to - gantt.begin))) +
             span.text + std::string(text_width - span.text.size(), ' ') +
             fmt::format(" {} ms\n", ms_text(in_ms(span.to - span.from)));
    }
  }
  return out;
}

// ---- SVG

namespace {

constexpr int row = 40, bar = 26, margin = 20, names = 90, chart = 760, axis = 30, legend = 34;

std::string at(double value) {
  return fmt::format("{:.1f}", value);
}

const char* class_of(Span::Kind kind) {
  return kind == Span::Kind::working ? "working" : kind == Span::Kind::waiting ? "waiting" : "other";
}

std::string head(int width, int height) {
  const std::string size = fmt::format("{}\" height=\"{}", width, height);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"Gantt chart\">\n<style>\ntext {{ font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, "
      "Consolas, monospace; fill: #24292f; }}\n.page {{ fill: #ffffff; }} .band {{ fill: #f3f5f7; }} .grid "
      "{{ stroke: #d0d7de; stroke-dasharray: 2 4; }}\n.working {{ fill: #0072b2; }} .waiting {{ fill: "
      "#f2c14e; }} .other {{ fill: #00805c; }}\ntext.in-working, text.in-other {{ fill: #ffffff; }} "
      "text.in-waiting {{ fill: #3d2c00; }} text.faint {{ fill: #57606a; }}\n@media (prefers-color-scheme: "
      "dark) {{\ntext {{ fill: #e6edf3; }} .page {{ fill: #0d1117; }} .band {{ fill: #161b22; }} .grid {{ "
      "stroke: #30363d; }}\n.working {{ fill: #56b4e9; }} .waiting {{ fill: #8a6a1c; }} .other {{ fill: "
      "#2fcf9f; }}\ntext.in-working, text.in-other {{ fill: #0d1117; }} text.in-waiting {{ fill: #fff3d6; }} "
      "text.faint {{ fill: #9198a1; }}\n}}\n</style>\n<rect class=\"page\" width=\"100%\" "
      "height=\"100%\"/>\n",
      size, width, height);
}

}  // namespace

std::string draw_gantt_svg(const Gantt& gantt) {
  const double length = std::max(1e-3, in_ms(gantt.end - gantt.begin));
  const auto lanes = static_cast<int>(gantt.lanes.size());
  const int bottom = margin + lanes * row;
  const auto x = [&](Instant time) { return margin + names + in_ms(time - gantt.begin) / length * chart; };
  std::string out = head(margin * 2 + names + chart, bottom + axis + legend);
  for (int i = 0; i < lanes; i += 2) {
    out += fmt::format("<rect class=\"band\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\n",
                       margin / 2, margin + i * row, margin + names + chart, row);
  }
  const double tick = tick_of(length, 10);
  for (double time = 0; time <= length + 1e-9; time += tick) {
    const std::string place = at(margin + names + time / length * chart);
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n<text class=\"faint\" "
        "text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n",
        place, margin, place, bottom, place, bottom + 18, ms_text(time));
  }
  for (int i = 0; i < lanes; ++i) {
    const auto& lane = gantt.lanes[static_cast<std::size_t>(i)];
    const int top = margin + i * row + (row - bar) / 2;
    out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, top + bar / 2 + 5,
                       svg::escaped(lane.name));
    for (const Span& span : lane.spans) {
      const double from = x(span.from), width = std::max(1.5, x(span.to) - from);
      const std::string what = fmt::format("{} ms", ms_text(in_ms(span.to - span.from)));
      out += fmt::format(
          "<g><title>{}, {}</title><rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
          "rx=\"4\"/>",
          svg::escaped(span.text), what, class_of(span.kind), at(from), top, at(width), bar);
      const std::string both = fmt::format("{}, {}", span.text, what);
      const std::string& shown = width > 8.0 * static_cast<double>(both.size()) + 8 ? both : what;
      if (width > 8.0 * static_cast<double>(shown.size()) + 6) {
        out += fmt::format("<text class=\"in-{}\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>",
                           class_of(span.kind), at(from + width / 2), top + bar / 2 + 5, svg::escaped(shown));
      }
      out += "</g>\n";
    }
  }
  return fmt::format(
      "{}<text class=\"faint\" x=\"{}\" y=\"{}\">milliseconds of virtual time</text>\n</svg>\n", out,
      margin + names, bottom + axis + 16);
}

}  // namespace coord::catalogue
