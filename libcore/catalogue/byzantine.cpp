// SPDX-License-Identifier: MIT
// Agreement although some nodes lie, as dsim knows it.
#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "protocol/consensus/generals.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using consensus::Value;

std::size_t traitors_among(std::size_t nodes) {
  return (nodes - 1) / 3;
}

// ---- oral messages: who is asked commands; the operation is over when all loyal lieutenants have decided

struct GeneralsModel : InstanceModel<GeneralsModel, consensus::Generals> {
  using Core = consensus::Generals;
  explicit GeneralsModel(const Setup& setup)
      : InstanceModel(setup), random_(setup.seed ^ 0x67656e73U), too_few_(setup.nodes < 4) {
    const auto order = setup.options.find("order");
    if (order != setup.options.end()) order_ = order->second;
  }

  Core make(NodeId self, Instance instance, Instant, const Stored*) {
    Core::Config config;
    config.group = Group::numbered(self, nodes());
    config.commander = book().operation(instance).node;
    config.traitors = too_few_ ? 1 : traitors_among(nodes());
    config.round = round;
    config.too_few = too_few_;
    return Core(config);
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation);
    const Value order = order_ ? *order_ : random_.chance(0.5) ? "attack" : "retreat";
    ordered_[operation] = order;
    for (std::size_t i = 1; i <= nodes(); ++i) tell(NodeId{i}, operation, Core::Begin{order});
  }
  void said(NodeId self, Instance instance, const consensus::Decided& what) {
    const NodeId commander = book().operation(instance).node;
    if (!loyal(self) || self == commander) return;
    world().note(self, fmt::format("decides to {}", what.value));
    const auto [known, first] = decided_.emplace(instance, what.value);
    if (known->second != what.value) object("ic1_all_loyal_obey_the_same", "attack and retreat", self);
    if (loyal(commander) && what.value != ordered_[instance]) {
      object("ic2_a_loyal_commander_is_obeyed", fmt::format("{} was not the order", what.value), self);
    }
    if (++obeying_[instance] == loyal_lieutenants(commander)) settle_at(commander, instance);
  }
  std::optional<CoreMessage> lie(const std::string& kind, NodeId to, Instance instance, CoreMessage message) {
    auto& order = std::get<Core::Order>(message);
    const Value other = order.value == "attack" ? "retreat" : "attack";
    if (kind == "silent") return std::nullopt;
    if (kind == "equivocating") order.value = (to.value + instance) % 2 == 0 ? "attack" : "retreat";
    if (kind == "lying") order.value = other;
    if (kind == "forging") forge(order, to, other);
    return message;
  }
  std::string_view type_of(const Message&) const { return "order"; }

  static constexpr Duration round = 500ms;  // longer than any message takes by clocks that differ by a fifth

 private:
  std::uint64_t loyal_lieutenants(NodeId commander) const {
    std::uint64_t count = 0;
    for (std::size_t i = 1; i <= nodes(); ++i) {
      if (NodeId{i} != commander && loyal(NodeId{i})) ++count;
    }
    return count;
  }
  // As if somebody else had said the opposite.
  void forge(Core::Order& order, NodeId to, const Value& other) {
    const NodeId blamed{1 + random_.below(nodes())};
    const bool named = std::find(order.path.begin(), order.path.end(), blamed) != order.path.end();
    order.value = other;
    if (!named && blamed != to && order.path.size() > 1) order.path.back() = blamed;
  }

  Random random_;
  bool too_few_;
  std::optional<Value> order_;  // a scenario's
  std::map<Instance, Value> ordered_, decided_;
  std::map<Instance, std::uint64_t> obeying_;
};

Protocol oral_messages() {
  Protocol p;
  p.name = "oral-messages";
  p.summary = "OM(m), among lying generals (Lamport, Shostak, Pease 1982)";
  p.stands.byzantine = {"silent", "equivocating", "lying", "forging"};
  p.stands.byzantine_limit = traitors_among;
  p.least_nodes = 4;
  p.most_nodes = 12;  // m = 3: below 10^4 messages
  p.sweep_most = 8;
  p.sizes = {4, 7, 10};
  p.rules = {"om_sender_is_last_in_path", "om_majority_or_default", "om_m_plus_one_rounds"};
  p.theory = {messages_exactly("(N-1) + (N-1)(N-2) + ... to m+1 terms, m = (N-1)/3", [](std::size_t n) {
    return static_cast<double>(consensus::Generals::messages(n, traitors_among(n)));
  })};
  return describe<GeneralsModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> byzantine_agreement() {
  std::vector<Protocol> protocols = {oral_messages(), pbft()};
  for (Protocol& protocol : protocols) protocol.family = "byzantine agreement";
  return protocols;
}

}  // namespace coord::catalogue
