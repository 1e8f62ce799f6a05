// SPDX-License-Identifier: MIT
// Circles of waits that probes between several peers find.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/random.hpp"
#include "base/rule.hpp"
#include "service/locks/wait_graph.hpp"
#include "service/state_machine.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

void all_see(Network& net, const std::vector<GroupLog::Wait>& waits) {
  for (std::uint64_t node = 1; node <= net.size; ++node) net.log[NodeId{node}].waits = waits;
}
GroupLog::Wait wait(std::uint64_t waiter, std::uint64_t outer, std::uint64_t blocker) {
  return {
      SessionId{waiter}, waiter, "name-" + std::to_string(waiter), {SessionId{outer}}, {SessionId{blocker}}};
}
Circles find(Network& net, std::uint64_t node) {
  net.ask_as(node, 99, FindCircles{});
  net.run(3s);
  const auto* circles = std::get_if<Circles>(&net.told[NodeId{node}].back());
  return circles == nullptr ? Circles{} : *circles;
}

// Of three hosts, in a group's state in which no wait is refused because it closes a circle: names that are
// shared, requests for two, lines, and commands that run inside of holds.
class RandomWaits {
 public:
  explicit RandomWaits(std::uint64_t seed) : random_(seed) {
    mutants::removed = "no_wait_in_a_cycle";
    for (std::uint64_t node = 1; node <= 3; ++node)
      apply({.node = NodeId{node}, .body = service::Register{NodeId{node}, node, {}}});
    for (int i = 0; i < 36; ++i) ask(NodeId{1 + random_.below(3)});
    mutants::removed.clear();
  }
  std::vector<GroupLog::Wait> waits() const {
    std::vector<GroupLog::Wait> all;
    for (const auto& [place, request] : machine_.state().requests) {
      if (request.held()) continue;
      GroupLog::Wait wait{called(request.session), place.value, request.names.front(), {}, {}};
      for (const SessionId outer : request.inside) wait.outer.push_back(called(outer));
      for (const service::WaitEdge& edge : service::edges_of(machine_, place, 64))
        wait.blockers.push_back(called(edge.blocker));
      all.push_back(std::move(wait));
    }
    return all;
  }
  // The waits, by number, that are in a circle of the graph.
  std::set<std::uint64_t> stuck() const {
    std::set<std::uint64_t> all;
    for (const auto& [place, request] : machine_.state().requests) {
      const bool waits = !request.held();
      if (waits && service::find_deadlock(machine_.of<service::Locks>(), request, place))
        all.insert(place.value);
    }
    return all;
  }

 private:
  void ask(NodeId node) {
    if (sessions_[node] == 10) return;
    service::Acquire body;
    body.open = service::Open{{}, 10s, last_ + 1};
    body.request = 1;
    std::set<std::string> names{name()};
    if (random_.chance(0.2)) names.insert(name());
    body.names = {names.begin(), names.end()};
    if (random_.chance(0.4)) body.terms.mode = service::Mode::shared;
    std::vector<SessionId> holders;
    for (const auto& [place, request] : machine_.state().requests) {
      if (request.held() && machine_.session(request.session)->node == node)
        holders.push_back(request.session);
    }
    if (!holders.empty() && random_.chance(0.7)) body.inside = {holders[random_.below(holders.size())]};
    apply({.node = node,
           .client = machine_.registration(node),
           .sequence = ++sequence_[node],
           .body = std::move(body)});
    const SessionId session{last_};
    if (machine_.session(session) != nullptr)
      called_[session] = SessionId{10 * node.value + sessions_[node]++};
  }
  std::string name() { return std::string(1, "abcdef"[random_.below(6)]); }
  void apply(const service::Command& command) { (void)machine_.apply(LogIndex{++last_}, command); }
  SessionId called(SessionId session) const { return called_.at(session); }  // as ToldLog has it, by its home

  Random random_;
  service::StateMachine machine_;
  std::uint64_t last_ = 0;
  std::map<NodeId, std::uint64_t> sequence_, sessions_;
  std::map<SessionId, SessionId> called_;
};

std::string text(const Circles& circles) {
  std::string all;
  for (const Circle& circle : circles.circles) {
    for (const WaitStep& step : circle.steps)
      all += std::to_string(step.waiter.value) + (step.classical ? "=>" : "->") +
             std::to_string(step.blocker.value) + " ";
    all += "; ";
  }
  return all;
}

}  // namespace

TEST_CASE("plain waits that go round a circle over three hosts are found, whoever asks, and no others") {
  Network net(3);
  // The commands of 10, 20 and 30 hold, and run the waits 11, 21 and 31.
  all_see(net, {wait(11, 10, 20), wait(21, 20, 30), wait(31, 30, 10), wait(32, 39, 10)});
  for (std::uint64_t node = 1; node <= 3; ++node) CHECK(text(find(net, node)) == "11->20 21->30 31->10 ; ");
  all_see(net, {wait(11, 10, 20), wait(21, 20, 30)});
  CHECK(find(net, 1).circles.empty());
}

