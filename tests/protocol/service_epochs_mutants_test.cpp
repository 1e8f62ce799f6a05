// SPDX-License-Identifier: MIT
// Each rule of names that are entered by an algorithm is removed in turn; a scenario must end otherwise.
#include "mutants/stories.hpp"
#include "service/hand_over.hpp"
#include "service_epochs_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

std::string epochs_story() {
  Gate gate;
  std::string said = gate.join(gate.a) + "\n";
  said += gate.b.lock({"door"}, Mode::shared) + "\n";  // not by the algorithm
  said += gate.b.lock({"other"}) + "\n";               // its token is above those of the entries
  said += gate.join(gate.b, Gate::part(EnterBy::ricart_agrawala, gate.epoch()->number)) + "\n";
  gate.idle_is_over();
  said += gate.is() + gate.end(gate.b) + gate.is() + "\n";  // somebody takes part
  return said + gate.a.close(3) + "\n" + gate.is();
}

// A name that the log lets in to; others' sites; other voters; one user's names; the clock.
std::string registering_story() {
  Gate gate;
  Limits limits;
  limits.set_level(2);
  limits.epochs_of_user = 2;
  gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
  std::string said = gate.a.lock({"door"}, Mode::shared) + "\n";
  said += gate.join(gate.b) + "\n";
  Acquire inner;
  inner.names = {"door", "other"};
  inner.terms.mode = Mode::shared;
  inner.inside = {SessionId{3}};
  (void)gate.b.lock({"other"});
  said += gate.a.lock(std::move(inner)) + "\n";
  said += gate.a.close(3) + "\n";
  TakePart strange = Gate::part();
  strange.sites[1].node = NodeId{77};
  said += gate.join(gate.a, strange, "gate") + "\n";
  said += gate.join(gate.a, Gate::part(), "window") + "\n";
  said += gate.join(gate.a, Gate::part(), "attic") + "\n";
  said += std::to_string(gate.log.machine.state().last_token.value) + "\n";
  (void)gate.log.machine.apply_voters(LogIndex{++gate.log.last}, {NodeId{2}});
  return said + gate.is();
}

// In an epoch that is not there, at a host that is no site of it, and in one that is closed and must be
// waited for.
std::string nameless_story() {
  Gate gate;
  TakePart nameless = Gate::part();
  nameless.sites.clear();
  std::string said = gate.join(gate.a, nameless) + "\n";
  (void)gate.a.lock({"window"}, Mode::shared);  // the log has let somebody in
  said += gate.join(gate.a, nameless, "window") + "\n";
  TakePart only_b = Gate::part();
  only_b.sites.erase(only_b.sites.begin());
  said += gate.join(gate.b, only_b, "gate") + "\n" + gate.join(gate.a, nameless, "gate") + "\n";
  (void)gate.log.leader(Shut{true});
  return said + gate.join(gate.b, nameless, "gate");
}

// Of decisions and transactions, the sites.
std::string strangers_story() {
  Gate gate;
  const DecisionSite own{NodeId{1}, 5, 6, "web1"}, others{NodeId{2}, 5, 6, "web2"},
      strange{NodeId{77}, 5, 6, "web3"};
  const Token now = gate.log.machine.state().last_token;
  std::string said =
      gate.a.propose(OpenDecision{"plan", Agreement::paxos, {own, strange}, now, "web1", 1000, "user"}) +
      "\n";
  JoinCommit join{"deploy", "a", "web1", 2, 7, 1000, "user"};
  join.by = CommitBy::two_phase;
  join.site = others;
  return said + gate.a.propose(join);
}

// More than the clock allows for.
std::string hurried_story() {
  Gate gate;
  for (int i = 0; i < 20; ++i) (void)gate.join(gate.a, Gate::part(), "door" + std::to_string(i));
  return gate.a.lock({"other"});
}

}  // namespace

TEST_CASE("every rule of names that are entered by an algorithm that is removed is noticed") {
  mutants::check_story(
      epochs_story, {"entries_fit", "tokens_of_an_epoch_are_reserved", "epoch_begins_when_the_last_has_left",
                     "only_an_idle_epoch_is_ended", "only_an_idle_epoch_is_over"});
  mutants::check_story(
      registering_story,
      {"part_is_taken_when_the_log_has_let_go", "nobody_waits_behind_who_is_to_take_part",
       "sites_are_hosts_of_the_group", "epochs_of_user_bounded", "other_voters_other_epoch"});
  mutants::check_story(nameless_story,
                       {"sites_that_nobody_names_are_the_epochs", "who_names_no_sites_begins_no_epoch"});
  mutants::check_story(strangers_story, {"decided_by_hosts_of_the_group", "participants_site_is_the_askers"});
  mutants::check_story(hurried_story, {"tokens_do_not_outrun_the_clock"});
}
