// SPDX-License-Identifier: MIT
// Chandy, Misra and Haas 1983 (AND and OR model) and the central wait-for graph: the papers' cases, and rules
// whose removal shows only here.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "catalogue/protocol.hpp"
#include "protocol/deadlock/central_graph.hpp"
#include "protocol/deadlock/probes.hpp"
#include "protocol/deadlock/queries.hpp"

using namespace coord;
using namespace coord::deadlock;
using namespace std::chrono_literals;

namespace {

const NodeId one{1}, two{2}, three{3}, four{4};

template <class Message, class Process>
std::vector<std::pair<NodeId, Message>> sent(const std::vector<typename Process::Action>& actions) {
  std::vector<std::pair<NodeId, Message>> all;
  for (const auto& action : actions) {
    const auto* send = std::get_if<typename Process::Send>(&action);
    if (send == nullptr) continue;
    if (const auto* message = std::get_if<Message>(&send->message)) all.emplace_back(send->to, *message);
  }
  return all;
}
template <class Process>
bool gives_up(const std::vector<typename Process::Action>& actions) {
  return std::ranges::any_of(actions,
                             [](const auto& action) { return std::holds_alternative<GivesUp>(action); });
}
template <class Process>
typename Process::Actions hear(Process& process, NodeId from, typename Process::Message message) {
  return process.step(Instant{}, typename Process::Receive{from, message});
}
template <class Process>
typename Process::Actions ask(Process& process, std::set<NodeId> others) {
  return process.step(Instant{}, Ask{std::move(others)});
}

struct RemovedRule {
  explicit RemovedRule(const char* name) { mutants::removed = name; }
  ~RemovedRule() { mutants::removed.clear(); }
};

// Engaged in a round of 1's in one wait, and now in another.
Queries waits_again() {
  Queries process(two, 100ms);
  static_cast<void>(ask(process, {three}));
  static_cast<void>(hear(process, one, Request{1, 1}));
  static_cast<void>(hear(process, four, Request{1, 1}));
  REQUIRE(sent<Query, Queries>(hear(process, one, Query{one, 1, 1})).size() == 1);
  static_cast<void>(hear(process, three, Reply{1, 2}));
  static_cast<void>(ask(process, {three}));
  return process;
}

}  // namespace

TEST_CASE("probes: a deadlock of three is found by the last one's probe, and it alone gives up") {
  catalogue::Setup setup;
  setup.nodes = 3;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.link.fifo = true;
  setup.hold_low = setup.hold_high = 20ms;
  setup.options["waits"] = "ring";
  for (std::uint64_t i = 1; i <= 3; ++i) setup.asks.push_back({Instant{} + i * 1ms, NodeId{i}, {}});
  sim::Trace trace;
  setup.trace = &trace;
  const auto report = catalogue::find("cmh-and")->run(setup);
  CHECK(report.violations.empty());
  CHECK(report.operations == 3);
  CHECK(trace.text() ==
        "[    0] 1 - starts\n"
        "[    0] 2 - starts\n"
        "[    0] 3 - starts\n"
        "[    1] 1 - waits for 2\n"
        "[    2] 2 - waits for 3\n"
        "[    3] 3 - waits for 1\n"
        "[   11] 1 > 2 request\n"
        "[   12] 2 > 3 request\n"
        "[   13] 3 > 1 request\n"
        "[  313] 3 > 1 probe of 3, youngest 3\n"
        "[  323] 1 > 2 probe of 3, youngest 3\n"
        "[  333] 2 > 3 probe of 3, youngest 3\n"
        "[  333] 3 - gives up: it was deadlocked\n"
        "[  343] 3 > 1 cancel\n"
        "[  343] 3 > 2 reply\n"
        "[  343] 2 - goes on\n"
        "[  353] 2 > 1 reply\n"
        "[  353] 1 - goes on\n");
}

