// SPDX-License-Identifier: MIT
// Protocols of which each operation is one object at each node: one agreement, one transaction, one
// broadcast. In the simulator every node keeps an object for each instance that it has heard of, and what the
// object has persisted survives the node's crash. A crash may strike between any two actions of a step: what
// was persisted before it stays, what was to be sent after it is not sent.
//
//   struct M : InstanceModel<M, Core, Durable> {
//     explicit M(const Setup&);
//     using Algorithm = classical::...;                  // whose Core it is, and type_of
//     // `restored`: what it persisted before its node crashed; nullptr: nothing. By made().
//     Core make(NodeId self, Instance, Instant local_now, const Durable* restored);
//     void ask(OperationId, NodeId) override;           // begin_at() and tell() what the core is told
//     void said(NodeId self, Instance, const Action&);  // actions that are neither Send nor Persist
//     void persisted(NodeId self, Instance, const Durable& before, const Durable& now);      // optional
//     static void apply(Durable&, const Part&);  // where a Persist action is only a part of a Durable, and
//     void persisting(NodeId self, Instance, const Durable& before, const Part&);  // in place of persisted()
//     std::optional<CoreMessage> lie(const std::string& kind, NodeId to, Instance, CoreMessage);  // optional
//     ... watch, at_end, as in model.hpp ...
//   };
//
// Core: step(now, Event), deadline(), Receive, Tick, Send; text(message) for traces. Durable: void if it has
// none; then a node that crashed does not come back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catalogue/instances.hpp"
#include "catalogue/model.hpp"
#include "classical/traits.hpp"

namespace coord::catalogue {

template <class Derived, class Core, class Durable = void>
class InstanceModel : public Model<Derived> {
 public:
  using CoreMessage = typename Core::Message;
  using Stored = std::conditional_t<std::is_void_v<Durable>, std::monostate, Durable>;
  struct Message {
    Instance instance = 0;
    CoreMessage body;
  };
  struct Node {
    std::map<Instance, Core> cores;
    DueTimes due;
  };
  struct Input {
    Instance instance = 0;
    typename Core::Event event;
  };
  using Job = sim::NoJob;
  using Port = sim::Port<Derived>;

  explicit InstanceModel(const Setup& setup)
      : nodes_(setup.nodes), seed_(setup.seed), byzantine_(setup.byzantine) {}

  // ---- what the world calls
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    const bool again = !lived_.insert(port.self()).second;
    if (again && std::is_void_v<Durable>) {
      return Error{ErrorKind::unavailable, "node", "has forgotten its promises", "leave it out"};
    }
    auto node = std::make_unique<Node>();
    for (const auto& [place, state] : stored_) {
      if (place.first == port.self()) core(*node, port.self(), place.second, now);
    }
    return node;
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    step(node, message.instance, now, typename Core::Receive{from, std::move(message.body)}, port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    step(node, input.instance, now, input.event, port);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.due.first(); }
  void on_tick(Node& node, Instant now, Port& port) {
    for (const Instance instance : node.due.until(now))
      step(node, instance, now, typename Core::Tick{}, port);
  }
  std::string describe(const Message& message) const {
    const std::string line = text(message.body);
    return message.instance == 0 ? line : line + "  #" + std::to_string(message.instance);
  }
  std::string_view type_of(const Message& message) const { return Derived::Algorithm::type_of(message.body); }
  void on_crash(NodeId node) {
    Model<Derived>::on_crash(node);
    users_.crashed(node);
    crashed_.insert(node);
  }

  // ---- defaults of hooks
  void persisted(NodeId, Instance, const Stored&, const Stored&) {}
  std::optional<CoreMessage> lie(const std::string& kind, NodeId, Instance, CoreMessage message) {
    if (kind == "silent") return std::nullopt;
    return message;
  }

