// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>

#include "base/format.hpp"
#include "catalogue/picture.hpp"

namespace coord::catalogue {

namespace {

struct Forest {
  std::vector<NodeId> roots;
  std::map<NodeId, std::vector<NodeId>> children;
};

// The smallest of a circle, which only a protocol that went wrong has: it is drawn as a root too.
bool begins_circle(const std::map<NodeId, NodeId>& parents, NodeId node) {
  auto at = parents.find(node);
  for (std::size_t steps = 0; steps < parents.size(); ++steps) {
    if (at == parents.end() || at->second < node) return false;
    if (at->second == node) return true;
    at = parents.find(at->second);
  }
  return false;
}

Forest forest_of(const std::map<NodeId, NodeId>& parents) {
  Forest forest;
  std::set<NodeId> roots;
  for (const auto& [child, parent] : parents) {
    if (begins_circle(parents, child)) {
      roots.insert(child);
      continue;
    }
    forest.children[parent].push_back(child);
    if (!parents.contains(parent)) roots.insert(parent);
  }
  forest.roots.assign(roots.begin(), roots.end());
  return forest;
}

void draw_below(const Forest& forest, NodeId node, const std::string& indent, bool ascii, std::string& out) {
  const auto found = forest.children.find(node);
  if (found == forest.children.end()) return;
  for (const NodeId child : found->second) {
    const bool last = child == found->second.back();
    out += fmt::format("{}{}{}\n", indent, last ? (ascii ? "`- " : "└─ ") : (ascii ? "|- " : "├─ "),
                       child.value);
    draw_below(forest, child, indent + (last ? "   " : (ascii ? "|  " : "│  ")), ascii, out);
  }
}

// Leaves side by side, parents above the middle of their children.
struct Layout {
  std::map<NodeId, std::pair<double, int>> place;  // column, depth
  double next_leaf = 0;
  int deepest = 0;

  double put(const Forest& forest, NodeId node, int depth) {
    deepest = std::max(deepest, depth);
    const auto found = forest.children.find(node);
    double column = 0;
    if (found == forest.children.end()) {
      column = next_leaf++;
    } else {
      double first = 0, last = 0;
      for (const NodeId child : found->second) {
        last = put(forest, child, depth + 1);
        if (child == found->second.front()) first = last;
      }
      column = (first + last) / 2;
    }
    place[node] = {column, depth};
    return column;
  }
};

}  // namespace

std::string draw_tree_text(const std::map<NodeId, NodeId>& parents, bool ascii) {
  const Forest forest = forest_of(parents);
  std::string out;
  for (const NodeId root : forest.roots) {
    out += fmt::format("{}\n", root.value);
    draw_below(forest, root, "", ascii, out);
  }
  return out;
}

std::string draw_tree_svg(const std::map<NodeId, NodeId>& parents) {
  constexpr int step_x = 54, step_y = 70, margin = 34, radius = 17;
  const Forest forest = forest_of(parents);
  Layout layout;
  for (const NodeId root : forest.roots) layout.put(forest, root, 0);
  const auto x = [&](NodeId node) {
    return std::to_string(margin + static_cast<int>(layout.place.at(node).first * step_x));
  };
  const auto y = [&](NodeId node) { return std::to_string(margin + layout.place.at(node).second * step_y); };
  const int width = 2 * margin + static_cast<int>(std::max(0.0, layout.next_leaf - 1) * step_x);
  const int height = 2 * margin + layout.deepest * step_y;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" role=\"img\" "
      "aria-label=\"Tree\">\n<style>\ntext {{ font: 13px ui-monospace, 'DejaVu Sans Mono', monospace; "
      "text-anchor: middle; fill: #ffffff; }}\n.page {{ fill: #ffffff; }} .node {{ fill: #0072b2; }} .edge "
      "{{ stroke: #57606a; stroke-width: 2; }}\n@media (prefers-color-scheme: dark) {{ .page {{ fill: "
      "#0d1117; }} .node {{ fill: #56b4e9; }} .edge {{ stroke: #9198a1; }} text {{ fill: #0d1117; }} "
      "}}\n</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n",
      width, height);
  for (const auto& [parent, children] : forest.children) {
    for (const NodeId child : children) {
      out += fmt::format("<line class=\"edge\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", x(parent),
                         y(parent), x(child), y(child));
    }
  }
  for (const auto& [node, place] : layout.place) {
    out += fmt::format(
        "<circle class=\"node\" cx=\"{}\" cy=\"{}\" r=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n", x(node),
        y(node), radius, x(node), margin + place.second * step_y + 5, node.value);
  }
  return fmt::format("{}</svg>\n", out);
}

}  // namespace coord::catalogue
