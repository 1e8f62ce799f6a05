// SPDX-License-Identifier: MIT
// Atomic commitment, as dsim knows it. Each operation is one transaction; who is asked coordinates it.
#include "classical/atomic_commit.hpp"

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using commit::Outcome;

// AC1 to AC5 of protocol/commit/types.hpp.
template <class Derived, class Core>
class CommitModel : public InstanceModel<Derived, Core, typename Core::Durable> {
 public:
  using Base = InstanceModel<Derived, Core, typename Core::Durable>;
  explicit CommitModel(const Setup& setup)
      : Base(setup),
        no_faults_(setup.faults.empty() && setup.link.drop == 0),
        all_vote_yes_(setup.load == Load::one_by_one || !setup.asks.empty()) {}

  // Who is asked coordinates it.
  Core make_by(NodeId self, Instance instance, Instant now, std::map<std::string, std::string> options,
               const typename Core::Durable* restored) {
    options["coordinator"] = std::to_string(this->book().operation(instance).node.value);
    return this->template made<typename Derived::Algorithm>(self, now, this->seed_of(self, instance),
                                                            std::move(options), restored);
  }
  void ask(OperationId operation, NodeId node) override {
    this->begin_at(operation, node, operation);
    this->tell(node, operation, commit::Begin{});
  }
  void said(NodeId self, Instance instance, const commit::AskVote&) {
    const bool yes = all_vote_yes_ || votes_yes(self, instance);
    if (!yes) refused_.insert(instance);
    asked_[instance].insert(self);
    this->tell(self, instance, commit::Vote{yes});
  }
  void said(NodeId self, Instance instance, const commit::Decided& what) {
    const auto [known, first] = decided_.emplace(instance, what.outcome);
    if (known->second != what.outcome) this->object("ac1_all_decide_alike", "commit and abort", self);
    const auto [mine, once] = decided_at_.emplace(std::pair(self, instance), what.outcome);
    if (mine->second != what.outcome) this->object("ac2_a_decision_stays", "was reversed", self);
    if (what.outcome == Outcome::commit) may_commit(self, instance);
    if (what.outcome == Outcome::abort && no_faults_ && !refused_.contains(instance)) {
      this->object("ac4_yes_without_faults_commits", "aborted", self);
    }
    this->settle_at(self, instance, what.outcome == Outcome::commit ? 1 : 0);
  }
  template <class Other>
  void said(NodeId, Instance, const Other&) {}

  std::optional<std::string> at_end() override {
    if (auto missed = Model<Derived>::at_end()) return missed;
    this->world().run_for(30s);  // for whoever only asks now and then
    if (this->world().violation()) return std::nullopt;
    for (const auto& [instance, nodes] : asked_) stored_alike(instance);
    if (this->world().violation()) return std::nullopt;
    for (const auto& [instance, nodes] : asked_) {
      for (const NodeId node : nodes) {
        const Core* core = this->core_at(node, instance);
        const auto* self = static_cast<Derived*>(this);
        if (!core || core->outcome() != Outcome::undecided || !self->must_end(node, instance, *core))
          continue;
        return fmt::format("transaction {} is undecided at node {}", instance, node.value);
      }
    }
    return std::nullopt;
  }

 private:
  // Also what a node logged and had no time to say.
  void stored_alike(Instance instance) {
    std::optional<Outcome> found;
    for (std::size_t i = 1; i <= this->nodes(); ++i) {
      const Core* core = this->core_at(NodeId{i}, instance);
      if (!core || core->outcome() == Outcome::undecided) continue;
      if (found && *found != core->outcome()) {
        this->object("ac1_all_decide_alike", "commit and abort are stored", NodeId{i});
      }
      found = core->outcome();
    }
  }
  bool votes_yes(NodeId self, Instance instance) const {
    return Random(this->seed_of(self, instance) ^ 0x766f7465U).chance(0.85);
  }
  // Nobody may have voted no, and whoever voted yes must still know it.
  void may_commit(NodeId self, Instance instance) {
    if (refused_.contains(instance)) this->object("ac3_commit_needs_all_votes", "one voted no", self);
    const NodeId coordinator = this->book().operation(instance).node;
    for (std::size_t i = 1; i <= this->nodes(); ++i) {
      const NodeId node{i};
      if (node == coordinator) continue;
      if (!asked_[instance].contains(node)) {
        this->object("ac3_commit_needs_all_votes", "one was not asked", self);
      }
      const Core* core = this->core_at(node, instance);
      if (core && !static_cast<Derived*>(this)->ready(*core)) {
        this->object("yes_is_not_forgotten", fmt::format("node {} knows of no yes", i), self);
      }
    }
  }

  bool no_faults_, all_vote_yes_;
  std::set<Instance> refused_;
  std::map<Instance, std::set<NodeId>> asked_;
  std::map<Instance, Outcome> decided_;
  std::map<std::pair<NodeId, Instance>, Outcome> decided_at_;
};

