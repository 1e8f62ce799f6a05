// SPDX-License-Identifier: MIT
// Telling all and gathering from all, as dsim knows it.
#include <cmath>

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/network_graph.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/broadcast.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using broadcast::Aggregate;
using broadcast::Delivered;
using broadcast::Gathered;

// What was delivered where, and what came back, for waves over a graph or a tree.
template <class Derived, class Core>
class CastModel : public InstanceModel<Derived, Core> {
 public:
  explicit CastModel(const Setup& setup)
      : InstanceModel<Derived, Core>(setup), graph_(setup), edges_(graph_.text()) {}

  void ask(OperationId operation, NodeId node) override {
    this->begin_at(operation, node, operation);
    this->tell(node, operation, typename Core::Begin{fmt::format("news{}", operation)});
  }
  void said(NodeId self, Instance instance, const Delivered& what) {
    if (!delivered_[instance].insert(self).second)
      this->object("delivered_once", fmt::format("{} again", what.payload), self);
    if (what.payload != fmt::format("news{}", instance))
      this->object("delivered_as_sent", what.payload, self);
  }
  void said(NodeId self, Instance instance, const Gathered& what) {
    Aggregate expected;
    for (const NodeId node : delivered_[instance]) {
      if (!what.missing.contains(node)) expected.add(Aggregate::of(contribution(node)));
    }
    if (what.missing.empty()) {
      if (delivered_[instance].size() != this->nodes()) this->object("all_are_told", "not all", self);
      if (what.aggregate != expected) this->object("all_are_gathered", what.aggregate.text(), self);
    }
    if (what.aggregate.count > this->nodes()) this->object("each_counts_once", what.aggregate.text(), self);
    derived_gathered(self, instance, what);
    this->settle_at(self, instance, what.aggregate.count);
  }
  static std::int64_t contribution(NodeId node) { return static_cast<std::int64_t>(node.value * node.value); }
  const NetworkGraph& graph() const { return graph_; }

 protected:
  std::map<std::string, std::string> options(NodeId self) const {
    return {{"edges", edges_}, {"contribution", std::to_string(contribution(self))}};
  }
  void derived_gathered(NodeId self, Instance instance, const Gathered& what) {
    if constexpr (requires { static_cast<Derived*>(this)->gathered(self, instance, what); }) {
      static_cast<Derived*>(this)->gathered(self, instance, what);
    }
  }

 private:
  NetworkGraph graph_;
  std::string edges_;
  std::map<Instance, std::set<NodeId>> delivered_;
};

// ---- the wave and its echo

struct EchoModel : CastModel<EchoModel, broadcast::Echo> {
  using Algorithm = classical::Echo;
  using Core = Algorithm::Core;
  explicit EchoModel(const Setup& setup) : CastModel(setup) {}

  Core make(NodeId self, Instance, Instant now, const Stored*) {
    return made<Algorithm>(self, now, 0, options(self));
  }
  // The edges to parents are a tree over all nodes.
  void gathered(NodeId self, Instance instance, const Gathered&) {
    for (std::size_t i = 1; i <= nodes(); ++i) {
      NodeId at{i};
      for (std::size_t steps = 0; at != self; ++steps) {
        const Core* core = core_at(at, instance);
        if (!core || !core->parent() || steps > nodes())
          return object("parents_are_a_tree", "no way to the root", at);
        if (i == at.value) book().parent(instance, at, *core->parent());
        at = *core->parent();
      }
    }
  }
};

Protocol echo() {
  Protocol p = named(classical::Echo::identity);
  p.stands.kinds = Stands::of_time();
  p.rules = {"echo_waits_for_all", "echo_first_is_the_parent", "echo_brings_what_children_brought"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2E, E = 2N-2 edges here", [](std::size_t n) {
                 const double edges = real(NetworkGraph::edge_count(n));
                 return Range{2 * edges, 2 * edges};
               }}};
  return describe<EchoModel>(std::move(p));
}

// ---- over a known tree

struct TreeModel : CastModel<TreeModel, broadcast::TreeCast> {
  using Algorithm = classical::TreeCast;
  using Core = Algorithm::Core;
  explicit TreeModel(const Setup& setup)
      : CastModel(setup), lossy_(!setup.faults.empty() || setup.link.drop > 0) {}

