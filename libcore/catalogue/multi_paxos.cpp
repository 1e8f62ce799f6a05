// SPDX-License-Identifier: MIT
// Multi-Paxos, as dsim knows it.
#include "base/format.hpp"
#include "catalogue/ballot_watch.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/consensus.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using consensus::Ballot;

struct MultiPaxosModel
    : InstanceModel<MultiPaxosModel, consensus::MultiPaxos, consensus::MultiPaxos::Durable> {
  using Algorithm = classical::MultiPaxos;
  using Core = Algorithm::Core;
  using Slot = Core::Slot;
  bool never_idle() const override { return true; }  // heartbeats
  explicit MultiPaxosModel(const Setup& setup)
      : InstanceModel(setup), watch_(setup.nodes), hurried_(!setup.faults.empty()) {}

  static void apply(Core::Durable& stored, const Core::PersistPromise& what) {
    Algorithm::apply(stored, what);
  }
  static void apply(Core::Durable& stored, const Core::PersistVote& what) { Algorithm::apply(stored, what); }
  // A log is there from the beginning, not from the first message on.
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    delivered_to_.erase(port.self());
    auto node = InstanceModel::start(now, port);
    if (node && (*node)->cores.empty()) put(**node, 0, make(port.self(), 0, now, nullptr));
    return node;
  }
  Core make(NodeId self, Instance, Instant now, const Core::Durable* restored) {
    std::map<std::string, std::string> options;
    if (hurried_) options = {{"heartbeat_ms", "30"}, {"election_low_ms", "80"}, {"election_high_ms", "200"}};
    return made<Algorithm>(self, now, seed_of(self, ++lives_), std::move(options), restored);
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation + 1);
    tell(node, 0, Core::Submit{operation + 1, fmt::format("v{}", operation)});
  }
  static std::string named(const consensus::Command& command) {
    return fmt::format("{}#{}", command.origin.value, command.sequence);
  }
  void judge(const BallotWatch::Objection& objection, NodeId self) {
    if (objection.check) object(objection.check, objection.why, self);
  }
  void persisting(NodeId self, Instance, const Core::Durable& before, const Core::PersistPromise& what) {
    if (what.promised < before.promised) object("promised_is_monotone", what.promised.text(), self);
  }
  void persisting(NodeId self, Instance, const Core::Durable& before, const Core::PersistVote& what) {
    if (what.promised < before.promised) object("promised_is_monotone", what.promised.text(), self);
    const auto old = before.accepted.find(what.vote.slot);
    const Ballot last = old == before.accepted.end() ? Ballot{} : old->second.ballot;
    if (what.vote.ballot != last)
      judge(watch_.accepted(self, what.vote.slot, last, what.vote.ballot, named(what.vote.command)), self);
  }
  void said(NodeId self, Instance, const Core::Delivered& what) {
    judge(watch_.decided(what.slot, named(what.command)), self);
    Slot& last = delivered_to_[self];
    if (what.slot <= last) object("in_order", fmt::format("slot {} again", what.slot), self);
    last = what.slot;
    const auto [known, first] = log_.emplace(what.slot, what.command);
    if (known->second != what.command) {
      object("logs_agree", fmt::format("slot {} holds two commands", what.slot), self);
    }
    const auto [place, once] =
        place_of_.emplace(std::pair(what.command.origin, what.command.sequence), what.slot);
    if (place->second != what.slot) object("once", "a command was delivered in two places", self);
    if (what.command.origin == self) settle_at(self, what.command.sequence);
  }
  void said(NodeId, Instance, const Core::Leads&) {}
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

}  // namespace

Protocol multi_paxos() {
  Protocol p = named(classical::MultiPaxos::identity);
  p.stands = Stands::of_crashes_and_links();
  p.rules = {"mp_accept_raises_the_promise", "mp_highest_accepted_command",    "mp_gaps_are_filled",
             "mp_promise_names_its_ballot",  "mp_a_command_is_delivered_once", "mp_ballots_survive_restarts",
             "mp_lower_ballots_refused"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2(N-1) + N-1 to tell, 1 to reach the leader",
               [](std::size_t n) {
                 return Range{3 * (real(n) - 1), 3 * (real(n) - 1) + (n > 1 ? 1 : 0)};
               }}};
  return describe<MultiPaxosModel>(std::move(p));
}

}  // namespace coord::catalogue
