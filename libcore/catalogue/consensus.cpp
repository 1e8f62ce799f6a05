// Agreement among nodes that crash, as dsim knows it.
#include "catalogue/ballot_watch.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "protocol/consensus/ben_or.hpp"
#include "protocol/consensus/exchange.hpp"
#include "protocol/consensus/multi_paxos.hpp"
#include "protocol/consensus/paxos.hpp"

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
        shared_((setup.load == Load::one_by_one || !setup.asks.empty()) && !setup.options.contains("backoff")
                    ? 1
                    : 8) {}

 protected:
  // So many operations that follow each other propose different values for one agreement.
  Instance instance_of(OperationId operation) const { return operation / shared_; }

  Value proposes(OperationId operation, Instance instance) {
    const Value value = "v" + std::to_string(operation);
    proposed_[instance].insert(value);
    return value;
  }
  void decided(NodeId self, Instance instance, const Value& value) {
    const auto [known, first] = decided_.emplace(instance, value);
    if (known->second != value) {
      this->object("agreement", value + " after " + known->second + " was decided", self);
    }
    if (!proposed_[instance].contains(value)) {
      this->object("validity", value + " was decided and never proposed", self);
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
  using Core = consensus::Paxos;
  explicit PaxosModel(const Setup& setup)
      : AgreementModel(setup),
        watch_(setup.nodes),
        never_backs_off_(setup.options.contains("backoff") && setup.options.at("backoff") == "none") {}

  Core make(NodeId self, Instance instance, Instant, const Core::Durable* restored) {
    Core::Config config{Group::numbered(self, nodes()), seed_of(self, instance), 300ms, 40ms};
    if (never_backs_off_) config.retry = config.backoff = {};
    return restored ? Core(config, *restored) : Core(config);
  }
  void ask(OperationId operation, NodeId node) {
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
  std::string_view type_of(const Message& message) const {
    static constexpr std::string_view names[] = {"prepare",  "promise",  "accept",
                                                 "accepted", "rejected", "chosen"};
    return names[message.body.index()];
  }

  BallotWatch watch_;
  bool never_backs_off_;
  std::uint64_t lives_ = 0;
};

Stands of_crashes_and_links() {
  Stands stands;
  stands.kinds = Stands::of_links();
  stands.kinds.insert({sim::FaultKind::process_crash, sim::FaultKind::crash_in_call});
  stands.lossy_links = true;
  return stands;
}

Protocol paxos() {
  Protocol p;
  p.name = "paxos";
  p.summary = "a majority promises, then accepts the value of the highest ballot it knows (Lamport 1998)";
  p.stands = of_crashes_and_links();
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
  using Core = consensus::PromiseExchange;
  explicit ExchangeModel(const Setup& setup) : AgreementModel(setup) {}

  Core make(NodeId self, Instance, Instant, const Stored*) { return Core({Group::numbered(self, nodes())}); }
  void ask(OperationId operation, NodeId node) {
    const Instance instance = operation;  // a second proposer is what it does not stand
    const Value value = proposes(operation, instance);
    begin_at(operation, node, instance);
    tell(node, instance, consensus::Propose{value});
  }
  void said(NodeId self, Instance instance, const consensus::Decided& what) {
    decided(self, instance, what.value);
  }
  void said(NodeId, Instance, const Core::Completed&) {}
  std::string_view type_of(const Message& message) const {
    static constexpr std::string_view names[] = {"propose", "promise", "commit", "acknowledge"};
    return names[message.body.index()];
  }
};

Protocol exchange() {
  Protocol p;
  p.name = "promise-exchange";
  p.summary = "propose, promise, commit as often drawn: right with one proposer only; see paxos";
  p.stands.kinds = Stands::of_time();
  p.theory = {messages_exactly("4(N-1)", [](std::size_t n) { return 4 * (real(n) - 1); }),
              delay_exactly("2T", [](std::size_t n) { return n > 1 ? 2.0 : 0.0; })};
  return describe<ExchangeModel>(std::move(p));
}

// ---- Multi-Paxos

struct MultiPaxosModel
    : InstanceModel<MultiPaxosModel, consensus::MultiPaxos, consensus::MultiPaxos::Durable> {
  using Core = consensus::MultiPaxos;
  using Slot = Core::Slot;
  static constexpr bool never_idle = true;  // heartbeats
  explicit MultiPaxosModel(const Setup& setup)
      : InstanceModel(setup), watch_(setup.nodes), hurried_(!setup.faults.empty()) {}

  static void apply(Core::Durable& stored, const Core::PersistPromise& what) {
    stored.round = what.round;
    stored.promised = what.promised;
  }
  static void apply(Core::Durable& stored, const Core::PersistVote& what) {
    stored.promised = what.promised;
    stored.accepted[what.vote.slot] = what.vote;
  }
  // A log is there from the beginning, not from the first message on.
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    delivered_to_.erase(port.self());
    auto node = InstanceModel::start(now, port);
    if (node && (*node)->cores.empty()) put(**node, 0, make(port.self(), 0, now, nullptr));
    return node;
  }
  Core make(NodeId self, Instance, Instant now, const Core::Durable* restored) {
    Core::Config config;
    config.group = Group::numbered(self, nodes());
    config.seed = seed_of(self, ++lives_);
    if (hurried_) {
      config.heartbeat = 30ms;
      config.election_low = 80ms;
      config.election_high = 200ms;
    }
    return restored ? Core(now, config, *restored) : Core(now, config);
  }
  void ask(OperationId operation, NodeId node) {
    begin_at(operation, node, operation + 1);
    tell(node, 0, Core::Submit{operation + 1, "v" + std::to_string(operation)});
  }
  static std::string named(const consensus::Command& command) {
    return std::to_string(command.origin.value) + "#" + std::to_string(command.sequence);
  }
  void judge(const BallotWatch::Objection& objection, NodeId self) {
    if (objection.check) object(objection.check, objection.why, self);
  }
  void persisted(NodeId self, Instance, const Core::Durable& before, const Core::Durable& now) {
    if (now.promised < before.promised) object("promised_is_monotone", now.promised.text(), self);
    for (const auto& [slot, vote] : now.accepted) {
      const auto old = before.accepted.find(slot);
      const Ballot last = old == before.accepted.end() ? Ballot{} : old->second.ballot;
      if (vote.ballot != last)
        judge(watch_.accepted(self, slot, last, vote.ballot, named(vote.command)), self);
    }
  }
  void said(NodeId self, Instance, const Core::Delivered& what) {
    judge(watch_.decided(what.slot, named(what.command)), self);
    Slot& last = delivered_to_[self];
    if (what.slot <= last) object("in_order", "slot " + std::to_string(what.slot) + " again", self);
    last = what.slot;
    const auto [known, first] = log_.emplace(what.slot, what.command);
    if (known->second != what.command) {
      object("logs_agree", "slot " + std::to_string(what.slot) + " holds two commands", self);
    }
    const auto [place, once] =
        place_of_.emplace(std::pair(what.command.origin, what.command.sequence), what.slot);
    if (place->second != what.slot) object("once", "a command was delivered in two places", self);
    if (what.command.origin == self) settle_at(self, what.command.sequence);
  }
  void said(NodeId, Instance, const Core::Leads&) {}
  std::string_view type_of(const Message& message) const {
    static constexpr std::string_view names[] = {"prepare", "promise",   "accept",  "accepted", "rejected",
                                                 "chosen",  "heartbeat", "missing", "forward"};
    return names[message.body.index()];
  }
  // The pulse and the election are no operation's: they are not counted.
  void on_send(NodeId from, NodeId to, const Message& message) {
    const auto& what = message.body;
    const bool background =
        std::holds_alternative<Core::Heartbeat>(what) || std::holds_alternative<Core::Prepare>(what) ||
        std::holds_alternative<Core::Promise>(what) || std::holds_alternative<Core::Rejected>(what);
    if (!background) Model::on_send(from, to, message);
  }

  BallotWatch watch_;
  bool hurried_;  // under faults: more elections, which is where it may go wrong
  std::uint64_t lives_ = 0;
  std::map<NodeId, Slot> delivered_to_;
  std::map<Slot, consensus::Command> log_;
  std::map<std::pair<NodeId, std::uint64_t>, Slot> place_of_;
};

Protocol multi_paxos() {
  Protocol p;
  p.name = "multi-paxos";
  p.summary = "phase 1 once for all places of a log, then one round trip a command (Lamport 1998)";
  p.stands = of_crashes_and_links();
  p.rules = {"mp_accept_raises_the_promise", "mp_highest_accepted_command",    "mp_gaps_are_filled",
             "mp_promise_names_its_ballot",  "mp_a_command_is_delivered_once", "mp_ballots_survive_restarts",
             "mp_lower_ballots_refused"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2(N-1) + N-1 to tell, 1 to reach the leader",
               [](std::size_t n) {
                 return Range{3 * (real(n) - 1), 3 * (real(n) - 1) + (n > 1 ? 1 : 0)};
               }}};
  return describe<MultiPaxosModel>(std::move(p));
}

