// Telling all and gathering from all, as dsim knows it.
#include <cmath>
#include <deque>

#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/network_graph.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "protocol/broadcast/anti_entropy.hpp"
#include "protocol/broadcast/echo.hpp"
#include "protocol/broadcast/ghs.hpp"
#include "protocol/broadcast/rumour.hpp"
#include "protocol/broadcast/tree_cast.hpp"

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
  explicit CastModel(const Setup& setup) : InstanceModel<Derived, Core>(setup), graph_(setup) {}

  void ask(OperationId operation, NodeId node) {
    this->begin_at(operation, node, operation);
    this->tell(node, operation, typename Core::Begin{"news" + std::to_string(operation)});
  }
  void said(NodeId self, Instance instance, const Delivered& what) {
    if (!delivered_[instance].insert(self).second)
      this->object("delivered_once", what.payload + " again", self);
    if (what.payload != "news" + std::to_string(instance))
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
  void derived_gathered(NodeId self, Instance instance, const Gathered& what) {
    if constexpr (requires { static_cast<Derived*>(this)->gathered(self, instance, what); }) {
      static_cast<Derived*>(this)->gathered(self, instance, what);
    }
  }

 private:
  NetworkGraph graph_;
  std::map<Instance, std::set<NodeId>> delivered_;
};

// ---- the wave and its echo

struct EchoModel : CastModel<EchoModel, broadcast::Echo> {
  using Core = broadcast::Echo;
  explicit EchoModel(const Setup& setup) : CastModel(setup) {}

  Core make(NodeId self, Instance, Instant, const Stored*) {
    return Core({self, graph().neighbours(self), contribution(self)});
  }
  // The edges to parents are a tree over all nodes.
  void gathered(NodeId self, Instance instance, const Gathered&) {
    for (std::size_t i = 1; i <= nodes(); ++i) {
      NodeId at{i};
      for (std::size_t steps = 0; at != self; ++steps) {
        const Core* core = core_at(at, instance);
        if (!core || !core->parent() || steps > nodes())
          return object("parents_are_a_tree", "no way to the root", at);
        if (i == at.value) book().parent(at, *core->parent());
        at = *core->parent();
      }
    }
  }
  std::string_view type_of(const Message& message) const {
    return std::holds_alternative<Core::Wave>(message.body) ? "wave" : "echo";
  }
};

Protocol echo() {
  Protocol p;
  p.name = "echo";
  p.summary = "a wave over all edges and its echo: a spanning tree, and all answers (Chang 1982)";
  p.stands.kinds = Stands::of_time();
  p.least_nodes = 2;
  p.rules = {"echo_waits_for_all", "echo_first_is_the_parent", "echo_brings_what_children_brought"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2E, E = 2N-2 edges here", [](std::size_t n) {
                 const double edges = real(NetworkGraph::edge_count(n));
                 return Range{2 * edges, 2 * edges};
               }}};
  return describe<EchoModel>(std::move(p));
}

// ---- over a known tree

struct TreeModel : CastModel<TreeModel, broadcast::TreeCast> {
  using Core = broadcast::TreeCast;
  explicit TreeModel(const Setup& setup)
      : CastModel(setup), lossy_(!setup.faults.empty() || setup.link.drop > 0) {}

  // The tree of the wave with the fewest hops from whoever is asked; its depth decides who waits how long.
  Core make(NodeId self, Instance instance, Instant, const Stored*) {
    const NodeId root = book().operation(instance).node;
    const auto tree = graph().tree_from(root);
    Core::Config config;
    config.self = self;
    if (self != root) config.parent = tree.parent.at(self);
    for (const auto& [child, parent] : tree.parent) {
      if (parent == self) config.children.insert(child);
      if (child != root) book().parent(child, parent);
    }
    config.contribution = contribution(self);
    if (lossy_) config.resend = 150ms;
    if (lossy_) config.patience = 800ms * static_cast<std::int64_t>(tree.height.at(self));
    return Core(config);
  }
  std::string_view type_of(const Message& message) const {
    return std::holds_alternative<Core::Down>(message.body) ? "down" : "up";
  }

  bool lossy_;
};

Protocol tree_cast() {
  Protocol p;
  p.name = "tree-cast";
  p.summary = "down a tree and up again: broadcast and convergecast; who is silent is named (Peleg 2000)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.rules = {"cast_told_twice_delivers_once", "cast_a_child_counts_once", "cast_waits_for_all_children",
             "cast_names_who_is_missing"};
  p.theory = {messages_exactly("N-1 down, N-1 up", [](std::size_t n) { return 2 * (real(n) - 1); })};
  return describe<TreeModel>(std::move(p));
}

// ---- the minimum spanning tree

struct GhsModel : InstanceModel<GhsModel, broadcast::SpanningTree> {
  using Core = broadcast::SpanningTree;
  explicit GhsModel(const Setup& setup)
      : InstanceModel(setup), graph_(setup), cheapest_(graph_.minimum_spanning_tree()) {}

