// SPDX-License-Identifier: MIT
// All are asked down a tree and their answers gathered: each is counted once, and whoever
// is missing is named.
#include "protocol/broadcast/gather.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "mutants/stories.hpp"
#include "sim/world.hpp"

using namespace coord;
using namespace coord::broadcast;
using namespace std::chrono_literals;

namespace {

struct Members {
  struct Node {
    explicit Node(Gather::Config config) : gather(config) {}
    Gather gather;
  };
  using Message = GatherMessage;
  using Input = std::variant<Gather::Begin, Gather::Own, Gather::Died>;
  using Job = sim::NoJob;

  std::uint64_t lives = 0;
  std::set<NodeId> silent{};  // they never answer
  std::map<NodeId, Duration> slow{};
  std::size_t answers = 1;  // of each
  std::optional<Gather::Gathered> gathered{};
  Instant gathered_at{};
  std::size_t sent = 0, asked = 0;

  Result<std::unique_ptr<Node>> start(Instant, sim::Port<Members>& port) {
    Gather::Config config;
    config.self = port.self();
    config.life = ++lives;
    return std::make_unique<Node>(config);
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, sim::Port<Members>& port) {
    run(node, now, Gather::Receive{from, std::move(message)}, port);
  }
  std::string describe(const Message& message) const { return text(message); }
  void on_input(Node& node, Instant now, Input input, sim::Port<Members>& port) {
    std::visit([&](const auto& what) { run(node, now, what, port); }, input);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.gather.deadline(); }
  void on_tick(Node& node, Instant now, sim::Port<Members>& port) { run(node, now, Gather::Tick{}, port); }
  void run(Node& node, Instant now, const Gather::Event& event, sim::Port<Members>& port) {
    for (Gather::Action& action : node.gather.step(now, event)) {
      if (auto* pass = std::get_if<Gather::Pass>(&action)) {
        ++sent;
        if (pass->surely) port.send_ordered(pass->to, pass->message);
        port.send_datagram(pass->to, std::move(pass->message));
      } else if (const auto* question = std::get_if<Gather::Asked>(&action)) {
        ++asked;
        if (silent.contains(port.self())) continue;
        const Gather::Own own{question->id, std::vector<Payload>(answers, std::to_string(port.self().value)),
                              true};
        port.after(slow[port.self()], Input(own));
      } else {
        gathered = std::get<Gather::Gathered>(action);
        gathered_at = port.world_now();
      }
    }
  }
};

struct Asking {
  Members app;
  sim::WorldConfig config;
  std::unique_ptr<sim::World<Members>> world;
  Instant begun{};

  explicit Asking(std::size_t nodes, double loss = 0, std::uint64_t seed = 1) {
    config.nodes = nodes;
    config.seed = seed;
    config.link = {200us, 1ms, loss, 0.02, 0.05, 5ms, false};
    world = std::make_unique<sim::World<Members>>(app, config);
    world->start_all();
  }
  void ask(Duration patience = 10s) {
    Gather::Begin begin{"how many?", {}, patience};
    for (std::uint64_t i = 1; i <= world->nodes(); ++i) begin.members.push_back(NodeId{i});
    begun = world->now();
    world->input(NodeId{1}, Members::Input(begin));
  }
  const Gather::Gathered& gather(Duration patience = 10s) {
    ask(patience);
    return wait();
  }
  const Gather::Gathered& wait() {
    while (!app.gathered && world->now() - begun < 30s) world->run_for(1ms);
    REQUIRE(app.gathered);
    return *app.gathered;
  }
  // Each that is not missing is there, once.
  bool is_whole(const std::set<std::uint64_t>& missing) const {
    std::multiset<std::uint64_t> there;
    for (const Share& share : app.gathered->shares) {
      if (share.answer != std::to_string(share.node.value)) return false;
      there.insert(share.node.value);
    }
    std::set<std::uint64_t> named;
    for (const NodeId node : app.gathered->missing) named.insert(node.value);
    if (named != missing) return false;
    for (std::uint64_t i = 1; i <= world->nodes(); ++i)
      if (there.count(i) != (missing.contains(i) ? 0 : app.answers)) return false;
    return true;
  }
};

// ---- each rule's story: true if all is well

bool a_dead_one_is_alone() {
  Asking group(60);
  group.world->crash(NodeId{2}, sim::CrashKind::process);  // the first below the root
  group.world->crash(NodeId{30}, sim::CrashKind::process);
  group.gather();
  return group.is_whole({2, 30});
}

// It is cut off for a while from who asks it, and not from those below it.
bool nobody_counts_twice() {
  bool well = true;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Asking group(60, 0.6, seed);
    for (std::uint64_t i = 2; i <= 60; i += 3) group.app.slow[NodeId{i}] = 200ms;
    group.ask();
    group.wait();
    std::set<std::uint64_t> missing;
    for (const NodeId node : group.app.gathered->missing) missing.insert(node.value);
    well = well && group.is_whole(missing);
  }
  return well;
}

bool a_silent_leaf_is_named() {
  Asking group(60);
  group.app.silent = {NodeId{60}};
  group.gather(2s);
  return group.is_whole({60}) && group.app.gathered_at - group.begun < 2500ms;
}

