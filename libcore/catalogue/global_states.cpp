// SPDX-License-Identifier: MIT
// Snapshots and termination detection, as dsim knows them.
//
// A snapshot is an operation; it is over when all nodes have recorded their parts. Meanwhile the nodes pay
// each other at random, and who was paid may pay on. Options:
//   pays   1>2:30@5,2>3:20@10.5  these payments, amount and time in ms, and no others
// Termination is an operation too: each node begins with some work, which it does or hands over to others,
// and the node that is asked must say when none is left anywhere. Options:
//   work   0: none is there at first
#include <cstdio>

#include "base/format.hpp"
#include "base/random.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/snapshot.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using snapshot::Amount;
using snapshot::Hand;
using snapshot::Handed;
using snapshot::Recorded;

constexpr Amount balance = 100;

std::string option(const Setup& setup, const char* name) {
  const auto found = setup.options.find(name);
  return found == setup.options.end() ? "" : found->second;
}

struct Payment {
  NodeId from, to;
  Amount amount = 0;
  Duration at{};
};
std::vector<Payment> payments_of(const std::string& text) {
  std::vector<Payment> all;
  const char* rest = text.c_str();
  int read = 0;
  unsigned long long from = 0, to = 0, amount = 0;
  double at = 0;
  while (std::sscanf(rest, "%llu>%llu:%llu@%lf%n", &from, &to, &amount, &at, &read) == 4) {
    all.push_back({NodeId{from}, NodeId{to}, amount, Duration(static_cast<Duration::rep>(at * 1e6))});
    rest += read;
    if (*rest == ',') ++rest;
  }
  return all;
}

// What one whole snapshot of all says, by node.
class Cut {
 public:
  void add(NodeId node, const Recorded& part) { parts_[node] = part; }
  std::size_t size() const { return parts_.size(); }
  Amount total() const {
    Amount sum = 0;
    for (const auto& [node, part] : parts_) {
      sum += part.state;
      for (const auto& [from, amounts] : part.on_way)
        for (const Amount amount : amounts) sum += amount;
    }
    return sum;
  }
  // Of each channel, what was sent was received or is on its way. Empty if so.
  std::string inconsistent() const {
    for (const auto& [from, sender] : parts_) {
      for (const auto& [to, receiver] : parts_) {
        const std::uint64_t sent = at(sender.sent, to), received = at(receiver.received, from);
        const auto found = receiver.on_way.find(from);
        const std::uint64_t on_way = found == receiver.on_way.end() ? 0 : found->second.size();
        if (sent != received + on_way)
          return fmt::format("of {} from {} to {} {} received, {} on their way", sent, from.value, to.value,
                             received, on_way);
      }
    }
    return "";
  }

 private:
  static std::uint64_t at(const snapshot::Counts& counts, NodeId node) {
    const auto found = counts.find(node);
    return found == counts.end() ? 0 : found->second;
  }
  std::map<NodeId, Recorded> parts_;
};

// One object at each node, for all operations: instance 0.
template <class Of>
struct SnapshotModel : InstanceModel<SnapshotModel<Of>, typename Of::Core> {
  using Algorithm = Of;
  using Core = typename Algorithm::Core;
  using Base = InstanceModel<SnapshotModel, Core>;
  using typename Base::Input;
  using typename Base::Node;
  using typename Base::Port;
  using typename Base::Stored;

  explicit SnapshotModel(const Setup& setup)
      : Base(setup), payments_(payments_of(option(setup, "pays"))), random_(setup.seed ^ 0x70617973U) {}

  Core make(NodeId self, Instance, Instant now, const Stored*) {
    return this->template made<Algorithm>(self, now, 0, {{"balance", std::to_string(balance)}});
  }
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    for (const Payment& payment : payments_) {
      if (payment.from == port.self()) port.after(payment.at, Input{0, Hand{payment.to, payment.amount}});
    }
    return Base::start(now, port);
  }
  void ask(OperationId operation, NodeId node) override {
    this->begin_at(operation, node, number_of_next(node));
    pay_around();
    this->tell(node, 0, typename Core::Begin{});
    pay_around();
  }
  void said(NodeId self, Instance, const Handed& what) {
    if (!payments_.empty() || random_.below(10) < 4) return;
    pay(self, random_.below(what.amount + 1));
  }
  void said(NodeId self, Instance, const Recorded& what) {
    Cut& cut = cuts_[what.snapshot];
    cut.add(self, what);
    if (cut.size() < this->nodes()) return;
    if (cut.total() != balance * this->nodes())
      this->object("money_is_conserved", std::to_string(cut.total()), self);
    if (const std::string why = cut.inconsistent(); !why.empty())
      this->object("cut_is_consistent", why, self);
    settle(what.snapshot);
    cuts_.erase(what.snapshot);
  }

 private:
  // By which its snapshot will be known. Where all count together, whoever is faster has begun it for both.
  Instance number_of_next(NodeId node) {
    if constexpr (requires(const Core& core) { core.colour(); }) {
      const Core* core = this->core_at(node, 0);
      return core ? core->colour() + 1 : 1;
    } else {
      return ++begun_[node];
    }
  }
  void settle(const snapshot::Id& snapshot) {
    for (std::size_t i = 1; i <= this->nodes(); ++i) {
      if (snapshot.initiator.value == 0 || snapshot.initiator == NodeId{i})
        this->settle_at(NodeId{i}, snapshot.number);
    }
  }
  void pay_around() {
    if (!payments_.empty()) return;
    for (std::size_t i = 0; i < this->nodes(); ++i)
      pay(NodeId{1 + random_.below(this->nodes())}, 1 + random_.below(20));
  }
  void pay(NodeId from, Amount amount) {
    const NodeId to{1 + (from.value + random_.below(this->nodes() - 1)) % this->nodes()};
    this->tell(from, 0, Hand{to, amount});
  }

  std::vector<Payment> payments_;
  Random random_;
  std::map<NodeId, Instance> begun_;
  std::map<snapshot::Id, Cut> cuts_;
};

