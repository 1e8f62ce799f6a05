// SPDX-License-Identifier: MIT
// Telling all and gathering from all.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/graph.hpp"
#include "classical/traits.hpp"
#include "protocol/broadcast/anti_entropy.hpp"
#include "protocol/broadcast/echo.hpp"
#include "protocol/broadcast/ghs.hpp"
#include "protocol/broadcast/rumour.hpp"
#include "protocol/broadcast/tree_cast.hpp"

namespace coord::classical {

inline constexpr Option edges_option =
    text_option("edges", "pairs of neighbours, 1-2:5,2-3:7 (with weights); nothing: all of all");
inline constexpr Option contribution_option =
    number_option("contribution", 0, (std::uint64_t{1} << 53U) - 1, 0, "the value that this node adds");

struct Echo {
  using Core = broadcast::Echo;
  static constexpr Identity identity{"echo", "broadcast",
                                     "a wave and its echo build a spanning tree (Chang 1982)", 2};
  static constexpr std::array options{edges_option, contribution_option};
  static constexpr std::array<std::string_view, 2> types = {"wave", "echo"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const auto graph = Graph::parse(given.text("edges"), setup.group);
    if (!graph) return graph.error();
    return Core({setup.group.self, graph->neighbours(setup.group.self),
                 static_cast<std::int64_t>(given.number("contribution"))});
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Echo>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Broadcast& wish) { return Core::Begin{wish.payload}; }
  static std::optional<Told> told(const broadcast::Delivered& what) { return Delivered{what.payload}; }
  static std::optional<Told> told(const broadcast::Gathered& what) {
    return Gathered{what.aggregate, what.missing};
  }
  static std::string state(const Core& core) { return core.reached() ? "reached" : "not reached"; }
};

// Over the tree of fewest hops from the root.
struct TreeCast {
  using Core = broadcast::TreeCast;
  static constexpr Identity identity{"tree-cast", "broadcast",
                                     "broadcast down a tree, convergecast up again (Peleg 2000)", 2};
  static constexpr std::array options{
      edges_option, contribution_option, node_option("root", "the node that tells all; 0: the first"),
      duration_option("resend_ms", 0, 0,
                      "how often a child is told again; 0: never, for links that lose nothing"),
      duration_option("patience_ms", 0, 0,
                      "for each level below it, then a node leaves out silent ones; 0: never")};
  static constexpr std::array<std::string_view, 2> types = {"down", "up"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const auto graph = Graph::parse(given.text("edges"), setup.group);
    if (!graph) return graph.error();
    const NodeId self = setup.group.self;
    const NodeId root = given.flag("root") ? given.node("root") : setup.group.nodes.front();
    if (!setup.group.knows(root))
      return Error{ErrorKind::usage, std::string(identity.name), "its root is none of its nodes",
                   "name one of them"};
    const auto tree = graph->tree_from(root);
    Core::Config config;
    config.self = self;
    if (self != root) config.parent = tree.parent.at(self);
    for (const auto& [child, parent] : tree.parent)
      if (parent == self) config.children.insert(child);
    config.contribution = static_cast<std::int64_t>(given.number("contribution"));
    config.resend = given.duration("resend_ms");
    config.patience = given.duration("patience_ms") * static_cast<std::int64_t>(tree.height.at(self));
    return Core(config);
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<TreeCast>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Broadcast& wish) { return Core::Begin{wish.payload}; }
  static std::optional<Told> told(const broadcast::Delivered& what) { return Delivered{what.payload}; }
  static std::optional<Told> told(const broadcast::Gathered& what) {
    return Gathered{what.aggregate, what.missing};
  }
  static std::string state(const Core& core) { return core.reached() ? "reached" : "not reached"; }
};

struct SpanningTree {
  using Core = broadcast::SpanningTree;
  static constexpr Identity identity{"ghs", "broadcast",
                                     "the minimum spanning tree (Gallager, Humblet, Spira 1983)", 2};
  static constexpr std::array options{edges_option};
  static constexpr std::array<std::string_view, 7> types = {"connect", "initiate", "test",       "accept",
                                                            "reject",  "report",   "change-root"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const auto graph = Graph::parse(given.text("edges"), setup.group);
    if (!graph) return graph.error();
    return Core({setup.group.self, graph->weights(setup.group.self)});
  }
  static std::string_view type_of(const Core::Message& message) {
    return type_by_index<SpanningTree>(message);
  }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Begin&) { return Core::Wake{}; }
  static std::optional<Told> told(const Core::Complete&) { return Completed{}; }
  static std::string state(const Core& core) { return list("branches", core.branches()); }
};

template <broadcast::Rumour::Mode mode>
struct Rumour {
  using Core = broadcast::Rumour;
  using Mode = Core::Mode;
  static constexpr Identity identity =
      mode == Mode::push ? Identity{"rumour-push", "broadcast",
                                    "informed nodes tell, until 3 knew already (Demers et al. 1987)", 2}
      : mode == Mode::pull
          ? Identity{"rumour-pull", "broadcast", "uninformed nodes ask random others (Demers et al. 1987)", 2}
          : Identity{"rumour-push-pull", "broadcast", "informed nodes tell, others ask (Demers et al. 1987)",
                     2};
  static constexpr std::array options{
      number_option("boring_after", 1, 1000, 3, "calls in vain: then a node keeps it to itself"),
      duration_option("period_ms", 1, 100, "from one call to the next"),
      number_option("asks_for", 1, 1'000'000, 60, "periods: so long a node that has heard nothing asks")};
  static constexpr std::array<std::string_view, 4> types = {"tell", "heard", "ask", "answer"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    Core::Config config;
    config.group = setup.group;
    config.mode = mode;
    config.boring_after = given.number("boring_after");
    config.period = given.duration("period_ms");
    config.asks_for = given.number("asks_for");
    config.seed = setup.seed;
    return Core(config);
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Rumour>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Broadcast& wish) { return Core::Begin{wish.payload}; }
  static Core::Event event(const Listen&) { return Core::Begin{std::nullopt}; }
  static std::optional<Told> told(const broadcast::Delivered& what) { return Delivered{what.payload}; }
  static std::string state(const Core& core) {
    if (!core.knows()) return "has not heard";
    return core.interested() ? "tells others" : "has heard";
  }
};

struct AntiEntropy {
  using Core = broadcast::AntiEntropy;
  using Durable = Core::Durable;
  using Record = std::variant<Core::Persist>;
  static constexpr Identity identity{"anti-entropy", "broadcast",
                                     "random pairs compare their copies (Demers et al. 1987)", 2, true};
  static constexpr std::array options{
      duration_option("period_ms", 1, 100, "from one comparison to the next")};
  static constexpr std::array<std::string_view, 2> types = {"compare", "differences"};
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored) {
    const Core::Config config{setup.group, given.duration("period_ms"), setup.seed};
    return restored ? Core(setup.now, config, *restored) : Core(setup.now, config);
  }
  static std::string_view type_of(const Core::Message& message) {
    return type_by_index<AntiEntropy>(message);
  }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Write& wish) { return Core::Write{wish.key, wish.value}; }
  static std::string state(const Core& core) { return std::to_string(core.table().size()) + " keys"; }
  static std::string key(const Core::Persist& what) { return "key/" + what.key; }
  static void apply(Durable& durable, const Core::Persist& what) { durable.table[what.key] = what.entry; }
};

}  // namespace coord::classical
