// SPDX-License-Identifier: MIT
// Garcia-Molina, "Elections in a Distributed Computing System" (1982), the bully algorithm: each of
// its rules. The paper has them as procedures, named below; it says "are you there" for our
// "election". That silence means death rests on its assumptions 8 (no message is lost or later than a
// bound) and 9 (no node pauses).
#include "mutex_desk.hpp"
#include "protocol/election/bully.hpp"

using namespace mutex_desk;
using election::Bully;
using election::bully::What;

namespace {

constexpr Duration patience = 100ms;  // Config::answer_time

Bully node_of_four(NodeId self, NodeId leader = four) {
  return Bully({self, {one, two, three, four}, patience, leader});
}
Instant at(Duration time) {
  return Instant{} + time;
}
// "2:election 3:election"
std::string said(const Bully::Actions& actions) {
  static constexpr const char* names[] = {"election", "answer", "coordinator"};
  std::string text;
  for (const auto& send : sends<Bully>(actions))
    text += (text.empty() ? "" : " ") + std::to_string(send.to.value) + ":" +
            names[static_cast<std::size_t>(send.message.what)];
  return text;
}
std::optional<NodeId> led(const Bully::Actions& actions) {
  for (const auto& action : actions)
    if (const auto* what = std::get_if<Bully::Led>(&action)) return what->leader;
  return std::nullopt;
}

}  // namespace

// Election(): AreYouThere() is asked of all with a higher number.
TEST_CASE("bully, holding an election: who suspects asks all above, and nobody below") {
  Bully node = node_of_four(two);
  CHECK(said(node.step(at(0ms), Bully::Suspect{})) == "3:election 4:election");
  CHECK(node.deadline() == at(100ms));
  CHECK(said(node.step(at(50ms), Bully::Suspect{})).empty());  // it is at it already
}

// Election(), when nobody answered: Halt(), NewCoordinator() and Ready() to all below; here one message.
TEST_CASE("bully, silence: who hears nobody above in time announces itself to all below") {
  Bully node = node_of_four(two);
  static_cast<void>(node.step(at(0ms), Bully::Suspect{}));
  CHECK(node.step(at(99ms), Bully::Tick{}).empty());
  const auto actions = node.step(at(100ms), Bully::Tick{});
  CHECK(said(actions) == "1:coordinator");
  CHECK(led(actions) == two);
  CHECK_FALSE(node.deadline());
}

// Timeout(): the coordinator to be does not report; Election() again.
TEST_CASE("bully, an answer: who is answered waits for the announcement, and asks again if none comes") {
  Bully node = node_of_four(two);
  static_cast<void>(node.step(at(0ms), Bully::Suspect{}));
  CHECK(said(hear(node, three, {What::answer}, at(20ms))).empty());
  CHECK(node.step(at(100ms), Bully::Tick{}).empty());  // no announcement of its own
  CHECK(node.deadline() == at(320ms));
  CHECK(said(node.step(at(320ms), Bully::Tick{})) == "3:election 4:election");  // 3 died after it answered
}

TEST_CASE("bully, being asked: whoever is above the asker answers, and holds an election itself") {
  Bully node = node_of_four(three);
  CHECK(said(hear(node, one, {What::election}, at(0ms))) == "1:answer 4:election");
  CHECK(said(hear(node, two, {What::election}, at(1ms))) == "2:answer");  // one election is enough
  CHECK(said(hear(node, four, {What::election}, at(2ms))).empty());       // nobody above asks those below
}

TEST_CASE(
    "bully, the highest: it asks nobody, and who asks it just afterwards needs no second announcement") {
  Bully node = node_of_four(four);
  const auto actions = hear(node, two, {What::election}, at(0ms));
  CHECK(said(actions) == "2:answer 1:coordinator 2:coordinator 3:coordinator");
  CHECK(led(actions) == four);
  CHECK(said(hear(node, three, {What::election}, at(99ms))) == "3:answer");
  CHECK(said(hear(node, three, {What::election}, at(100ms))) ==
        "3:answer 1:coordinator 2:coordinator 3:coordinator");
}

TEST_CASE("bully, an announcement: from above it is obeyed, from below it is overruled") {
  Bully node = node_of_four(two);
  static_cast<void>(node.step(at(0ms), Bully::Suspect{}));
  CHECK(led(hear(node, three, {What::coordinator}, at(30ms))) == three);
  CHECK(node.leader() == three);
  CHECK_FALSE(node.deadline());
  CHECK(said(hear(node, one, {What::coordinator}, at(500ms))) == "3:election 4:election");
  CHECK(node.leader() == three);
}

TEST_CASE("bully, an announcement sent before its sender heard of a higher one does not count") {
  Bully node = node_of_four(one);
  CHECK(led(hear(node, four, {What::coordinator}, at(10ms))) == four);
  CHECK_FALSE(led(hear(node, three, {What::coordinator}, at(20ms))));  // both came up at once; 3's was slow
  CHECK(node.leader() == four);
  CHECK(led(hear(node, three, {What::coordinator}, at(200ms))) == three);  // by now 4 may have died
}

// Recovery(): Election() at once.
TEST_CASE("bully, coming up: a node that knows no leader holds an election first") {
  Bully node = node_of_four(three, NodeId{});
  CHECK(node.deadline() == Instant{});
  CHECK(said(node.step(at(0ms), Bully::Tick{})) == "4:election");
  CHECK(said(node.step(at(100ms), Bully::Tick{})) == "1:coordinator 2:coordinator");  // it bullies its way in
}

TEST_CASE("bully: strangers, and one's own messages, are not heard") {
  Bully node({two, {one, two, three}, patience, three});
  CHECK(hear(node, four, {What::coordinator}).empty());
  CHECK(hear(node, two, {What::election}).empty());
  CHECK(node.leader() == three);
}

TEST_CASE("bully, the count: N^2 - 1 messages when the lowest of N notices, N - 1 when the highest does") {
  for (const std::size_t nodes : {3U, 5U, 8U}) {
    catalogue::Setup setup;
    setup.nodes = nodes;
    setup.link.delay_low = setup.link.delay_high = 10ms;
    setup.link.fifo = true;
    setup.settle = 1s;
    setup.asks = {ask(NodeId{nodes}, 0ms)};
    CHECK(catalogue::find("bully")->run(setup).all_messages == nodes - 1);
    setup.asks = {ask(one, 0ms)};
    CHECK(catalogue::find("bully")->run(setup).all_messages == nodes * nodes - 1);
  }
}