// Its link is cut when it has the question.
bool one_that_says_nothing_is_named() {
  Asking group(3);
  group.app.slow[NodeId{3}] = 500ms;
  group.ask(2s);
  group.world->run_for(100ms);
  group.world->network().partition({{NodeId{1}, NodeId{2}}, {NodeId{3}}});
  group.wait();
  return group.is_whole({3});
}

// It is back before anybody holds it dead, and knows nothing of the question that it has said it has.
bool one_that_is_started_again_takes_nobody_along() {
  Asking group(60);
  group.app.slow[NodeId{2}] = 500ms;
  group.ask(20s);
  group.world->run_for(100ms);
  group.world->crash(NodeId{2}, sim::CrashKind::process);
  group.world->run_for(100ms);
  group.world->start(NodeId{2});
  group.wait();
  return group.is_whole({}) && group.app.gathered_at - group.begun < 2s;
}

bool slow_ones_are_waited_for() {
  Asking group(60);
  for (std::uint64_t i = 2; i <= 60; i += 3) group.app.slow[NodeId{i}] = 300ms;
  group.gather();
  return group.is_whole({});
}

}  // namespace

TEST_CASE("all are asked and all answer, each once, in few milliseconds", "[gather]") {
  for (const std::size_t size : {1, 2, 3, 5, 30, 200, 1000}) {
    INFO(size);
    Asking group(size);
    group.app.answers = size < 100 ? 2 : 1;
    group.gather();
    CHECK(group.is_whole({}));
    CHECK(group.app.asked == size);
    CHECK(group.app.gathered_at - group.begun < 100ms);
    CHECK(group.app.sent <= 5 * (size - 1));  // down, got, up and thanks
    group.world->run_for(20s);
    for (std::uint64_t i = 1; i <= size; ++i) CHECK(group.world->node(NodeId{i})->gather.open() == 0);
  }
}

TEST_CASE("30 % of the datagrams are lost: all answers come, each once", "[gather]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    Asking group(30, 0.3, seed);
    group.gather();
    CHECK(group.is_whole({}));
    CHECK(group.app.gathered_at - group.begun < 2s);
  }
}

TEST_CASE("who is dead is missing, and those below are not", "[gather]") {
  CHECK(a_dead_one_is_alone());
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    Asking group(60, 0.1, seed);
    std::set<std::uint64_t> dead;
    while (dead.size() < 10) dead.insert(2 + group.world->random().below(59));
    for (const std::uint64_t node : dead) group.world->crash(NodeId{node}, sim::CrashKind::process);
    group.gather();
    CHECK(group.is_whole(dead));
  }
}

TEST_CASE("one that dies when it has the question is missing alone, as soon as it is found dead",
          "[gather]") {
  Asking group(60);
  group.app.slow[NodeId{2}] = 5s;
  group.ask(60s);
  group.world->run_for(200ms);
  CHECK_FALSE(group.app.gathered);
  CHECK(group.world->node(NodeId{1})->gather.waits_for() == std::set{NodeId{2}});
  group.world->crash(NodeId{2}, sim::CrashKind::process);
  group.world->run_for(1s);
  CHECK_FALSE(group.app.gathered);
  group.world->input(NodeId{1}, Members::Input(Gather::Died{NodeId{2}}));
  group.world->run_for(500ms);
  REQUIRE(group.app.gathered);
  CHECK(group.is_whole({2}));
}

TEST_CASE("one that is started again when it has the question is asked anew, and those below it answer",
          "[gather]") {
  CHECK(one_that_is_started_again_takes_nobody_along());
}

TEST_CASE("who has the question is asked again less and less often", "[gather]") {
  Asking group(2);
  group.app.silent = {NodeId{2}};
  group.ask(1h);
  group.world->run_for(1s);
  const std::size_t before = group.app.sent;
  group.world->run_for(10min);
  CHECK(group.app.sent - before <= 3 * 25);  // after 1, 2, 4 to 30 s; both ways acknowledged
}

TEST_CASE("one that is cut off when it has the question is named when the time is over", "[gather]") {
  CHECK(one_that_says_nothing_is_named());
}

// Of a member that asks again and again, and of one that answers all of it.
bool open_ones_are_bounded() {
  Gather gather({.self = NodeId{1}, .most_open = 100, .most_open_bytes = 1000});
  const Instant now = Instant{} + 1h;
  for (std::uint64_t number = 1; number <= 1000; ++number)
    (void)gather.step(now,
                      Gather::Receive{NodeId{2}, Down{{NodeId{2}, 3, number}, 1h, {}, "0123456789abcdef"}});
  return gather.open() == 62;
}