  Core make(NodeId self, Instance, Instant, const Stored*) { return Core({self, graph_.weights(self)}); }
  void ask(OperationId operation, NodeId node) {
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
    if (found != cheapest_)
      object("the_minimum_tree", std::to_string(found.size()) + " edges, or others", self);
    settle_at(book().operation(instance).node, instance, found.size());
  }
  std::string_view type_of(const Message& message) const {
    static constexpr std::string_view names[] = {"connect", "initiate", "test",       "accept",
                                                 "reject",  "report",   "change-root"};
    return names[message.body.index()];
  }

  NetworkGraph graph_;
  std::set<std::pair<NodeId, NodeId>> cheapest_;
};

Protocol ghs() {
  Protocol p;
  p.name = "ghs";
  p.summary = "the minimum spanning tree: fragments join over cheapest edges (Gallager, Humblet, Spira 1983)";
  p.stands.kinds = Stands::of_time();
  p.stands.reordering = false;  // FIFO links
  p.least_nodes = 2;
  p.sweep_most = 12;
  p.rules = {"ghs_test_of_a_higher_level_waits", "ghs_connect_of_equals_waits",
             "ghs_absorbed_while_searching_reports", "ghs_report_waits_for_children"};
  p.theory = {
      {Theory::Measure::messages, Load::one_by_one, "5N log2 N + 2E, E = 2N-2 edges here", [](std::size_t n) {
         return Range{0, 5 * real(n) * std::log2(real(n)) + 2 * real(NetworkGraph::edge_count(n))};
       }}};
  return describe<GhsModel>(std::move(p));
}

// ---- rumours: over when nobody is interested any more

template <broadcast::Rumour::Mode mode>
struct RumourModel : InstanceModel<RumourModel<mode>, broadcast::Rumour> {
  using Core = broadcast::Rumour;
  using Base = InstanceModel<RumourModel<mode>, Core>;
  using Message = typename Base::Message;
  using Stored = typename Base::Stored;
  explicit RumourModel(const Setup& setup) : Base(setup) {}
  static constexpr std::uint64_t k = 3;

  Core make(NodeId self, Instance instance, Instant, const Stored*) {
    Core::Config config;
    config.group = Group::numbered(self, this->nodes());
    config.mode = mode;
    config.boring_after = k;
    config.seed = this->seed_of(self, instance) * 0x9e3779b97f4a7c15U;
    return Core(config);
  }
  void ask(OperationId operation, NodeId node) {
    this->begin_at(operation, node, operation);
    this->tell(node, operation, Core::Begin{"news" + std::to_string(operation)});
    if (mode == Core::Mode::push) return;
    for (std::size_t i = 1; i <= this->nodes(); ++i) {
      if (NodeId{i} != node) this->tell(NodeId{i}, operation, Core::Begin{});
    }
  }
  void said(NodeId self, Instance instance, const Delivered& what) {
    auto& heard = heard_[instance];
    if (!heard.insert(self).second) this->object("delivered_once", what.payload + " again", self);
    const NodeId origin = this->book().operation(instance).node;
    this->settle_at(origin, instance, 1);  // what follows is how far it gets
  }
  std::vector<std::string> remarks() const {
    std::uint64_t all = 0;
    for (const auto& [instance, heard] : heard_) all += heard.size();
    if (heard_.empty()) return {};
    const double share = static_cast<double>(all) / static_cast<double>(heard_.size() * this->nodes());
    return {"heard by " + std::to_string(std::lround(1000 * share)) + " of 1000"};
  }
  // In the end nobody talks about it any more.
  std::optional<std::string> at_end() {
    this->world().run_for(60s);
    for (const auto& [instance, heard] : heard_) {
      for (const NodeId node : heard) {
        const Core* core = this->core_at(node, instance);
        if (core && core->deadline()) return "node " + std::to_string(node.value) + " still spreads it";
      }
    }
    return std::nullopt;
  }
  std::string_view type_of(const Message& message) const {
    static constexpr std::string_view names[] = {"tell", "heard", "ask", "answer"};
    return names[message.body.index()];
  }

  std::map<Instance, std::set<NodeId>> heard_;
};

Protocol rumour_push() {
  Protocol p;
  p.name = "rumour-push";
  p.summary = "who knows it tells random others, until 3 knew already (Demers et al. 1987)";
  p.stands.kinds = Stands::of_time();
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.sizes = {16, 64};
  p.rules = {"rumour_is_told_once", "rumour_gets_boring"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2(N-1 + kN), k = 3", [](std::size_t n) {
                 return Range{0, 2 * (real(n) - 1 + 3 * real(n))};
               }}};
  return describe<RumourModel<broadcast::Rumour::Mode::push>>(std::move(p));
}

