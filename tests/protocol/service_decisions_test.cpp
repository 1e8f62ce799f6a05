// SPDX-License-Identifier: MIT
// Values that are proposed and decided, as the log sees them.
#include "service_decisions_story.hpp"

using namespace coord;
using namespace coord::service;

TEST_CASE("the first proposal in the log is the value, and a later one is told so") {
  Debate debate;
  CHECK(debate.propose(debate.a, "plan", "one", 1) == "changed plan; generation 3");
  CHECK(debate.propose(debate.b, "plan", "two", 2) == "generation 3");
  CHECK(debate.propose(debate.a, "plan", "one", 1) ==
        "generation 3");  // again, after an answer that was lost
  CHECK(debate.get("plan") == "one@3 of 1");
  CHECK(debate.propose(debate.b, "other", std::string("\0x", 2), 3) == "changed other; generation 6");
  CHECK(debate.get("other") == std::string("\0x", 2) + "@6 of 3");
}

TEST_CASE("what is forgotten may be decided anew, but not by a proposal that was made before") {
  Debate debate;
  const Token before = debate.now("plan");
  (void)debate.propose(debate.a, "plan", "one", 1);
  const Token between = debate.now("plan");
  CHECK(debate.forget("plan") == "changed plan; generation 4");
  CHECK(debate.get("plan").empty());
  CHECK(debate.propose(debate.b, "plan", "late", 2, before) == "forgotten, generation 0");
  CHECK(debate.propose(debate.b, "plan", "late", 3, between) == "forgotten, generation 0");
  CHECK(debate.propose(debate.b, "plan", "new", 4) == "changed plan; generation 7");
  CHECK(debate.propose(debate.a, "plan", "late", 2, before) == "forgotten, generation 0");
  CHECK(debate.get("plan") == "new@7 of 4");
  CHECK(debate.forget("none") == "no such decision, generation 0");
  // Another name's forgetting is none of its business.
  CHECK(debate.propose(debate.a, "other", "x", 5, before) == "changed other; generation 10");
}

TEST_CASE("of names that were forgotten long ago every older proposal is void") {
  Limits few = limits_of_level(2);
  few.forgotten_decisions = 2;
  Debate debate(few);
  const Token before = debate.now("a");
  for (const char* name : {"a", "b", "c"}) {
    (void)debate.propose(debate.a, name, "v", 1);
    (void)debate.forget(name);
  }
  CHECK(debate.log.machine.state().forgotten.size() == 2);
  CHECK(debate.propose(debate.a, "a", "late", 2, before) == "forgotten, generation 0");
  CHECK(debate.propose(debate.a, "d", "late", 3, before) ==
        "forgotten, generation 0");  // more than is needed
  CHECK(debate.propose(debate.a, "d", "new", 4).starts_with("changed d"));
}

TEST_CASE("a name with a user in front is that user's and root's") {
  Debate debate;
  CHECK(debate.a.propose(ProposeValue{"@alice/k", "v", Token{9}, 1, "web1", 1001, "eve"}) ==
        "not yours, generation 0");
  CHECK(debate.a.propose(ProposeValue{"@alice/k", "v", Token{9}, 1, "web1", 1002, "alice"}) ==
        "changed @alice/k; generation 4");
  CHECK(debate.a.propose(ForgetDecision{"@alice/k", 1001, "eve"}) == "not yours, generation 0");
  CHECK(debate.a.propose(ForgetDecision{"@alice/k", 0, "root"}) == "changed @alice/k; generation 6");
}

