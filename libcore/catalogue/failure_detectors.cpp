// SPDX-License-Identifier: MIT
// Failure detectors, as dsim knows them. An operation: the node that is asked crashes for good, as long as a
// majority is left; it is over when all others suspect it. Afterwards, with all faults gone, nobody that
// lives may be suspected any more.

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/model.hpp"
#include "catalogue/runner.hpp"
#include "classical/failure_detection.hpp"
#include "protocol/membership/verdict.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using membership::Detector;

template <Detector::Rule rule>
struct DetectorModel : Model<DetectorModel<rule>> {
  struct Node {
    Detector detector;
    bool silent = false;  // for the others it has crashed
  };
  using Algorithm = classical::Detector<rule>;
  using Message = Detector::Message;
  using Input = OperationId;
  using Job = sim::NoJob;
  using Port = sim::Port<DetectorModel>;
  bool never_idle() const override { return true; }

  explicit DetectorModel(const Setup& setup) : nodes_(setup.nodes), observed_(all(setup.nodes)) {}

  static std::set<NodeId> all(std::size_t nodes) {
    const auto names = Group::numbered(NodeId{1}, nodes).nodes;
    return {names.begin(), names.end()};
  }
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.now = now;
    const bool is_gone = gone_.contains(port.self());
    if (!is_gone) observed_.recovered(port.self());
    return std::unique_ptr<Node>(new Node{classical::make_core<Algorithm>(setup).value(), is_gone});
  }
  void on_crash(NodeId node) {
    Model<DetectorModel>::on_crash(node);
    observed_.crashed(this->world().now(), node);
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    perform(node, node.detector.step(now, Detector::Receive{from, message}), port);
  }
  void on_input(Node& node, Instant, OperationId operation, Port& port) {
    this->book().begin(operation, port.world_now());
    if (node.silent || 2 * (dead_ + 1) >= nodes_) return this->book().end(operation, port.world_now());
    ++dead_;
    node.silent = true;
    gone_.insert(port.self());
    port.note([] { return "crashes"; });
    observed_.crashed(port.world_now(), port.self());
    noticing_[port.self()] = {operation, {}};
    for (std::size_t i = 1; i <= nodes_; ++i) {  // who suspects it already has noticed
      const Node* other = this->world().node(NodeId{i});
      if (NodeId{i} != port.self() && other && other->detector.suspects(port.self()))
        noticed(NodeId{i}, port.self());
    }
  }
  std::optional<Instant> deadline(const Node& node) const {
    return node.silent ? std::nullopt : node.detector.deadline();
  }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node, node.detector.step(now, Detector::Tick{}), port);
  }
  std::string describe(const Message& message) const { return Algorithm::describe(message); }
  std::string_view type_of(const Message& message) const { return Algorithm::type_of(message); }
  void ask(OperationId operation, NodeId node) override { this->world().input(node, operation); }

  std::optional<std::string> at_end() override {
    this->world().run_for(10s);
    const auto verdict = observed_.verdict(this->world().now(), 2s);
    if (!verdict.strong_completeness)
      return fmt::format("a crashed node is not suspected by all: class {}", verdict.name);
    if (!verdict.eventual_strong_accuracy)
      return fmt::format("a live node is suspected at the end: class {}", verdict.name);
    return Model<DetectorModel>::at_end();
  }
  std::vector<std::string> remarks() const override {
    const auto verdict = observed_.verdict(this->world().now(), 2s);
    const Duration median = percentile(verdict.detection, 0.5);
    return {fmt::format("class {}; {} detections, median {:.0f} ms; {} mistakes, the longest {:.0f} ms",
                        verdict.name, verdict.detection.size(), static_cast<double>(median.count()) / 1e6,
                        verdict.mistakes, static_cast<double>(verdict.longest_mistake.count()) / 1e6)};
  }

 private:
  void perform(Node& node, const Detector::Actions& actions, Port& port) {
    if (node.silent) return;
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Detector::Send>(&action)) port.send(send->to, send->message);
      if (const auto* suspects = std::get_if<Detector::Suspects>(&action)) {
        port.note([&] { return fmt::format("suspects {}", suspects->node.value); });
        observed_.suspects(port.world_now(), port.self(), suspects->node);
        noticed(port.self(), suspects->node);
      }
      if (const auto* trusts = std::get_if<Detector::Trusts>(&action)) {
        port.note([&] { return fmt::format("trusts {}", trusts->node.value); });
        observed_.trusts(port.world_now(), port.self(), trusts->node);
      }
    }
  }
  void noticed(NodeId observer, NodeId subject) {
    const auto found = noticing_.find(subject);
    if (found == noticing_.end()) return;
    found->second.second.insert(observer);
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* other = this->world().node(NodeId{i});
      if (NodeId{i} != subject && other && !other->silent && !found->second.second.contains(NodeId{i}))
        return;
    }
    this->book().end(found->second.first, this->world().now());
    noticing_.erase(found);
  }

  std::size_t nodes_, dead_ = 0;
  std::set<NodeId> gone_;  // crashed for good: whatever starts their processes again, they stay silent
  membership::Observation observed_;
  std::map<NodeId, std::pair<OperationId, std::set<NodeId>>> noticing_;
};

template <Detector::Rule rule>
Protocol detector() {
  Protocol p = named(classical::Detector<rule>::identity);
  p.stands.kinds = Stands::of_links();
  p.rules = {"fd_heard_again_is_trusted_again", "fd_heartbeat_renews_patience"};
  return describe<DetectorModel<rule>>(std::move(p));
}

}  // namespace

std::vector<Protocol> failure_detectors() {
  using Rule = Detector::Rule;
  std::vector<Protocol> protocols = {detector<Rule::time_out>(), detector<Rule::phi_normal>(),
                                     detector<Rule::phi_exponential>(), swim()};
  for (Protocol& protocol : protocols) protocol.family = "failure detection";
  return protocols;
}

}  // namespace coord::catalogue
