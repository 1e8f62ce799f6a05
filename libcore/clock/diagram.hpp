// SPDX-License-Identifier: MIT
// Space-time diagrams: hosts side by side, events one below the other in an order of
// causes, messages between them.
//
// A diagram is a value; four renderers draw it: text for a terminal, SVG for a page, DOT for
// graphviz, Mermaid for a wiki. In all of them an event has a row of its own and its text beside the
// lanes, so that no label lies on another or on an arrow. All texts must be printable: who makes a
// diagram has escaped control characters.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clock/event_log.hpp"

namespace coord::clock {

struct Diagram {
  struct Arrow {
    std::optional<std::size_t> from;  // the row that it leaves; nothing: an event that the log does not have
    std::string name;                 // of that event
  };
  struct Event {
    std::size_t lane = 0;
    std::string name;  // "db=7"
    std::string text;
    std::string detail;  // for who asks: a tooltip
    std::vector<Arrow> arrows;
  };
  // A line across all lanes: what is above it belongs to a cut, what is below it does not.
  struct Cut {
    std::size_t row = 0;  // the first one below
    std::string name;
  };
  std::vector<std::string> lanes;  // from left to right
  std::vector<Event> events;       // from top to bottom
  std::optional<Cut> cut;          // text and SVG draw it
};

// How a font or terminal of fixed pitch shows text.
struct TextMeasure {
  std::size_t (*width)(std::string_view text);                              // in columns
  std::string_view (*clipped)(std::string_view text, std::size_t columns);  // the longest beginning that fits
};

// Lanes in the order in which the hosts first act, so that most messages go from left to
// right. `printable` escapes.
Diagram diagram_of(const EventLog& log, const std::function<std::string(std::string_view)>& printable);

struct TextStyle {
  std::size_t columns = 80;
  bool ascii = false;  // else box-drawing characters
};
std::string draw_text(const Diagram& diagram, const TextMeasure& measure, const TextStyle& style);
// One file, light and dark by the reader's preference, the whole line as each event's tooltip.
std::string draw_svg(const Diagram& diagram, const TextMeasure& measure);
std::string draw_dot(const Diagram& diagram);
std::string draw_mermaid(const Diagram& diagram);

}  // namespace coord::clock
