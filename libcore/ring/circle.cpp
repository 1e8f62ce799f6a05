// SPDX-License-Identifier: MIT
#include "ring/circle.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.hpp"
#include "base/counted.hpp"
#include "base/format.hpp"
#include "base/svg.hpp"

namespace coord::ring {
namespace {

constexpr int size = 360, centre = size / 2, outer = 150, inner = 112;  // px
constexpr int row_height = 26, column_width = 8, legend_x = size + 10;
constexpr double smallest_gap = 0.0015;  // of the circle, between two arcs

struct Point {
  double x = 0, y = 0;
};

Point point(double at, double radius) {
  const double angle = 2 * std::numbers::pi * at;
  return {centre + radius * std::sin(angle), centre - radius * std::cos(angle)};
}

// The ring's piece from one place to the next, as a path.
std::string piece(double from, double share) {
  const double gap = std::min(smallest_gap, share / 4);
  const double begin = from + gap / 2, end = from + share - gap / 2;
  const Point a = point(begin, outer), b = point(end, outer), c = point(end, inner), d = point(begin, inner);
  const int is_large = end - begin > 0.5 ? 1 : 0;
  return fmt::format("M{} {} A{} {} 0 {} 1 {} {} L{} {} A{} {} 0 {} 0 {} {} z", svg::number(a.x),
                     svg::number(a.y), outer, outer, is_large, svg::number(b.x), svg::number(b.y),
                     svg::number(c.x), svg::number(c.y), inner, inner, is_large, svg::number(d.x),
                     svg::number(d.y));
}

std::string share_text(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string hover_text(const Circle& circle, const Circle::Arc& arc) {
  return fmt::format("{}: {} of all keys", circle.hosts.at(arc.host).name, share_text(arc.share));
}

std::string colours_of(std::size_t hosts, const char* svg::Colour::*tone) {
  std::string out;
  for (std::size_t i = 0; i < std::min(hosts, svg::colours.size()); ++i)
    out += fmt::format(".h{} {{ fill: {}; }} ", i, svg::colours.at(i).*tone);
  return out;
}

std::string class_of(std::size_t host) {
  return fmt::format("h{}", host % svg::colours.size());
}

std::string head(const Circle& circle, std::size_t widest, int height) {
  const int width = legend_x + static_cast<int>(widest) * column_width + 20;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\" aria-label=\"{2}\">\n<style>\n"
      "text {{ font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #24292f; }}\n"
      ".page {{ fill: #ffffff; }} .faint {{ fill: #57606a; }} .top {{ stroke: #57606a; }} .mid {{ "
      "text-anchor: middle; }}\n{3}\n"
      "@media (prefers-color-scheme: dark) {{\ntext {{ fill: #e6edf3; }} .page {{ fill: #0d1117; }} "
      ".faint {{ fill: #9198a1; }} .top {{ stroke: #9198a1; }}\n{4}\n}}\n</style>\n"
      "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n",
      width, height, svg::escaped(circle.title), colours_of(circle.hosts.size(), &svg::Colour::light),
      colours_of(circle.hosts.size(), &svg::Colour::dark));
}

}  // namespace

Circle circle_of(const Placement& placement, const Hosts& hosts, const std::vector<std::string>& names) {
  COORD_CHECK(hosts.size() == names.size());
  Circle circle;
  for (std::size_t i = 0; i < hosts.size(); ++i) circle.hosts.push_back({names[i], hosts[i].places, 0});
  const auto& places = placement.places();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& before = places[(i + places.size() - 1) % places.size()];
    const auto owner = std::ranges::find(hosts, places[i].host.host, &Host::host);
    COORD_CHECK(owner != hosts.end());
    const auto host = static_cast<std::size_t>(owner - hosts.begin());
    const double share = chord::share_of_ring(before.id, places[i].id);
    const double from = before.id == chord::Id{} ? 0 : chord::share_of_ring(chord::Id{}, before.id);
    circle.arcs.push_back({from, share, host});
    circle.hosts[host].share += share;
  }
  return circle;
}

char letter_of(std::size_t host) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return letters[host % letters.size()];
}

std::string circle_svg(const Circle& circle) {
  std::size_t widest = 0;
  for (const Circle::Host& host : circle.hosts) widest = std::max(widest, host.name.size());
  const int height = std::max(size, 2 * row_height * (static_cast<int>(circle.hosts.size()) + 1));
  std::string out = head(circle, widest + 26, height);
  for (const Circle::Arc& arc : circle.arcs) {
    out += fmt::format("<path class=\"{}\" d=\"{}\"><title>{}</title></path>\n", class_of(arc.host),
                       piece(arc.from, arc.share), svg::escaped(hover_text(circle, arc)));
  }
  out += fmt::format("<line class=\"top\" x1=\"{0}\" y1=\"{1}\" x2=\"{0}\" y2=\"{2}\"/>\n", centre,
                     centre - outer - 10, centre - outer - 2);
  out +=
      fmt::format("<text class=\"faint mid\" x=\"{}\" y=\"{}\">id 0</text>\n", centre, centre - outer - 15);
  out += fmt::format("<text class=\"mid\" x=\"{}\" y=\"{}\">{}</text>\n", centre, centre + 4,
                     svg::escaped(circle.title));
  const int top = std::max(40, (size - row_height * static_cast<int>(circle.hosts.size())) / 2);
  for (std::size_t i = 0; i < circle.hosts.size(); ++i) {
    const Circle::Host& host = circle.hosts[i];
    const int y = top + row_height * static_cast<int>(i);
    const int shares_x = legend_x + 36 + static_cast<int>(widest) * column_width;
    out += fmt::format(
        "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"14\" height=\"14\" rx=\"3\"/><text x=\"{}\" "
        "y=\"{}\">{}</text><text class=\"faint\" x=\"{}\" y=\"{}\">{}, {}</text>\n",
        class_of(i), legend_x, y, legend_x + 22, y + 12, svg::escaped(host.name), shares_x, y + 12,
        share_text(host.share), counted(host.places, "place"));
  }
  return fmt::format("{}</svg>\n", out);
}

std::vector<std::string> circle_text(const Circle& circle, std::size_t rows) {
  COORD_CHECK(rows >= 5 && rows % 2 == 1);
  const auto radius = static_cast<double>(rows / 2);
  std::vector<std::string> lines(rows, std::string(2 * rows - 1, ' '));
  const std::size_t steps = 64 * rows;
  for (std::size_t step = 0; step < steps; ++step) {
    const double at = (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
    const auto arc = std::ranges::find_if(circle.arcs, [at](const Circle::Arc& each) {
      return (at >= each.from && at < each.from + each.share) || at + 1 < each.from + each.share;
    });
    if (arc == circle.arcs.end()) continue;
    const double angle = 2 * std::numbers::pi * at;
    const auto row = static_cast<std::size_t>(std::lround(radius - radius * std::cos(angle)));
    const auto column = static_cast<std::size_t>(std::lround(2 * radius + 2 * radius * std::sin(angle)));
    lines[row][column] = letter_of(arc->host);
  }
  return lines;
}

}  // namespace coord::ring