// ---- two phases

struct TwoPhaseModel : CommitModel<TwoPhaseModel, commit::TwoPhase> {
  using Algorithm = classical::TwoPhase;
  using Core = Algorithm::Core;
  explicit TwoPhaseModel(const Setup& setup) : CommitModel(setup) {}

  Core make(NodeId self, Instance instance, Instant now, const Core::Durable* restored) {
    return make_by(self, instance, now, {}, restored);
  }
  bool ready(const Core& core) const {
    return core.logged() == Core::Logged::prepared || core.logged() == Core::Logged::committed;
  }
  bool must_end(NodeId, Instance, const Core& core) const { return core.logged() == Core::Logged::prepared; }
};

Protocol two_phase() {
  Protocol p = named(classical::TwoPhase::identity);
  p.stands = Stands::of_crashes_and_links();
  p.rules = {"tpc_prepared_never_decides_alone",  "tpc_vote_durable_before_yes",
             "tpc_decision_durable_before_told",  "tpc_commit_needs_all_votes",
             "tpc_presumed_only_while_undecided", "tpc_voter_of_yes_tells_nothing"};
  p.theory = {messages_exactly("4(N-1)", [](std::size_t n) { return 4 * (real(n) - 1); }),
              delay_exactly("2T", [](std::size_t) { return 2.0; })};
  return describe<TwoPhaseModel>(std::move(p));
}

// ---- three phases

struct ThreePhaseModel : CommitModel<ThreePhaseModel, commit::ThreePhase> {
  using Algorithm = classical::ThreePhase;
  using Core = Algorithm::Core;
  explicit ThreePhaseModel(const Setup& setup)
      : CommitModel(setup),
        delay_(
            std::max<Duration>(setup.link.delay_high + (setup.link.reorder > 0 ? setup.link.reorder_by : 0ms),
                               longest(setup)) *
                5 / 4 +
            1ms) {}

  Core make(NodeId self, Instance instance, Instant now, const Core::Durable* restored) {
    return make_by(self, instance, now, {{"delay_ms", classical::milliseconds(delay_)}}, restored);
  }
  bool ready(const Core& core) const {
    return core.state() != Core::State::initial && core.state() != Core::State::aborted;
  }
  // One that came back learns what others know; if all of them crashed, all wait.
  bool must_end(NodeId, Instance instance, const Core& core) const {
    if (core.state() == Core::State::initial) return false;
    if (!core.recovering()) return true;
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const Core* other = core_at(NodeId{i}, instance);
      if (other && other->outcome() != Outcome::undecided) return true;
    }
    return false;
  }

 private:
  static Duration longest(const Setup& setup) {
    Duration most{};
    for (const auto& [way, delay] : setup.delays) most = std::max(most, delay);
    return most;
  }
  Duration delay_;
};

Protocol three_phase() {
  Protocol p = named(classical::ThreePhase::identity);
  p.stands.kinds = {sim::FaultKind::process_crash, sim::FaultKind::crash_in_call};
  p.stands.reordering = false;  // the bound is short then, and others take over before a crashed node is back
  p.rules = {"thpc_pre_commit_before_commit", "thpc_one_pre_committed_commits", "thpc_all_uncertain_abort",
             "thpc_who_came_back_only_asks"};
  p.theory = {messages_exactly("6(N-1)", [](std::size_t n) { return 6 * (real(n) - 1); }),
              delay_exactly("4T", [](std::size_t) { return 4.0; })};
  return describe<ThreePhaseModel>(std::move(p));
}

// ---- a decision that a majority stores

struct MajorityModel : CommitModel<MajorityModel, commit::MajorityCommit> {
  using Algorithm = classical::MajorityCommit;
  using Core = Algorithm::Core;
  explicit MajorityModel(const Setup& setup) : CommitModel(setup) {}

  Core make(NodeId self, Instance instance, Instant now, const Core::Durable* restored) {
    return make_by(self, instance, now, {}, restored);
  }
  bool ready(const Core& core) const { return core.prepared(); }
  bool must_end(NodeId, Instance, const Core& core) const { return core.prepared(); }
};

Protocol majority_commit() {
  Protocol p = named(classical::MajorityCommit::identity);
  p.stands = Stands::of_crashes_and_links();
  p.rules = {"mc_commit_needs_all_votes", "mc_vote_durable_before_yes", "mc_only_the_majority_decides"};
  p.theory = {messages_exactly("7(N-1)", [](std::size_t n) { return 7 * (real(n) - 1); }),
              delay_exactly("6T", [](std::size_t) { return 6.0; })};
  return describe<MajorityModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> atomic_commit() {
  std::vector<Protocol> protocols = {two_phase(), three_phase(), majority_commit()};
  for (Protocol& protocol : protocols) protocol.family = "atomic commitment";
  return protocols;
}

}  // namespace coord::catalogue
