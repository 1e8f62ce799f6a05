// SPDX-License-Identifier: MIT
// PBFT, as dsim knows it. Each node is a replica and the client of its own user.
#include "classical/pbft.hpp"

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/model.hpp"
#include "catalogue/pbft_liar.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"

namespace coord::catalogue {

namespace {

namespace pbft_ = consensus::pbft;
using pbft_::Sequence;

struct PbftModel : Model<PbftModel> {
  using Algorithm = classical::Pbft;
  struct Node {
    classical::PbftNode both;
  };
  using Message = pbft_::Message;
  using Input = OperationId;
  using Job = sim::NoJob;
  using Port = sim::Port<PbftModel>;

  explicit PbftModel(const Setup& setup)
      : nodes_(setup.nodes),
        every_(setup.faults.empty() && setup.byzantine.empty() ? 128 : 4),
        counted_only_(setup.load == Load::one_by_one),
        byzantine_(setup.byzantine) {
    for (std::size_t i = 1; i <= nodes_; ++i) {
      notaries_.emplace(NodeId{i}, classical::ToyNotary(NodeId{i}, setup.seed));
    }
    for (const auto& [node, kind] : byzantine_) {
      book().excuse(node);
      liars_.emplace(node, PbftLiar(kind, notaries_.at(node), setup.seed + node.value));
    }
  }

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.options = {{"checkpoint_every", std::to_string(every_)}};
    setup.notary = &notaries_.at(port.self());
    executed_to_.erase(port.self());  // what no checkpoint has is executed again
    const auto stored = stored_.find(port.self());
    const auto* restored = stored == stored_.end() ? nullptr : &stored->second;
    return std::unique_ptr<Node>(new Node{classical::make_core<Algorithm>(setup, restored).value()});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    const auto liar = liars_.find(port.self());
    if (const auto* request = std::get_if<pbft_::Request>(&message); request && liar != liars_.end()) {
      liar->second.saw(*request);
    }
    perform(node.both.step(now, classical::PbftNode::Receive{from, std::move(message)}), port);
  }
  void on_input(Node& node, Instant now, OperationId operation, Port& port) {
    asked_[port.self()].push_back(operation);
    book().begin(operation, port.world_now());
    perform(
        node.both.step(now, pbft_::Client::Ask{fmt::format("op{}", operation), asked_[port.self()].size()}),
        port);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.both.deadline(); }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node.both.step(now, classical::PbftNode::Tick{}), port);
  }
  std::string describe(const Message& message) const { return Algorithm::describe(message); }
  std::string_view type_of(const Message& message) const { return Algorithm::type_of(message); }
  // Costs are told without the client's part and what happens now and then.
  void on_send(NodeId from, NodeId to, const Message& message) {
    const bool phase = std::holds_alternative<pbft_::PrePrepare>(message) ||
                       std::holds_alternative<pbft_::Prepare>(message) ||
                       std::holds_alternative<pbft_::Commit>(message);
    if (phase || !counted_only_) Model::on_send(from, to, message);
  }
  void ask(OperationId operation, NodeId node) override { world().input(node, operation); }
  std::vector<std::string> remarks() const override {
    std::vector<std::string> lines;
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = world().node(NodeId{i});
      if (!node) continue;
      lines.push_back(fmt::format("replica {}: {}", i, Algorithm::state(node->both)));
    }
    for (const auto& [node, kind] : byzantine_)
      lines.push_back(fmt::format("replica {} is {}", node.value, kind));
    return lines;
  }

 private:
  template <class Action>
  void perform(const std::vector<Action>& actions, Port& port) {
    for (const auto& action : actions) {
      static_cast<void>(port.disk().sync_directory());  // an armed crash strikes here
      std::visit([&](const auto& what) { perform(what, port); }, action);
    }
  }
  template <class Stored>
  void perform(const Stored& what, Port& port) requires requires(pbft_::Durable durable) {
    Algorithm::apply(durable, what);
  }
  { Algorithm::apply(stored_[port.self()], what); }
  void perform(const classical::PbftNode::Send& send, Port& port) {
    const auto liar = liars_.find(port.self());
    if (liar == liars_.end() || send.to == port.self()) return port.send(send.to, send.message);
    if (auto lie = liar->second.says(send.to, send.message)) port.send(send.to, std::move(*lie));
  }
  void perform(const pbft_::Client::Send& send, Port& port) {  // a liar's user is honest
    port.send(send.to, send.message);
  }
  void perform(const pbft_::Replica::Executed& what, Port& port) {
    if (liars_.contains(port.self())) return;
    Sequence& last = executed_to_[port.self()];
    if (what.sequence <= last) world().fail("in_order", fmt::format("{} again", what.sequence), port.self());
    last = what.sequence;
    const std::pair request(what.request.client, what.request.timestamp);
    const auto [known, first] = order_.emplace(what.sequence, request);
    if (known->second != request) {
      world().fail("one_order", fmt::format("two requests at {}", what.sequence), port.self());
    }
    const auto [result, once] = results_.emplace(request, what.result);
    if (result->second != what.result) {
      world().fail("states_agree", fmt::format("{} and {}", what.result, result->second), port.self());
    }
  }
  void perform(const pbft_::Replica::Installed& what, Port& port) {
    executed_to_[port.self()] = what.sequence;
  }
  void perform(const pbft_::Replica::Entered& what, Port& port) {
    port.note([&] { return fmt::format("enters view {}", what.view); });
  }
  void perform(const pbft_::Client::Answered& what, Port& port) {
    const OperationId operation = asked_[port.self()].at(what.timestamp - 1);
    book().end(operation, port.world_now());
    if (liars_.contains(port.self())) return;
    const auto result = results_.find({port.self(), what.timestamp});
    if (result == results_.end() || result->second != what.result) {
      world().fail("the_client_is_told_the_truth", what.result, port.self());
    }
  }

  std::size_t nodes_;
  std::uint64_t every_;
  bool counted_only_;
  std::map<NodeId, std::string> byzantine_;
  std::map<NodeId, classical::ToyNotary> notaries_;
  std::map<NodeId, PbftLiar> liars_;
  std::map<NodeId, pbft_::Durable> stored_;
  std::map<NodeId, std::vector<OperationId>> asked_;  // by client, in the order of its timestamps
  std::map<NodeId, Sequence> executed_to_;
  std::map<Sequence, std::pair<NodeId, std::uint64_t>> order_;
  std::map<std::pair<NodeId, std::uint64_t>, consensus::Value> results_;
};

}  // namespace

Protocol pbft() {
  Protocol p = named(classical::Pbft::identity);
  p.stands = Stands::of_crashes_and_links();
  p.stands.byzantine = {"silent", "equivocating", "lying", "forging"};
  p.stands.byzantine_limit = [](std::size_t n) { return (n - 1) / 3; };
  p.most_nodes = 31;
  p.sweep_most = 7;
  p.sizes = {4, 7, 10};
  p.takes = [](std::size_t n) { return n % 3 == 1; };
  p.rules = {"pbft_prepared_by_2f", "pbft_committed_by_2f_plus_1", "pbft_certificates_are_verified",
             "pbft_new_view_is_worked_out", "pbft_client_believes_f_plus_1"};
  p.theory = {
      messages_exactly("2N(N-1) among replicas", [](std::size_t n) { return 2 * real(n) * (real(n) - 1); }),
      delay_exactly("5T", [](std::size_t) { return 5.0; })};
  return describe<PbftModel>(std::move(p));
}

}  // namespace coord::catalogue
