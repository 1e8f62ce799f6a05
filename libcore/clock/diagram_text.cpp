// SPDX-License-Identifier: MIT
// The diagram for a terminal. A message is drawn on its receiver's row, from the sender's lane; which event
// of the sender it was, the label says: "b=1 <- a=2".
#include <algorithm>

#include "base/format.hpp"
#include "clock/diagram.hpp"

namespace coord::clock {
namespace {

struct Glyphs {
  const char *lane, *event, *line, *cross, *from_left, *from_right, *join, *to_right, *to_left, *received,
      *cut_off, *cut;
};
constexpr Glyphs box = {"│", "●", "─", "┼", "├", "┤", "╪", "▶", "◀", "←", "…", "╌"};
constexpr Glyphs plain = {"|", "*", "-", "+", "+", "+", "#", ">", "<", "<-", "...", "="};

constexpr std::size_t least_text = 30;        // columns for an event's text before the lanes move closer
constexpr std::size_t shortest_text = 12;     // beside a label that is wider than others
constexpr std::size_t widest_text_lane = 12;  // columns from lane to lane at most
constexpr std::size_t widest_label = 24;      // beyond this, texts start where the label ends

class TextDrawing {
 public:
  TextDrawing(const Diagram& diagram, const TextMeasure& measure, const TextStyle& style)
      : diagram_(diagram), measure_(measure), glyphs_(style.ascii ? plain : box), columns_(style.columns) {
    for (const auto& event : diagram_.events)
      label_width_ = std::max(label_width_, std::min(widest_label, measure_.width(label(event))));
    choose_spacing();
  }

  std::string draw() {
    if (diagram_.lanes.empty()) return "";
    draw_names();
    for (std::size_t row = 0; row <= diagram_.events.size(); ++row) {
      if (diagram_.cut && diagram_.cut->row == row) draw_cut(diagram_.cut->name);
      if (row < diagram_.events.size()) draw_event(diagram_.events[row]);
    }
    return std::move(out_);
  }

 private:
  // As wide as the names need, closer together where the texts would have no room.
  void choose_spacing() {
    std::size_t longest = 0;
    for (const auto& name : diagram_.lanes) longest = std::max(longest, measure_.width(name));
    spacing_ = std::clamp<std::size_t>(longest + 2, 6, widest_text_lane);
    const std::size_t beside = label_width_ + least_text + 4;
    const std::size_t room = columns_ > beside ? columns_ - beside : 0;
    spacing_ =
        std::max<std::size_t>(3, std::min(spacing_, room / std::max<std::size_t>(diagram_.lanes.size(), 1)));
  }

  // The names on one line where they fit between the lanes, else as a staircase.
  void draw_names() {
    const bool fit = std::ranges::all_of(diagram_.lanes,
                                         [&](const auto& name) { return measure_.width(name) < spacing_; });
    if (fit) {
      std::string line;
      for (const auto& name : diagram_.lanes)
        line += name + std::string(spacing_ - measure_.width(name), ' ');
      put(line);
      return;
    }
    for (std::size_t lane = 0; lane < diagram_.lanes.size(); ++lane) {
      std::string line;
      for (std::size_t before = 0; before < lane; ++before)
        line += glyphs_.lane + std::string(spacing_ - 1, ' ');
      put(line + diagram_.lanes[lane]);
    }
  }

  std::string label(const Diagram::Event& event) const {
    std::string text = event.name;
    for (const auto& arrow : event.arrows)
      text += (&arrow == &event.arrows.front() ? fmt::format(" {} ", glyphs_.received) : ", ") + arrow.name +
              (arrow.from ? "" : "?");
    return text;
  }

  void draw_cut(const std::string& name) {
    std::string line;
    for (std::size_t at = 0; at < diagram_.lanes.size() * spacing_; ++at) line += glyphs_.cut;
    put(fmt::format("{}  {}", line, fitted(fmt::format("cut {}", name), columns_)));
  }

  void draw_event(const Diagram::Event& event) {
    std::vector<const char*> cells(diagram_.lanes.size() * spacing_, " ");
    for (std::size_t lane = 0; lane < diagram_.lanes.size(); ++lane) cells[lane * spacing_] = glyphs_.lane;
    const std::size_t to = event.lane * spacing_;
    for (const auto& arrow : event.arrows) {
      if (arrow.from) draw_arrow(cells, diagram_.events[*arrow.from].lane * spacing_, to);
    }
    cells[to] = glyphs_.event;
    std::string line;
    for (const char* cell : cells) line += cell;
    const std::string name = label(event);
    line += fmt::format("  {}", name);
    if (!event.text.empty()) {
      const std::size_t name_width = measure_.width(name);
      line +=
          fmt::format("{}  ", std::string(name_width < label_width_ ? label_width_ - name_width : 0, ' '));
      const std::size_t used = cells.size() + 4 + std::max(name_width, label_width_);
      line += fitted(event.text, std::max(shortest_text, columns_ > used ? columns_ - used : 0));
    }
    put(line);
  }

  void draw_arrow(std::vector<const char*>& cells, std::size_t from, std::size_t to) const {
    const auto [left, right] = std::minmax(from, to);
    for (std::size_t at = left + 1; at < right; ++at) {
      if (at % spacing_ != 0) {
        cells[at] = glyphs_.line;
      } else if (cells[at] == glyphs_.from_left || cells[at] == glyphs_.from_right) {
        cells[at] = glyphs_.join;  // another message of this row starts here
      } else if (cells[at] != glyphs_.join) {
        cells[at] = glyphs_.cross;
      }
    }
    const bool joins = cells[from] == glyphs_.cross;
    cells[from] = joins ? glyphs_.join : from < to ? glyphs_.from_left : glyphs_.from_right;
    cells[from < to ? to - 1 : to + 1] = from < to ? glyphs_.to_right : glyphs_.to_left;
  }

  std::string fitted(const std::string& text, std::size_t columns) const {
    if (measure_.width(text) <= columns) return text;
    return std::string(measure_.clipped(text, columns - measure_.width(glyphs_.cut_off))) + glyphs_.cut_off;
  }

  void put(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    out_ += fmt::format("{}\n", line);
  }

  const Diagram& diagram_;
  const TextMeasure& measure_;
  const Glyphs& glyphs_;
  std::size_t columns_, spacing_ = 0, label_width_ = 0;
  std::string out_;
};

}  // namespace

std::string draw_text(const Diagram& diagram, const TextMeasure& measure, const TextStyle& style) {
  return TextDrawing(diagram, measure, style).draw();
}

}  // namespace coord::clock