Theory one_a_channel(const char* type) {
  Theory theory = messages_exactly("N(N-1)", [](std::size_t n) { return real(n) * (real(n) - 1); });
  theory.types = {type};
  return theory;
}

Protocol chandy_lamport() {
  Protocol p = named(classical::ChandyLamport::identity);
  p.stands.reordering = false;
  p.rules = {"cl_marker_before_the_next_message", "cl_marker_closes_its_channel",
             "cl_state_at_the_first_marker", "cl_snapshots_are_told_apart"};
  p.theory = {one_a_channel("marker")};
  return describe<SnapshotModel<classical::ChandyLamport>>(std::move(p));
}

Protocol lai_yang() {
  Protocol p = named(classical::LaiYang::identity);
  p.rules = {"ly_records_before_a_later_colour", "ly_overtaken_is_on_its_way",
             "ly_waits_for_all_that_was_sent"};
  p.theory = {one_a_channel("count")};
  return describe<SnapshotModel<classical::LaiYang>>(std::move(p));
}

// ---- termination

// Each operation begins with work of its own at each node.
struct TerminationModel : InstanceModel<TerminationModel, snapshot::FourCounters> {
  using Algorithm = classical::FourCounters;
  using Core = Algorithm::Core;

  explicit TerminationModel(const Setup& setup)
      : InstanceModel(setup), idle_(option(setup, "work") == "0"), random_(setup.seed ^ 0x776f726bU) {}

  Core make(NodeId self, Instance instance, Instant now, const Stored*) {
    return made<Algorithm>(self, now, 0, {{"work", std::to_string(work_of(self, instance))}});
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation);
    for (std::size_t i = 1; i <= nodes(); ++i) {
      to_do_[operation] += work_of(NodeId{i}, operation);
      tell(NodeId{i}, operation, Core::Tick{});  // it begins with its work
    }
    tell(node, operation, Core::Begin{});
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    port_ = &port;
    const Core* core = core_at(port.self(), input.instance);
    if (std::holds_alternative<Core::Finish>(input.event) && core && core->work() > 0)
      --to_do_[input.instance];
    if (std::holds_alternative<Core::Tick>(input.event))
      work_on(input.instance, work_of(port.self(), input.instance));
    InstanceModel::on_input(node, now, std::move(input), port);
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    port_ = &port;
    InstanceModel::on_message(node, now, from, std::move(message), port);
  }
  void said(NodeId, Instance instance, const Handed& what) { work_on(instance, what.amount); }
  void said(NodeId self, Instance instance, const Core::Terminated&) {
    if (to_do_[instance] != 0) object("all_work_is_done", fmt::format("{} are left", to_do_[instance]), self);
    settle_at(self, instance);
  }

 private:
  Amount work_of(NodeId node, Instance instance) const {
    return idle_ ? 0 : Random(seed_of(node, instance)).below(8);
  }
  // Some of it is done here after a while, the rest is handed over, in parts.
  void work_on(Instance instance, Amount units) {
    const NodeId self = port_->self();
    while (units > 0) {
      const Amount part = 1 + random_.below(units);
      units -= part;
      // What is handed over goes on soon: then few are at work, and much is on its way.
      const bool hands_over = random_.below(3) != 0;
      const Duration after = random_.between(0ms, hands_over ? 5ms : 200ms);
      if (hands_over) {
        const NodeId to{1 + (self.value + random_.below(nodes() - 1)) % nodes()};
        port_->after(after, Input{instance, Hand{to, part}});
      } else {
        for (Amount i = 0; i < part; ++i) port_->after(after, Input{instance, Core::Finish{}});
      }
    }
  }

  bool idle_;
  Random random_;
  Port* port_ = nullptr;  // of the step that is being made
  std::map<Instance, Amount> to_do_;
};

Protocol four_counters() {
  Protocol p = named(classical::FourCounters::identity);
  p.rules = {"fc_two_waves", "fc_all_were_idle", "fc_received_by_the_first_is_sent_by_the_second"};
  Theory theory =
      messages_exactly("4(N-1) when all is done", [](std::size_t n) { return 4 * (real(n) - 1); });
  theory.prepare = [](Setup& setup) { setup.options["work"] = "0"; };
  p.theory = {std::move(theory)};
  return describe<TerminationModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> global_states() {
  std::vector<Protocol> protocols = {chandy_lamport(), lai_yang(), four_counters()};
  for (Protocol& protocol : protocols) {
    protocol.family = "global states";
    protocol.stands.kinds = Stands::of_time();
  }
  return protocols;
}

}  // namespace coord::catalogue
