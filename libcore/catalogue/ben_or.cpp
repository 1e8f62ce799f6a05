// SPDX-License-Identifier: MIT
// Ben-Or's agreement by a coin, as dsim knows it.
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/consensus.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

struct BenOrModel : InstanceModel<BenOrModel, consensus::BenOr> {
  using Algorithm = classical::BenOr;
  using Core = Algorithm::Core;
  explicit BenOrModel(const Setup& setup)
      : InstanceModel(setup),
        alike_(setup.load == Load::one_by_one),
        lossy_(!setup.faults.empty() || setup.link.drop > 0),
        random_(setup.seed ^ 0x62697473U) {}

  std::size_t crashes() const { return (nodes() - 1) / 2; }
  Core make(NodeId self, Instance instance, Instant now, const Stored*) {
    return made<Algorithm>(self, now, seed_of(self, instance), {{"resend_ms", lossy_ ? "100" : "0"}});
  }
  void ask(OperationId operation, NodeId node) override {
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
  std::optional<std::string> at_end() override {
    if (crashed().size() > crashes()) return std::nullopt;
    return Model::at_end();
  }

  bool alike_, lossy_;
  Random random_;
  std::map<Instance, std::set<bool>> begun_with_;
  std::map<Instance, bool> decided_;
};

}  // namespace

Protocol ben_or() {
  Protocol p = named(classical::BenOr::identity);
  p.stands = Stands::of_crashes_and_links();
  p.rules = {"ben_or_majority_of_all", "ben_or_one_proposal_binds", "ben_or_decide_by_f_plus_one",
             "ben_or_one_vote_a_node"};
  const auto cost = [](std::size_t n) { return 3 * real(n) * (real(n) - 1); };
  p.theory = {messages_exactly("2N(N-1) a round, N(N-1) to tell; all alike: one round", cost),
              delay_exactly("2T a round; all alike: one round", [](std::size_t) { return 2.0; })};
  return describe<BenOrModel>(std::move(p));
}

}  // namespace coord::catalogue