TEST_CASE("on plain waits the verdicts are those of the group's graph") {
  std::size_t in_circles = 0, in_none = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO(seed);
    const RandomWaits state(seed);
    Network net(3);
    all_see(net, state.waits());
    std::set<std::uint64_t> found;
    for (const Circle& circle : find(net, 1 + seed % 3).circles) {
      for (const WaitStep& step : circle.steps) found.insert(step.number);
    }
    CHECK(found == state.stuck());
    in_circles += found.size();
    in_none += state.waits().size() - state.stuck().size();
  }
  INFO(in_circles << " waits in circles, " << in_none << " in none");
  CHECK(in_circles > 0);
  CHECK(in_none > 0);
}

TEST_CASE("a circle that comes back to a wait along its line only is found beside another one") {
  Network net(3);
  // 10 waits for 20, whose command waits for 30, and behind 10; that of 30 waits for 20.
  all_see(net, {wait(10, 19, 20),
                {SessionId{21}, 21, "name-21", {SessionId{20}}, {SessionId{30}, SessionId{10}}},
                wait(31, 30, 20)});
  CHECK(text(find(net, 1)) == "10->20 21->10 ; 21->30 31->20 ; ");
}

TEST_CASE("a circle through a name that is entered by an algorithm is found, by each of them") {
  for (const char* algorithm : {"ricart-agrawala", "lamport", "maekawa", "suzuki-kasami", "token-ring"}) {
    INFO(algorithm);
    Network net(3);
    net.open(algorithm, 3, true);
    net.enter(1, 10);  // is inside, and its command waits for a lock that 20 holds
    net.run(500ms);
    REQUIRE(net.last_told(1) == "entered");
    net.enter(2, 21, false, {SessionId{20}});
    net.run(500ms);
    all_see(net, {wait(11, 10, 20)});
    CHECK(text(find(net, 3)) == "11->20 21=>10 ; ");
    all_see(net, {});
    CHECK(find(net, 3).circles.empty());
  }
}

TEST_CASE("a host that does not answer is named, and a circle that is not there both times is none") {
  Network net(3);
  all_see(net, {wait(11, 10, 20), wait(21, 20, 10)});
  net.cut = {NodeId{3}};
  const Circles found = find(net, 1);
  CHECK(found.circles.size() == 1);
  CHECK(found.silent == std::vector<std::string>{"3"});
  net.log[NodeId{1}].removed = {NodeId{3}};
  CHECK(find(net, 1).silent.empty());  // a founder that has gone is not waited for
  net.log[NodeId{1}].removed.clear();
  net.cut.clear();
  net.ask_as(1, 99, FindCircles{});
  net.run(500ms);
  all_see(net, {wait(11, 10, 20), {SessionId{21}, 77, "name-21", {SessionId{20}}, {SessionId{10}}}});
  net.run(2s);  // the same sessions, but another wait
  CHECK(std::get<Circles>(net.told[NodeId{1}].back()).circles.empty());
}

// Wherever in a search it happens: at each of its messages.
TEST_CASE(
    "a host that is cut off or killed in the middle of probes: nothing is found that is not there, and after "
    "the heal what is") {
  for (const bool is_killed : {false, true}) {
    for (int messages = 0; messages < 60; messages += 3) {
      INFO(is_killed << " after " << messages);
      Network net(3);
      all_see(net, {wait(11, 10, 20), wait(21, 20, 10), wait(31, 30, 10)});
      net.ask_as(1, 99, FindCircles{});
      int left = messages;
      net.run(2s, [&] { return left-- == 0; });
      if (is_killed) {
        net.start(NodeId{2});
      } else {
        net.cut = {NodeId{2}};
        net.run(300ms);
        net.cut.clear();
      }
      net.run(3s);
      const std::string found = text(std::get<Circles>(net.told[NodeId{1}].back()));
      CHECK((found.empty() || found == "11->20 21->10 ; "));
      for (std::uint64_t node = 1; node <= 3; ++node) CHECK(text(find(net, node)) == "11->20 21->10 ; ");
    }
  }
}

TEST_CASE("no circle is made of two halves of which one is gone when the other comes, whatever is late") {
  Network net(3);
  all_see(net, {wait(11, 10, 20)});
  net.slow = std::pair(NodeId{1}, NodeId{2});
  net.ask_as(3, 99, FindCircles{});
  net.run(800ms);  // into the second round: what 1 has said to 2 is on its way
  all_see(net, {wait(21, 20, 10)});
  for (auto& late : std::exchange(net.late, {}))
    net.step(late.to, node::FromPeer{late.from, late.bytes, 2, node::Way::stream});
  net.run(3s);
  CHECK(std::get<Circles>(net.told[NodeId{3}].back()).circles.empty());
}
