// SPDX-License-Identifier: MIT
// Deadlock detection in the simulator, the same for every algorithm: processes that ask each other and wait,
// at random or in a ring, and what is really so, which no process knows: who waits for whom.
//
// An operation is a wait; it is over when what was asked for is there, or when the process gave up. Options:
//   waits   ring: each asks the next one; only the last to ask is quick with its probe.
//           Else: one or two at random
//
//   struct Run {
//     using Algorithm = classical::...;  // its Core derived from deadlock::Waiting
//     static constexpr deadlock::Needs needs = ...;
//     static constexpr NodeId coordinator{0};  // a node that does not wait itself; 0: none
//   };
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "catalogue/model.hpp"
#include "catalogue/wait_truth.hpp"
#include "classical/deadlock_detection.hpp"

namespace coord::catalogue {

template <class Run>
class DeadlockModel : public Model<DeadlockModel<Run>> {
 public:
  using Algorithm = typename Run::Algorithm;
  using Process = typename Algorithm::Core;
  using Message = typename Process::Message;
  struct Node {
    Process process;
    std::optional<OperationId> current{};
    std::vector<OperationId> wishes{};
    std::set<NodeId> wanted_by{};
  };
  struct Input {
    enum class Kind : std::uint8_t { ask, serve } kind = Kind::ask;
    OperationId operation = 0;
    NodeId to{};
  };
  using Job = sim::NoJob;
  using Port = sim::Port<DeadlockModel>;

  explicit DeadlockModel(const Setup& setup)
      : nodes_(setup.nodes),
        ring_(setup.options.contains("waits") && setup.options.at("waits") == "ring"),
        hold_low_(setup.hold_low),
        hold_high_(setup.hold_high),
        random_(setup.seed ^ 0x77616974U),
        truth_(Run::needs) {}

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    Duration patience = std::chrono::milliseconds(100);
    // In the ring the last one's patience ends long before that of the others.
    if (ring_) patience = nodes_ * (patience + std::chrono::seconds(nodes_ - port.self().value));
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.options = {{"patience_ms", classical::milliseconds(patience)}};
    return std::unique_ptr<Node>(new Node{classical::make_core<Algorithm>(setup).value()});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    perform(node, node.process.step(now, typename Process::Receive{from, std::move(message)}), port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    if (input.kind == Input::Kind::serve) {
      perform(node, node.process.step(now, deadlock::Serve{input.to}), port);
      return;
    }
    node.wishes.push_back(input.operation);
    ask_next(node, now, port);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.process.deadline(); }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node, node.process.step(now, typename Process::Tick{}), port);
  }
  std::string_view type_of(const Message& message) const { return Algorithm::type_of(message); }
  std::string describe(const Message& message) const { return Algorithm::describe(message); }

  void ask(OperationId operation, NodeId node) override {
    if (node == Run::coordinator) node = NodeId{node.value % nodes_ + 1};
    this->world().input(node, Input{Input::Kind::ask, operation, {}});
  }
  void watch() override {
    this->world().add_check("victim_was_deadlocked", [this](const auto&, NodeId) { return wrong_victim_; });
  }
  std::vector<std::string> remarks() const override {
    std::vector<std::string> lines;
    lines.push_back(std::to_string(truth_.victims()) + " gave up to break a deadlock");
    return lines;
  }

 private:
  void ask_next(Node& node, Instant now, Port& port) {
    if (node.current || node.wishes.empty()) return;
    node.current = node.wishes.front();
    node.wishes.erase(node.wishes.begin());
    const deadlock::Ask ask{choose(port.self())};
    this->book().begin(*node.current, port.world_now());
    truth_.begins(port.self(), ask.processes);
    port.note([&] {
      std::string text = "waits for";
      for (const NodeId other : ask.processes) text += " " + std::to_string(other.value);
      return text;
    });
    perform(node, node.process.step(now, ask), port);
    truth_.numbered(port.self(), node.process.wait(), node.process.age());
  }

  std::set<NodeId> choose(NodeId self) {
    const auto next = [&](std::uint64_t from) {
      NodeId other{from % nodes_ + 1};
      return other == Run::coordinator ? NodeId{other.value % nodes_ + 1} : other;
    };
    if (ring_) return {next(self.value)};
    std::set<NodeId> chosen;
    const std::uint64_t count = 1 + random_.below(2);
    for (std::uint64_t i = 0; i < count; ++i) {
      const NodeId other = next(random_.below(nodes_));
      if (other != self) chosen.insert(other);
    }
    while (chosen.empty() || chosen.contains(self)) chosen = {next(random_.below(nodes_))};
    return chosen;
  }

  void perform(Node& node, const typename Process::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<typename Process::Send>(&action)) {
        if (const auto* reply = std::get_if<deadlock::Reply>(&send->message)) {
          node.wanted_by.erase(send->to);
          truth_.answered(send->to, reply->wait, port.self());
        }
        port.send(send->to, send->message);
      } else if (const auto* wanted = std::get_if<deadlock::Wanted>(&action)) {
        node.wanted_by.insert(wanted->by);
        port.after(random_.between(hold_low_, hold_high_), Input{Input::Kind::serve, 0, wanted->by});
      } else if (std::holds_alternative<deadlock::GivesUp>(action)) {
        port.note([] { return "gives up: it was deadlocked"; });
        if (auto wrong = truth_.gives_up(port.self())) wrong_victim_ = wrong;
        ends(node, 1, port);
      } else if (std::holds_alternative<deadlock::GoesOn>(action)) {
        port.note([] { return "goes on"; });
        truth_.goes_on(port.self());
        ends(node, 0, port);
      }
    }
  }

  void ends(Node& node, std::uint64_t result, Port& port) {
    for (const NodeId other : node.wanted_by) port.after(Duration{}, Input{Input::Kind::serve, 0, other});
    this->book().answer(*node.current, port.world_now(), result);
    this->book().end(*node.current, port.world_now());
    node.current.reset();
    if (node.wishes.empty()) return;
    const OperationId next = node.wishes.front();
    node.wishes.erase(node.wishes.begin());
    port.after(Duration{}, Input{Input::Kind::ask, next, {}});
  }

  std::size_t nodes_;
  bool ring_;
  Duration hold_low_, hold_high_;
  Random random_;
  WaitTruth truth_;
  std::optional<std::string> wrong_victim_;
};

}  // namespace coord::catalogue
