// SPDX-License-Identifier: MIT
// Circles of waits that probes between several peers find.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/random.hpp"

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

TEST_CASE("on plain waits the verdicts are those of the graph") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO(seed);
    Network net(3);
    Random random(seed);
    // Session 10 to 34; each in five may run one wait, for the holder of another.
    std::map<std::uint64_t, std::uint64_t> blocked_by;
    std::vector<GroupLog::Wait> waits;
    for (const std::uint64_t holder : {10, 12, 14, 20, 22, 24, 30, 32, 34}) {
      if (random.chance(0.25)) continue;
      const std::uint64_t blocker = 10 * (1 + random.below(3)) + 2 * random.below(3);
      if (blocker == holder) continue;
      blocked_by[holder] = blocker;
      waits.push_back(wait(holder + 1, holder, blocker));
    }
    std::size_t circles = 0;
    for (const auto& [holder, blocker] : blocked_by) {
      std::set<std::uint64_t> seen;
      std::uint64_t at = holder;
      while (blocked_by.contains(at) && seen.insert(at).second) at = blocked_by.at(at);
      if (blocked_by.contains(at) && at == holder && *seen.begin() == holder) ++circles;
    }
    all_see(net, waits);
    CHECK(find(net, 1).circles.size() == circles);
  }
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