template <broadcast::Rumour::Mode mode>
Protocol rumour_asking(const char* name, const char* summary) {
  Protocol p;
  p.name = name;
  p.summary = summary;
  p.stands.kinds = Stands::of_time();
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.sizes = {16, 64};
  p.rules = {"rumour_is_told_once"};
  p.theory = {
      {Theory::Measure::messages, Load::one_by_one, "2(N-1 + kN) + 60N questions, k = 3", [](std::size_t n) {
         return Range{0, 2 * (real(n) - 1 + 3 * real(n)) + 62 * real(n)};
       }}};
  return describe<RumourModel<mode>>(std::move(p));
}

// ---- anti-entropy: an operation is a write; it is over when all hold it or something newer

struct AntiEntropyModel
    : InstanceModel<AntiEntropyModel, broadcast::AntiEntropy, broadcast::AntiEntropy::Durable> {
  using Core = broadcast::AntiEntropy;
  static constexpr bool never_idle = true;
  explicit AntiEntropyModel(const Setup& setup) : InstanceModel(setup) {}

  static void apply(Core::Durable& stored, const Core::Persist& what) { stored.table[what.key] = what.entry; }

  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    auto node = InstanceModel::start(now, port);
    if (node && (*node)->cores.empty()) put(**node, 0, make(port.self(), 0, now, nullptr));
    return node;
  }
  Core make(NodeId self, Instance, Instant now, const Core::Durable* restored) {
    Core::Config config{Group::numbered(self, nodes()), 100ms, seed_of(self, ++lives_) * 0x9e3779b97f4a7c15U};
    return restored ? Core(now, config, *restored) : Core(now, config);
  }
  void ask(OperationId operation, NodeId node) {
    begin_at(operation, node, operation + 1);
    const Core::Key key = "key" + std::to_string(operation % 3);
    std::optional<std::string> value;
    if (operation % 4 != 3) value = "v" + std::to_string(operation);
    written_[{node, key}].push_back(operation);
    tell(node, 0, Core::Write{key, value});
  }
  // A copy never goes back to an older version of a key; what a user writes is taken by his own.
  void persisted(NodeId self, Instance, const Core::Durable& before, const Core::Durable& now) {
    for (const auto& [key, entry] : now.table) {
      const auto old = before.table.find(key);
      if (old != before.table.end() && entry.version < old->second.version) object("newer_stays", key, self);
      const bool changed = old == before.table.end() || old->second.version != entry.version;
      auto& wishes = written_[{self, key}];
      if (changed && entry.version.writer == self && !wishes.empty()) {
        settle_at(self, wishes.front() + 1);
        wishes.pop_front();
      }
      Core::Version& newest = newest_[key];
      newest = std::max(newest, entry.version);
    }
  }
  void on_crash(NodeId node) {
    InstanceModel::on_crash(node);
    std::erase_if(written_, [&](const auto& wish) { return wish.first.first == node; });
  }
  template <class Other>
  void said(NodeId, Instance, const Other&) {}
  std::optional<std::string> at_end() {
    if (auto missed = Model::at_end()) return missed;
    world().run_for(20s);
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const Core* core = core_at(NodeId{i}, 0);
      if (!core) continue;
      for (const auto& [key, newest] : newest_) {
        const auto held = core->table().find(key);
        if (held == core->table().end() || held->second.version != newest) {
          return "node " + std::to_string(i) + " does not hold the newest " + key;
        }
        const auto [first, only] = values_.emplace(key, held->second);
        if (first->second != held->second) return "two copies of " + key + " differ";
      }
    }
    return std::nullopt;
  }
  std::string_view type_of(const Message& message) const {
    return std::holds_alternative<Core::Compare>(message.body) ? "compare" : "differences";
  }

  std::uint64_t lives_ = 0;
  std::map<std::pair<NodeId, Core::Key>, std::deque<OperationId>> written_;  // not taken yet
  std::map<Core::Key, Core::Version> newest_;
  std::map<Core::Key, Core::Entry> values_;
};

Protocol anti_entropy() {
  Protocol p;
  p.name = "anti-entropy";
  p.summary = "random pairs compare their copies: all become alike in the end (Demers et al. 1987)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert({sim::FaultKind::process_crash, sim::FaultKind::crash_in_call});
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.rules = {"ae_newer_wins", "ae_tie_by_writer", "ae_death_leaves_a_certificate",
             "ae_stamp_exceeds_all_seen"};
  return describe<AntiEntropyModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> broadcasts() {
  using Mode = broadcast::Rumour::Mode;
  std::vector<Protocol> protocols = {
      echo(),
      tree_cast(),
      ghs(),
      rumour_push(),
      rumour_asking<Mode::pull>("rumour-pull", "who knows nothing asks random others (Demers et al. 1987)"),
      rumour_asking<Mode::push_pull>("rumour-push-pull",
                                     "who knows tells, who does not asks (Demers et al. 1987)"),
      anti_entropy()};
  for (Protocol& protocol : protocols) protocol.family = "broadcast";
  return protocols;
}

}  // namespace coord::catalogue
