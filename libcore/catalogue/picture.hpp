// SPDX-License-Identifier: MIT
// Drawings of a run: who waited and worked when (Gantt), what each node did and which message made it do so
// (space and time), and the tree that a protocol built. Each as text for a terminal and as SVG for a page,
// light and dark.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "catalogue/book.hpp"
#include "clock/diagram.hpp"
#include "sim/trace.hpp"

namespace coord::catalogue {

// Bars along time, a row of each lane.
struct Gantt {
  struct Lane {
    std::string name;
    std::vector<Span> spans;  // in the order of time, not overlapping
  };
  std::vector<Lane> lanes;
  Instant begin, end;
};
// Lanes are the nodes 1..nodes, also those with nothing to show.
Gantt gantt_of(const std::vector<Span>& spans, std::size_t nodes);
std::string draw_gantt_text(const Gantt& gantt, std::size_t columns, bool ascii);
std::string draw_gantt_svg(const Gantt& gantt);

// At most so many events are drawn: a picture of more says nothing.
inline constexpr std::size_t most_drawn_events = 400;
clock::Diagram space_time_of(const sim::Trace& trace, std::size_t nodes);

// child -> parent; whoever is nobody's child is a root.
std::string draw_tree_text(const std::map<NodeId, NodeId>& parents, bool ascii);
std::string draw_tree_svg(const std::map<NodeId, NodeId>& parents);

}  // namespace coord::catalogue
