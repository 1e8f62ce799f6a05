// SPDX-License-Identifier: MIT
// The bully algorithm, as dsim knows it.
#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/runner.hpp"
#include "classical/leader_election.hpp"

namespace coord::catalogue {

namespace {

// An operation: a user suspects the coordinator; it is over when his node knows who leads.
struct BullyModel : Model<BullyModel> {
  struct Node {
    election::Bully process;
    std::vector<OperationId> asked{};
  };
  using Message = election::Bully::Message;
  using Input = OperationId;
  using Job = sim::NoJob;
  using Port = sim::Port<BullyModel>;

  // Clocks may run a tenth too fast: so half as much again.
  explicit BullyModel(const Setup& setup) : nodes_(setup.nodes), answer_time_(3 * setup.link.delay_high) {}

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.options = {{"answer_ms", classical::milliseconds(answer_time_)}};
    if (!up_since_.contains(port.self())) setup.options["leader"] = std::to_string(nodes_);
    up_since_[port.self()] = port.world_now();
    return std::unique_ptr<Node>(new Node{classical::make_core<classical::Bully>(setup).value()});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    perform(node, node.process.step(now, election::Bully::Receive{from, message}), port);
  }
  void on_input(Node& node, Instant now, OperationId operation, Port& port) {
    port.note([] { return "suspects the coordinator"; });
    book().begin(operation, port.world_now());
    node.asked.push_back(operation);
    perform(node, node.process.step(now, election::Bully::Suspect{}), port);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.process.deadline(); }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node, node.process.step(now, election::Bully::Tick{}), port);
  }
  std::string_view type_of(const Message& message) const { return classical::Bully::type_of(message); }
  std::string describe(const Message& message) const { return classical::Bully::describe(message); }

  void ask(OperationId operation, NodeId node) override { world().input(node, operation); }
  void watch() override {
    world().add_check("only_the_highest_announces", [this](const World&, NodeId) { return usurper_; });
  }
  std::optional<std::string> at_end() override {
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = world().node(NodeId{i});
      if (node != nullptr && node->process.leader() != NodeId{nodes_} &&
          world().node(NodeId{nodes_}) != nullptr)
        return fmt::format("node {} does not follow the highest", i);
    }
    return Model::at_end();
  }

 private:
  void perform(Node& node, const election::Bully::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<election::Bully::Send>(&action)) {
        port.send(send->to, send->message);
        continue;
      }
      const NodeId leader = std::get<election::Bully::Led>(action).leader;
      port.note([&] { return leader == port.self() ? "leads" : fmt::format("follows {}", leader.value); });
      if (leader == port.self()) judge(leader, port.world_now());
      for (const OperationId operation : std::exchange(node.asked, {})) {
        book().answer(operation, port.world_now(), leader.value);
        book().end(operation, port.world_now());
      }
    }
  }

  // A higher one that was up all the time since it was asked must have answered.
  void judge(NodeId leader, Instant now) {
    for (std::size_t i = static_cast<std::size_t>(leader.value) + 1; i <= nodes_; ++i) {
      if (world().node(NodeId{i}) != nullptr && up_since_[NodeId{i}] + 2 * answer_time_ < now)
        usurper_ = fmt::format("node {} lives", i);
    }
  }

  std::size_t nodes_;
  Duration answer_time_;
  std::map<NodeId, Instant> up_since_;
  std::optional<std::string> usurper_;
};

Theory when_it_notices(std::string formula, bool lowest, double (*value)(double)) {
  return {Theory::Measure::all_messages,
          Load::spread,
          std::move(formula),
          [value](std::size_t n) {
            return Range{value(static_cast<double>(n)), value(static_cast<double>(n))};
          },
          {},
          [lowest](Setup& setup) {
            setup.asks = {{Instant{}, NodeId{lowest ? 1 : setup.nodes}, {}}};
          }};
}

}  // namespace

Protocol bully() {
  Protocol p = named(classical::Bully::identity);
  p.stands.kinds = {sim::FaultKind::process_crash, sim::FaultKind::clock_rate};
  p.stands.reordering = false;
  p.rules = {"bully_answer_ends_the_candidacy", "bully_asks_all_above", "bully_waits_only_so_long",
             "bully_late_announcement_is_void"};
  p.theory = {when_it_notices("N^2-1 if the lowest notices", true, [](double n) { return n * n - 1; }),
              when_it_notices("N-1 if the highest does", false, [](double n) { return n - 1; })};
  return describe<BullyModel>(std::move(p));
}

}  // namespace coord::catalogue