  // The tree of the wave with the fewest hops from whoever is asked; its depth decides who waits how long.
  Core make(NodeId self, Instance instance, Instant now, const Stored*) {
    const NodeId root = book().operation(instance).node;
    for (const auto& [child, parent] : graph().tree_from(root).parent) book().parent(instance, child, parent);
    auto given = options(self);
    given["root"] = std::to_string(root.value);
    if (lossy_) given.insert({{"resend_ms", "150"}, {"patience_ms", "800"}});
    return made<Algorithm>(self, now, 0, std::move(given));
  }

  bool lossy_;
};

Protocol tree_cast() {
  Protocol p = named(classical::TreeCast::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.rules = {"cast_told_twice_delivers_once", "cast_a_child_counts_once", "cast_waits_for_all_children",
             "cast_names_who_is_missing"};
  p.theory = {messages_exactly("N-1 down, N-1 up", [](std::size_t n) { return 2 * (real(n) - 1); })};
  return describe<TreeModel>(std::move(p));
}

// ---- the minimum spanning tree

struct GhsModel : InstanceModel<GhsModel, broadcast::SpanningTree> {
  using Algorithm = classical::SpanningTree;
  using Core = Algorithm::Core;
  explicit GhsModel(const Setup& setup)
      : InstanceModel(setup),
        graph_(setup),
        edges_(graph_.text()),
        cheapest_(graph_.minimum_spanning_tree()) {}

  Core make(NodeId self, Instance, Instant now, const Stored*) {
    return made<Algorithm>(self, now, 0, {{"edges", edges_}});
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation);
    tell(node, operation, Core::Wake{});
    if (operation % 2 == 1) tell(NodeId{1 + operation % nodes()}, operation, Core::Wake{});
  }
  void said(NodeId self, Instance instance, const Core::Complete&) {
    std::set<std::pair<NodeId, NodeId>> found;
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const Core* core = core_at(NodeId{i}, instance);
      if (!core) continue;
      for (const NodeId other : core->branches())
        found.emplace(std::min(NodeId{i}, other), std::max(NodeId{i}, other));
    }
    if (found == cheapest_) {
      hang_up(instance, book().operation(instance).node, NodeId{});
    } else {
      object("the_minimum_tree", fmt::format("{} edges, or others", found.size()), self);
    }
    settle_at(book().operation(instance).node, instance, found.size());
  }

  // The tree as it hangs down from `root`, for drawings.
  void hang_up(Instance instance, NodeId root, NodeId parent) {
    for (const auto& [a, b] : cheapest_) {
      if (a != root && b != root) continue;
      const NodeId child = a == root ? b : a;
      if (child == parent) continue;
      book().parent(instance, child, root);
      hang_up(instance, child, root);
    }
  }

  NetworkGraph graph_;
  std::string edges_;
  std::set<std::pair<NodeId, NodeId>> cheapest_;
};

Protocol ghs() {
  Protocol p = named(classical::SpanningTree::identity);
  p.stands.kinds = Stands::of_time();
  p.stands.reordering = false;  // FIFO links
  p.sweep_most = 12;
  p.rules = {"ghs_test_of_a_higher_level_waits", "ghs_connect_of_equals_waits",
             "ghs_absorbed_while_searching_reports", "ghs_report_waits_for_children"};
  p.theory = {
      {Theory::Measure::messages, Load::one_by_one, "5N log2 N + 2E, E = 2N-2 edges here", [](std::size_t n) {
         return Range{0, 5 * real(n) * std::log2(real(n)) + 2 * real(NetworkGraph::edge_count(n))};
       }}};
  return describe<GhsModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> broadcasts() {
  std::vector<Protocol> protocols = {echo(), tree_cast(), ghs()};
  std::vector<Protocol> others = rumours();
  for (Protocol& protocol : others) protocols.push_back(std::move(protocol));
  for (Protocol& protocol : protocols) protocol.family = "broadcast";
  return protocols;
}

}  // namespace coord::catalogue