bool answered_ones_are_bounded() {
  Gather gather({.self = NodeId{1}, .most_kept = 50, .most_kept_bytes = 100'000});
  const Instant now = Instant{} + 1h;
  for (std::uint64_t number = 1; number <= 100; ++number) {
    const CastId id{NodeId{2}, 3, number};
    (void)gather.step(now, Gather::Receive{NodeId{2}, Down{id, 1h, {}, "x"}});
    (void)gather.step(now, Gather::Own{id, {Payload(number <= 50 ? 1 : 10'000, 'a')}, true});
    (void)gather.step(now, Gather::Receive{NodeId{2}, Thanks{id}});
    if (number == 70 && gather.kept() > 50) return false;
  }
  const bool has_the_last =
      gather.step(now, Gather::Receive{NodeId{2}, Down{{NodeId{2}, 3, 100}, 1h, {}, "x"}}).size() ==
      2;  // it has it, and says what it has said
  return has_the_last && gather.kept_bytes() <= 100'000;
}

TEST_CASE("what cannot be meant is dropped, and what is open is bounded", "[gather]") {
  Gather gather({.self = NodeId{1}});
  const Instant now = Instant{} + 1h;
  const CastId id{NodeId{2}, 3, 1};
  const std::vector<GatherMessage> wrong{Down{{}, 1s, {}, "x"},
                                         Down{id, -1s, {}, "x"},
                                         Down{id, 1s, std::vector<NodeId>(most_asked + 1, NodeId{3}), "x"},
                                         Down{id, 1s, {}, Payload(longest_question + 1, 'x')},
                                         Up{id, {}, std::vector<NodeId>(most_asked + 1, NodeId{3})},
                                         Up{{NodeId{2}, 0, 1}, {}, {}},
                                         Got{{}},
                                         Thanks{{}}};
  for (const GatherMessage& message : wrong) {
    INFO(text(message));
    CHECK(fault_of(message) != nullptr);
    CHECK(gather.step(now, Gather::Receive{NodeId{2}, message}).empty());
  }
  CHECK(gather.step(now, Gather::Receive{NodeId{2}, Got{id}}).empty());
  CHECK(gather.step(now, Gather::Receive{NodeId{2}, Down{{NodeId{1}, 1, 9}, 1s, {}, "x"}}).empty());
  for (std::uint64_t number = 1; number < 1000; ++number)
    (void)gather.step(now, Gather::Receive{NodeId{2}, Down{{NodeId{2}, 3, number}, 1s, {NodeId{3}}, "x"}});
  CHECK(gather.open() == 999);
  (void)gather.step(now + 1min, Gather::Tick{});
  (void)gather.step(now + 2min, Gather::Tick{});
  CHECK(gather.kept() == 0);
}

TEST_CASE("a question of this node's is dropped when it was answered, however long it might have waited",
          "[gather]") {
  Gather gather({.self = NodeId{1}});
  const Instant now = Instant{} + 1h;
  for (int i = 0; i < 1000; ++i) {
    (void)gather.step(now, Gather::Begin{"x", {NodeId{1}, NodeId{2}}, 24h});
    (void)gather.step(now, Gather::Own{gather.last(), {Payload(1000, 'a')}, true});
    const Up up{gather.last(), {{NodeId{2}, Payload(16'000, 'b')}}, {NodeId{2}}};
    const auto actions = gather.step(now, Gather::Receive{NodeId{2}, up});
    REQUIRE(std::holds_alternative<Gather::Gathered>(actions.back()));
    const auto again = gather.step(now, Gather::Receive{NodeId{2}, up});  // its thanks were lost
    REQUIRE(std::holds_alternative<Thanks>(std::get<Gather::Pass>(again.at(0)).message));
  }
  CHECK(gather.kept() == 0);
}

TEST_CASE("who has no room for a question is not waited for, and those below are asked through another",
          "[gather]") {
  Gather gather({.self = NodeId{1}, .fanout = 1});
  const Instant now = Instant{} + 1h;
  (void)gather.step(now, Gather::Begin{"x", {NodeId{1}, NodeId{2}, NodeId{3}}, 24h});
  const auto actions = gather.step(now, Gather::Receive{NodeId{2}, Up{gather.last(), {}, {}}});
  CHECK(std::get<Gather::Pass>(actions.at(1)).to == NodeId{3});
  CHECK(std::holds_alternative<Down>(std::get<Gather::Pass>(actions.at(1)).message));
  (void)gather.step(now, Gather::Own{gather.last(), {"a"}, true});
  const auto all = gather.step(now, Gather::Receive{NodeId{3}, Up{gather.last(), {}, {NodeId{3}}}});
  CHECK(std::get<Gather::Gathered>(all.back()).missing == std::vector{NodeId{2}});
}

TEST_CASE("every rule of asking all that is removed is noticed", "[gather]") {
  mutants::check_stories({{"who_is_lost_takes_nobody_along", a_dead_one_is_alone},
                          {"each_member_is_counted_once", nobody_counts_twice},
                          {"who_is_missing_is_named", a_silent_leaf_is_named},
                          {"only_who_has_answered_is_reached", a_silent_leaf_is_named},
                          {"open_questions_are_bounded", open_ones_are_bounded},
                          {"answered_questions_are_bounded", answered_ones_are_bounded},
                          {"who_has_it_is_asked_again", one_that_is_started_again_takes_nobody_along},
                          {"all_below_are_waited_for", slow_ones_are_waited_for}});
}