TEST_CASE("values are bounded each and all together, and names of one user are") {
  Limits few = limits_of_level(2);
  few.decisions_of_user = 2;
  few.all_decision_bytes = 128U << 10U;
  Debate debate(few);
  const std::string most(64U << 10U, 'v');
  CHECK(debate.propose(debate.a, "k", most + "v", 1) == "invalid, generation 0");
  CHECK(debate.propose(debate.a, "", "v", 1) == "invalid, generation 0");
  CHECK(debate.propose(debate.a, "k1", most, 1).starts_with("changed"));
  CHECK(debate.propose(debate.a, "k2", most, 2).starts_with("changed"));
  CHECK(debate.propose(debate.a, "k3", "v", 3) == "too many decisions, generation 0");
  CHECK(debate.propose(debate.a, "k1", "v", 4).starts_with("generation"));  // decided: nothing is added
  (void)debate.forget("k2");
  CHECK(debate.propose(debate.a, "k3", "v", 5).starts_with("changed"));
  CHECK(debate.propose(debate.a, "k4", "v", 6) == "too many decisions of user, generation 0");
}

TEST_CASE("decisions are listed by how they begin, and survive a snapshot") {
  Debate debate;
  for (const char* name : {"a/1", "a/2", "b/1"}) (void)debate.propose(debate.a, name, "v", 1);
  (void)debate.forget("a/2");
  const DecisionsView view = debate.log.machine.of<Decisions>().answer(ListDecisions{"a/", ""});
  REQUIRE(view.decisions.size() == 1);
  CHECK(view.decisions.front().name == "a/1");
  CHECK_FALSE(view.more);
  auto again = StateMachine::restore(debate.log.machine.state());
  REQUIRE(again.ok());
  CHECK(again->state() == debate.log.machine.state());
  State wrong = debate.log.machine.state();
  wrong.decisions.at("a/1").generation = wrong.decisions.at("b/1").generation;
  CHECK_FALSE(StateMachine::restore(wrong).ok());
}

TEST_CASE("a user has a share of the decisions by sites, which every peer keeps in memory") {
  Debate debate;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "d" + std::to_string(i);
    (void)debate.a.propose(OpenDecision{
        name, Agreement::paxos, {{NodeId{1}, 5, 6, "web1"}}, debate.now(name), "web1", 1000, "user"});
  }
  CHECK(debate.view("d255").of.generation != Token{});
  CHECK(debate.view("d256").of.generation == Token{});
  (void)debate.forget("d7");
  (void)debate.a.propose(OpenDecision{
      "more", Agreement::paxos, {{NodeId{1}, 5, 6, "web1"}}, debate.now("more"), "web1", 1000, "user"});
  CHECK(debate.view("more").of.generation != Token{});
}

TEST_CASE("a decision by sites is found by its generation, until it is forgotten, and after a snapshot") {
  Debate debate;
  const auto open = [&](std::string name) {
    const Token seen = debate.now(name);
    (void)debate.a.propose(OpenDecision{
        std::move(name), Agreement::paxos, {{NodeId{1}, 5, 6, "web1"}}, seen, "web1", 1000, "user"});
  };
  const auto name_of = [](const StateMachine& machine, Token generation) {
    const std::string* name = machine.of<Decisions>().name_by_sites(generation);
    return name == nullptr ? "" : *name;
  };
  open("plan");
  open("other");
  (void)debate.propose(debate.a, "by-log", "v", 1);
  const Token plan = debate.view("plan").of.generation;
  CHECK(name_of(debate.log.machine, plan) == "plan");
  CHECK(name_of(debate.log.machine, debate.view("by-log").of.generation).empty());
  CHECK(debate.log.machine.of<Decisions>().last_forgotten() == Token{});
  (void)debate.forget("plan");
  open("plan");
  CHECK(name_of(debate.log.machine, plan).empty());
  const auto again = StateMachine::restore(debate.log.machine.state());
  REQUIRE(again.ok());
  for (const StateMachine* machine :
       std::initializer_list<const StateMachine*>{&debate.log.machine, &*again}) {
    CHECK(name_of(*machine, debate.view("plan").of.generation) == "plan");
    CHECK(name_of(*machine, debate.view("other").of.generation) == "other");
    CHECK(machine->of<Decisions>().last_forgotten() > plan);
  }
}