TEST_CASE("probes: who does not wait, or has answered the sender, passes nothing on") {
  Probes process(two, 100ms);
  CHECK(hear(process, one, Probe{one, 1, {5, one}}).empty());
  static_cast<void>(ask(process, {three}));
  CHECK(hear(process, one, Probe{one, 1, {5, one}}).empty());  // 1 has not asked us
  static_cast<void>(hear(process, one, Request{1, 1}));
  const auto passed = sent<Probe, Probes>(hear(process, one, Probe{one, 1, {5, one}}));
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].first == three);
  CHECK(passed[0].second.youngest == Age{6, two});             // our own wait began later
  CHECK(hear(process, one, Probe{one, 1, {5, one}}).empty());  // once a round
  CHECK(sent<Probe, Probes>(hear(process, one, Probe{one, 2, {5, one}})).size() == 1);
}

TEST_CASE("queries: in the OR model a cycle with a way out is no deadlock, and one without is") {
  for (const bool way_out : {true, false}) {
    INFO(way_out);
    Queries first(one, 100ms), second(two, 100ms);
    static_cast<void>(ask(first, {two}));
    static_cast<void>(ask(second, way_out ? std::set{one, three} : std::set{one}));
    static_cast<void>(hear(first, two, Request{1, 1}));
    static_cast<void>(hear(second, one, Request{1, 1}));
    const auto queries = sent<Query, Queries>(second.step(Instant{} + 100ms, Queries::Tick{}));
    CHECK(queries.size() == (way_out ? 2 : 1));
    const auto forwarded = sent<Query, Queries>(hear(first, two, queries[0].second));
    REQUIRE(forwarded.size() == 1);
    const auto answers = sent<Answer, Queries>(hear(second, one, forwarded[0].second));
    REQUIRE(answers.size() == 1);
    const auto back = sent<Answer, Queries>(hear(first, two, answers[0].second));
    REQUIRE(back.size() == 1);
    // 3 does not wait and answers no query.
    CHECK(gives_up<Queries>(hear(second, one, back[0].second)) == !way_out);
  }
}

TEST_CASE("queries: only who has waited all the time since the first query answers the others") {
  const Query query{one, 1, 1};
  auto process = waits_again();
  CHECK(sent<Answer, Queries>(hear(process, four, query)).empty());
  const RemovedRule removed("or_waited_since_the_first_query");
  CHECK(sent<Answer, Queries>(hear(process, four, query)).size() == 1);
}

TEST_CASE("queries: answers to queries of an earlier wait do not count") {
  const Answer answer{one, 1, {1, three}};
  auto process = waits_again();
  CHECK(sent<Answer, Queries>(hear(process, three, answer)).empty());
  const RemovedRule removed("or_answers_are_of_this_wait");
  CHECK(sent<Answer, Queries>(hear(process, three, answer)).size() == 1);
}

TEST_CASE("central graph: a phantom: the report of a new edge overtakes that of an old one's end") {
  CentralGraph coordinator(one, one, 100ms);
  static_cast<void>(hear(coordinator, two, Waits{1, 1, {three}}));
  // 3 has answered 2 and now waits for 2; that 2's wait is over is still on its way.
  const auto questions = sent<Still, CentralGraph>(hear(coordinator, three, Waits{1, 5, {two}}));
  REQUIRE(questions.size() == 2);
  CHECK(sent<Kill, CentralGraph>(hear(coordinator, three, Confirm{1, false})).empty());
  CHECK(sent<Kill, CentralGraph>(hear(coordinator, two, Confirm{1, true})).empty());
  CHECK(coordinator.deadline() == Instant{} + 100ms);  // looks again
  CHECK(hear(coordinator, two, Waits{1, 1, {}}).empty());
  CHECK(coordinator.step(Instant{} + 100ms, CentralGraph::Tick{}).empty());
}

TEST_CASE("central graph: when all confirm, the youngest wait gives up") {
  CentralGraph coordinator(one, one, 100ms);
  static_cast<void>(hear(coordinator, two, Waits{1, 1, {three}}));
  static_cast<void>(hear(coordinator, three, Waits{1, 5, {two}}));
  static_cast<void>(hear(coordinator, two, Confirm{1, true}));
  const auto kills = sent<Kill, CentralGraph>(hear(coordinator, three, Confirm{1, true}));
  REQUIRE(kills.size() == 1);
  CHECK(kills[0].first == three);
}