 protected:
  // One that is there from the beginning, not from the first message on.
  void put(Node& node, Instance instance, Core core) {
    node.due.set(instance, node.cores.emplace(instance, std::move(core)).first->second.deadline());
  }
  // An object of the algorithm, as a peer makes it.
  template <class Algorithm>
  Core made(NodeId self, Instant now, std::uint64_t seed, std::map<std::string, std::string> options,
            const Stored* restored = nullptr) const {
    classical::Setup setup{Group::numbered(self, nodes_), std::move(options), seed, now};
    if constexpr (classical::Stores<Algorithm>) {
      return classical::make_core<Algorithm>(setup, restored).value();
    } else {
      return classical::make_core<Algorithm>(setup).value();
    }
  }
  std::size_t nodes() const { return nodes_; }
  std::uint64_t seed_of(NodeId self, Instance instance) const {
    return seed_ * 1'000'003 + instance * 1009 + self.value;
  }
  bool loyal(NodeId node) const { return !byzantine_.contains(node); }
  const std::set<NodeId>& crashed() const { return crashed_; }  // at some time; it may be back

  // An operation of `node` belongs to `instance`; settle_at() ends it.
  void begin_at(OperationId operation, NodeId node, Instance instance) {
    users_.begin(this->book(), this->world().now(), operation, {node, instance});
  }
  void settle_at(NodeId node, Instance instance, std::uint64_t result = 0) {
    users_.settle(this->book(), this->world().now(), {node, instance}, result);
  }
  void tell(NodeId node, Instance instance, typename Core::Event event) {
    this->world().input(node, Input{instance, std::move(event)});
  }
  // The object of a node that is up; nullptr if it has none.
  const Core* core_at(NodeId id, Instance instance) const {
    const Node* node = this->world().node(id);
    if (!node) return nullptr;
    const auto found = node->cores.find(instance);
    return found == node->cores.end() ? nullptr : &found->second;
  }
  void object(const char* check, std::string why, NodeId node) {
    this->world().fail(check, std::move(why), node);
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  Core& core(Node& node, NodeId self, Instance instance, Instant now) {
    const auto found = node.cores.find(instance);
    if (found != node.cores.end()) return found->second;
    const auto stored = stored_.find({self, instance});
    const Stored* restored = stored == stored_.end() ? nullptr : &stored->second;
    Core& made = node.cores.emplace(instance, derived().make(self, instance, now, restored)).first->second;
    node.due.set(instance, made.deadline());
    return made;
  }
  void step(Node& node, Instance instance, Instant now, const typename Core::Event& event, Port& port) {
    Core& stepped = core(node, port.self(), instance, now);
    auto actions = stepped.step(now, event);
    node.due.set(instance, stepped.deadline());
    for (auto& action : actions) {
      may_die_here(port);
      std::visit([&](auto& what) { perform(instance, what, port); }, action);
    }
    may_die_here(port);
  }
  void perform(Instance instance, typename Core::Send& send, Port& port) {
    if (loyal(port.self())) return port.send(send.to, Message{instance, std::move(send.message)});
    auto lie = derived().lie(byzantine_.at(port.self()), send.to, instance, std::move(send.message));
    if (lie) port.send(send.to, Message{instance, std::move(*lie)});
  }
  template <class What>
  void perform(Instance instance, What& what, Port& port) {
    if constexpr (requires(Derived & model, const Stored& stored) {
                    model.persisting(NodeId{}, instance, stored, what);
                  }) {
      Stored& stored = stored_[{port.self(), instance}];
      derived().persisting(port.self(), instance, std::as_const(stored), what);
      Derived::apply(stored, what);
    } else if constexpr (requires(Stored & stored) { Derived::apply(stored, what); }) {
      store(port.self(), instance, [&](Stored& stored) { Derived::apply(stored, what); });
    } else if constexpr (requires { requires std::is_same_v<std::decay_t<decltype(what.state)>, Durable>; }) {
      store(port.self(), instance, [&](Stored& stored) { stored = std::move(what.state); });
    } else {
      derived().said(port.self(), instance, what);
    }
  }
  template <class Change>
  void store(NodeId self, Instance instance, Change change) {
    Stored& stored = stored_[{self, instance}];
    const Stored before = stored;
    change(stored);
    derived().persisted(self, instance, before, stored);
  }
  // Where an armed crash can strike: a call of the disk, which has nothing else to do here.
  void may_die_here(Port& port) { static_cast<void>(port.disk().sync_directory()); }

  std::size_t nodes_;
  std::uint64_t seed_;
  std::map<NodeId, std::string> byzantine_;
  std::map<std::pair<NodeId, Instance>, Stored> stored_;
  InstanceUsers users_;
  std::set<NodeId> lived_, crashed_;
};

}  // namespace coord::catalogue
