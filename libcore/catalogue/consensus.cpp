// SPDX-License-Identifier: MIT
// Agreement among nodes that crash, as dsim knows it.
#include "classical/consensus.hpp"

#include "base/format.hpp"
#include "catalogue/ballot_watch.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using consensus::Ballot;
using consensus::Value;

// Agreement and validity, for any core that says Decided.
template <class Derived, class Core, class Durable = void>
class AgreementModel : public InstanceModel<Derived, Core, Durable> {
 public:
  explicit AgreementModel(const Setup& setup)
      : InstanceModel<Derived, Core, Durable>(setup),
        shared_((setup.load == Load::one_by_one || !setup.asks.empty()) && !setup.options.contains("rivals")
                    ? 1
                    : 8) {}

 protected:
  // So many operations that follow each other propose different values for one agreement: where the load
  // makes them meet, or a story asks for rivals.
  Instance instance_of(OperationId operation) const { return operation / shared_; }

  Value proposes(OperationId operation, Instance instance) {
    const Value value = fmt::format("v{}", operation);
    proposed_[instance].insert(value);
    return value;
  }
  void decided(NodeId self, Instance instance, const Value& value) {
    const auto [known, first] = decided_.emplace(instance, value);
    if (known->second != value) {
      this->object("agreement", fmt::format("{} after {} was decided", value, known->second), self);
    }
    if (!proposed_[instance].contains(value)) {
      this->object("validity", fmt::format("{} was decided and never proposed", value), self);
    }
    this->settle_at(self, instance);
  }

 private:
  std::size_t shared_;
  std::map<Instance, std::set<Value>> proposed_;
  std::map<Instance, Value> decided_;
};

// ---- Paxos

struct PaxosModel : AgreementModel<PaxosModel, consensus::Paxos, consensus::Paxos::Durable> {
  using Algorithm = classical::Paxos;
  using Core = Algorithm::Core;
  explicit PaxosModel(const Setup& setup)
      : AgreementModel(setup),
        watch_(setup.nodes),
        never_backs_off_(setup.options.contains("backoff") && setup.options.at("backoff") == "none") {}

  Core make(NodeId self, Instance instance, Instant now, const Core::Durable* restored) {
    std::map<std::string, std::string> options;
    if (never_backs_off_) options = {{"retry_ms", "0"}, {"backoff_ms", "0"}};
    return made<Algorithm>(self, now, seed_of(self, instance), std::move(options), restored);
  }
  void ask(OperationId operation, NodeId node) override {
    const Instance instance = instance_of(operation);
    const Value value = proposes(operation, instance);
    begin_at(operation, node, instance);
    const Core* core = core_at(node, instance);
    if (core && core->chosen()) return settle_at(node, instance);
    tell(node, instance, consensus::Propose{value});
  }
  // The user of one who was interrupted asks again, for something else.
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    auto node = InstanceModel::start(now, port);
    if (!node) return node;
    ++lives_;
    for (const auto& [instance, core] : (*node)->cores) {
      if (core.chosen() || !core.durable().round) continue;
      const OperationId again = 1000 * lives_ + instance;
      tell(port.self(), instance, consensus::Propose{proposes(again, instance)});
    }
    return node;
  }
  void said(NodeId self, Instance instance, const consensus::Decided& what) {
    judge(watch_.decided(instance, what.value), self);
    decided(self, instance, what.value);
  }
  void persisted(NodeId self, Instance instance, const Core::Durable& before, const Core::Durable& now) {
    if (now.promised < before.promised) object("promised_is_monotone", now.promised.text(), self);
    if (!now.accepted || now.accepted == before.accepted) return;
    judge(watch_.accepted(self, instance, before.accepted, now.accepted, now.value), self);
  }
  void judge(const BallotWatch::Objection& objection, NodeId self) {
    if (objection.check) object(objection.check, objection.why, self);
  }

  BallotWatch watch_;
  bool never_backs_off_;
  std::uint64_t lives_ = 0;
};

Protocol paxos() {
  Protocol p = named(classical::Paxos::identity);
  p.stands = Stands::of_crashes_and_links();
  p.rules = {"paxos_accept_raises_the_promise",  "paxos_accept_obeys_the_promise",
             "paxos_highest_accepted_value",     "paxos_ballots_survive_restarts",
             "paxos_durable_before_the_answer",  "paxos_answer_names_its_ballot",
             "paxos_acceptance_names_its_ballot"};
  p.theory = {messages_exactly("4(N-1) + N-1 to tell", [](std::size_t n) { return 5 * (real(n) - 1); }),
              delay_exactly("4T", [](std::size_t n) { return n > 1 ? 4.0 : 0.0; })};
  return describe<PaxosModel>(std::move(p));
}

// ---- the exchange as drawn

struct ExchangeModel : AgreementModel<ExchangeModel, consensus::PromiseExchange> {
  using Algorithm = classical::Exchange;
  using Core = Algorithm::Core;
  explicit ExchangeModel(const Setup& setup)
      : AgreementModel(setup), rivals_(setup.options.contains("rivals")) {}

  Core make(NodeId self, Instance, Instant now, const Stored*) { return made<Algorithm>(self, now, 0, {}); }
  void ask(OperationId operation, NodeId node) override {
    // A second proposer is what it does not stand.
    const Instance instance = rivals_ ? instance_of(operation) : operation;
    const Value value = proposes(operation, instance);
    begin_at(operation, node, instance);
    tell(node, instance, consensus::Propose{value});
  }
  void said(NodeId self, Instance instance, const consensus::Decided& what) {
    decided(self, instance, what.value);
    const Core* core = core_at(self, instance);
    const bool proposes = book().operation(instance).node == self;
    if (proposes && core && 2 * core->promised().size() <= nodes())
      object("decided_by_a_majority", fmt::format("{} promises", core->promised().size()), self);
  }
  void said(NodeId self, Instance instance, const Core::Completed&) {
    if (const NodeId node = undecided(instance); node.value != 0)
      object("complete_when_all_know", fmt::format("node {} does not", node.value), self);
  }
  std::optional<std::string> at_end() override {
    for (Instance instance = 0; instance < book().operations().size(); ++instance) {
      if (const NodeId node = undecided(instance); node.value != 0)
        return fmt::format("node {} never learnt the decision", node.value);
    }
    return Model::at_end();
  }

 private:
  bool rivals_;
  NodeId undecided(Instance instance) const {  // one that has not; 0: all have
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const Core* core = core_at(NodeId{i}, instance);
      if (!core || !core->decided()) return NodeId{i};
    }
    return NodeId{};
  }
};

Protocol exchange() {
  Protocol p = named(classical::Exchange::identity);
  p.stands.kinds = Stands::of_time();
  p.rules = {"exchange_majority_promises", "exchange_commit_goes_to_all", "exchange_complete_when_all_know"};
  p.theory = {messages_exactly("4(N-1)", [](std::size_t n) { return 4 * (real(n) - 1); }),
              delay_exactly("2T", [](std::size_t n) { return n > 1 ? 2.0 : 0.0; })};
  return describe<ExchangeModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> consensus() {
  std::vector<Protocol> protocols = {exchange(), paxos(), multi_paxos(), ben_or()};
  for (Protocol& protocol : protocols) protocol.family = "consensus";
  return protocols;
}

}  // namespace coord::catalogue
