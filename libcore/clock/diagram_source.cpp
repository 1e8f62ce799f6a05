// SPDX-License-Identifier: MIT
// The diagram as source for other programs that draw: graphviz and Mermaid.
#include "base/format.hpp"
#include "clock/diagram.hpp"

namespace coord::clock {
namespace {

std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return fmt::format("{}\"", out);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Mermaid has no quoting in messages, only character codes: what has a meaning there, and the word "end",
// which closes blocks wherever it stands.
std::string mermaid_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool word =
        (i == 0 || !is_letter(text[i - 1])) && (i + 3 >= text.size() || !is_letter(text[i + 3]));
    if (word && text.substr(i, 3) == "end") {
      out += "e#110;d";
      i += 2;
      continue;
    }
    switch (text[i]) {
      case '#':
      case ';':
      case '<':
      case '>':
      case '&':
      case '%':
      case '{':
      case '}':
        out += fmt::format("#{};", static_cast<int>(text[i]));
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

}  // namespace

// Each host's events are a chain, of which the layout makes a column; messages lie across.
std::string draw_dot(const Diagram& diagram) {
  std::string out =
      "digraph events {\n"
      "  rankdir=TB; nodesep=0.4; ranksep=0.3;\n"
      "  node [shape=box, style=rounded, fontname=\"monospace\", fontsize=11, height=0.3];\n"
      "  edge [arrowsize=0.7];\n";
  std::vector<std::string> last;  // of each lane, its lowest node
  out += "  { rank=same;";
  for (std::size_t lane = 0; lane < diagram.lanes.size(); ++lane) {
    last.push_back(fmt::format("h{}", lane));
    out += fmt::format(" {} [shape=plaintext, group=g{}, label={}];", last.back(), lane,
                       dot_string(diagram.lanes[lane]));
  }
  out += " }\n";
  for (std::size_t lane = 1; lane < diagram.lanes.size(); ++lane)
    out += fmt::format("  h{} -> h{} [style=invis];\n", lane - 1, lane);
  for (std::size_t row = 0; row < diagram.events.size(); ++row) {
    const auto& event = diagram.events[row];
    const std::string node = fmt::format("e{}", row),
                      label = event.text.empty() ? event.name : fmt::format("{} {}", event.name, event.text);
    out += fmt::format("  {} [group=g{}, label={}, tooltip={}];\n", node, event.lane, dot_string(label),
                       dot_string(event.detail));
    out += fmt::format("  {} -> {} [arrowhead=none, weight=100];\n", last[event.lane], node);
    last[event.lane] = node;
    for (const auto& arrow : event.arrows) {
      if (arrow.from) out += fmt::format("  e{} -> {} [color=\"#0072b2\"];\n", *arrow.from, node);
    }
  }
  return fmt::format("{}}}\n", out);
}

// A message is one line of a sequence diagram, at its receipt; all other events are notes.
std::string draw_mermaid(const Diagram& diagram) {
  std::string out = "sequenceDiagram\n";
  for (std::size_t lane = 0; lane < diagram.lanes.size(); ++lane)
    out += fmt::format("  participant h{} as {}\n", lane, mermaid_text(diagram.lanes[lane]));
  for (const auto& event : diagram.events) {
    const std::string lane = fmt::format("h{}", event.lane);
    const std::string label =
        mermaid_text(event.text.empty() ? event.name : fmt::format("{} {}", event.name, event.text));
    bool drawn = false;
    for (const auto& arrow : event.arrows) {
      if (!arrow.from) continue;
      out += fmt::format("  h{}->>{}: {} to {}\n", diagram.events[*arrow.from].lane, lane,
                         mermaid_text(arrow.name), drawn ? mermaid_text(event.name) : label);
      drawn = true;
    }
    if (!drawn) out += fmt::format("  Note over {}: {}\n", lane, label);
  }
  return out;
}

}  // namespace coord::clock