// ---- Ben-Or

struct BenOrModel : InstanceModel<BenOrModel, consensus::BenOr> {
  using Core = consensus::BenOr;
  explicit BenOrModel(const Setup& setup)
      : InstanceModel(setup),
        alike_(setup.load == Load::one_by_one),
        lossy_(!setup.faults.empty() || setup.link.drop > 0),
        random_(setup.seed ^ 0x62697473U) {}

  std::size_t crashes() const { return (nodes() - 1) / 2; }
  Core make(NodeId self, Instance instance, Instant, const Stored*) {
    return Core({Group::numbered(self, nodes()), crashes(), seed_of(self, instance), lossy_ ? 100ms : 0ms});
  }
  void ask(OperationId operation, NodeId node) {
    begin_at(operation, node, operation);
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const bool bit = !alike_ && random_.chance(0.5);
      begun_with_[operation].insert(bit);
      tell(NodeId{i}, operation, Core::Begin{bit});
    }
  }
  void said(NodeId self, Instance instance, const Core::DecidedBit& what) {
    const auto [known, first] = decided_.emplace(instance, what.bit);
    if (known->second != what.bit) object("agreement", "0 and 1 were decided", self);
    if (!begun_with_[instance].contains(what.bit)) object("validity", "a bit that nobody had", self);
    settle_at(self, instance, what.round);
  }
  void said(NodeId, Instance, const Core::Tossed&) {}
  std::optional<std::string> at_end() {
    if (crashed().size() > crashes()) return std::nullopt;
    return Model::at_end();
  }
  std::string_view type_of(const Message& message) const {
    const auto* say = std::get_if<Core::Say>(&message.body);
    return !say ? "decision" : say->proposal ? "proposal" : "report";
  }

  bool alike_, lossy_;
  Random random_;
  std::map<Instance, std::set<bool>> begun_with_;
  std::map<Instance, bool> decided_;
};

Protocol ben_or() {
  Protocol p;
  p.name = "ben-or";
  p.summary = "reports, proposals and a coin: no assumption on time (Ben-Or 1983)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert({sim::FaultKind::process_crash, sim::FaultKind::crash_in_call});
  p.stands.lossy_links = true;
  p.least_nodes = 3;
  p.rules = {"ben_or_majority_of_all", "ben_or_one_proposal_binds", "ben_or_decide_by_f_plus_one",
             "ben_or_one_vote_a_node"};
  const auto cost = [](std::size_t n) { return 3 * real(n) * (real(n) - 1); };
  p.theory = {messages_exactly("2N(N-1) a round, N(N-1) to tell; all alike: one round", cost),
              delay_exactly("2T a round; all alike: one round", [](std::size_t) { return 2.0; })};
  return describe<BenOrModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> consensus() {
  std::vector<Protocol> protocols = {exchange(), paxos(), multi_paxos(), ben_or()};
  for (Protocol& protocol : protocols) protocol.family = "consensus";
  return protocols;
}

}  // namespace coord::catalogue
