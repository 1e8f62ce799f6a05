// SPDX-License-Identifier: MIT
// Casts to all: soon, all of them, once; under loss, partitions, deaths and floods.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "gossip_group.hpp"
#include "mutants/stories.hpp"

using namespace coord;
using namespace coord::broadcast;
using namespace coord::broadcast::test;

namespace {

// With COORD_FIGURES set: what docs show.
void figure(const std::string& line) {
  if (std::getenv("COORD_FIGURES") != nullptr) std::cout << line << '\n';
}
double ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Payload long_body(std::size_t size) {
  Payload body(size, ' ');
  Random random(7);
  for (char& c : body) c = static_cast<char>(random.next());
  return body;
}

// ---- each rule's story: true if all is well

bool forgotten_ones_stay_away() {
  Gossip::Config config;
  config.most_ids = 4;
  Casting group(2, 0, 1, config);
  const CastId first = group.cast(1, "first");
  for (int i = 0; i < 6; ++i) {
    group.world->run_for(20ms);
    group.cast(1, "more");
  }
  group.world->run_for(1s);
  const Tell again{{first, {}, "first"}, 1s};
  const auto actions = group.world->node(NodeId{2})->gossip.step(group.world->local_now(NodeId{2}),
                                                                 Gossip::Receive{NodeId{1}, again});
  return std::ranges::none_of(
      actions, [](const auto& action) { return std::holds_alternative<Gossip::Arrived>(action); });
}

bool nobody_hears_it_twice() {
  Casting group(8, 0.1);
  for (int i = 0; i < 5; ++i) group.cast(1 + static_cast<std::uint64_t>(i), "x");
  for (int i = 0; i < 3000 && group.app.most_often() == 1; ++i) group.world->run_for(1ms);
  return group.app.most_often() == 1;
}

bool old_ones_are_not_taken() {
  Gossip gossip({.self = NodeId{2}});
  const auto actions =
      gossip.step(Instant{} + 1h, Gossip::Receive{NodeId{1}, Tell{{{NodeId{1}, 5, 1}, {}, "x"}, 11min}});
  return std::ranges::none_of(
      actions, [](const auto& action) { return std::holds_alternative<Gossip::Arrived>(action); });
}

bool long_ones_come_whole() {
  Casting group(3, 0.2);
  const Payload body = long_body(50'000);
  const CastId id = group.cast(1, body);
  group.until_all_have(id, 5s);
  return group.app.bodies[NodeId{2}][id] == body && group.app.bodies[NodeId{3}][id] == body;
}

// Of 1 to 6 only 2, 3 and 5 come here. The others are older than the memory of one that compares later.
bool what_did_not_come_is_known() {
  Gossip gossip({.self = NodeId{2}});
  const Instant now = Instant{} + 1h;
  for (const std::uint64_t number : {5, 2, 3})
    (void)gossip.step(now, Gossip::Receive{NodeId{1}, Tell{{{NodeId{1}, 5, number}, {}, "x"}, 1min}});
  const auto standings = [&](std::initializer_list<std::uint64_t> numbers, Standing standing) {
    return std::ranges::all_of(numbers, [&](std::uint64_t number) {
      return gossip.standing({NodeId{1}, 5, number}) == standing;
    });
  };
  if (!standings({2, 3, 5}, Standing::taken) || !standings({1, 4, 6}, Standing::unknown)) return false;
  (void)gossip.step(now, Gossip::Receive{NodeId{1}, Digest{{{NodeId{1}, 5, 4, 5, {}}}, true, false, true}});
  if (!standings({2, 3, 5}, Standing::taken) || !standings({1, 4}, Standing::missed)) return false;
  (void)gossip.step(now + 11min, Gossip::Tick{});  // it has forgotten them itself
  return gossip.ids() == 0 && standings({2, 3, 5}, Standing::taken) && standings({1, 4}, Standing::missed) &&
         standings({6}, Standing::unknown);
}

bool a_healed_part_hears_it() {
  Casting group(6);
  group.world->network().partition({{NodeId{1}, NodeId{2}, NodeId{3}}, {NodeId{4}, NodeId{5}, NodeId{6}}});
  const CastId id = group.cast(1, "x");
  group.world->run_for(10s);
  if (group.app.lacking(id) != 3) return false;
  group.world->network().heal();
  group.until_all_have(id, 60s);
  return group.app.lacking(id) == 0;
}

}  // namespace

TEST_CASE("a cast is heard by all, once, within milliseconds", "[gossip]") {
  for (const std::size_t size : {2, 3, 5, 30, 200}) {
    INFO(size);
    Casting group(size);
    std::vector<double> took;
    for (int i = 0; i < 10; ++i) {
      const CastId id = group.cast(1 + static_cast<std::uint64_t>(i) % size, "hello");
      took.push_back(ms(group.until_all_have(id, 10s)));
      CHECK(group.app.lacking(id) == 0);
      group.world->run_for(1s);
    }
    std::ranges::sort(took);
    CHECK(took.at(5) < 300);
    CHECK(took.back() < 1500);
    CHECK(group.app.most_often() == 1);
    CHECK(group.app.confirmed == group.app.begun);
    figure(std::to_string(size) + " nodes: median " + std::to_string(took.at(5)) + " ms, worst " +
           std::to_string(took.back()) + " ms");
  }
}

TEST_CASE("30 % of the datagrams are lost: all hear each cast, once", "[gossip]") {
  std::vector<double> took;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Casting group(30, 0.3, seed);
    for (int i = 0; i < 5; ++i) {
      const CastId id = group.cast(1 + static_cast<std::uint64_t>(i), "hello");
      took.push_back(ms(group.until_all_have(id, 30s)));
      REQUIRE(group.app.lacking(id) == 0);
    }
    group.world->run_for(1s);
    CHECK(group.app.most_often() == 1);
  }
  std::ranges::sort(took);
  CHECK(took.at(took.size() / 2) < 500);
  CHECK(took.back() < 3000);
  figure("30 nodes, 30 % loss: median " + std::to_string(took.at(took.size() / 2)) + " ms, worst " +
         std::to_string(took.back()) + " ms");
}

TEST_CASE("a cast costs a few datagrams a member, and nothing goes on when all is told", "[gossip]") {
  Casting group(30);
  group.cast(1, "hello");
  group.world->run_for(150ms);
  CHECK(group.app.datagrams < 30 * 20);
  group.world->run_for(10s);
  const auto before = group.app.datagrams + group.app.streams;
  group.world->run_for(60s);
  CHECK(group.app.datagrams + group.app.streams - before < 30 * 14);  // a comparison in 10 s, and answers
  group.world->run_for(40min);
  for (std::uint64_t i = 1; i <= 30; ++i) {
    CHECK(group.at(i).ids() == 0);
    CHECK_FALSE(group.at(i).deadline());
  }
}

TEST_CASE("long casts go by pieces, also where many are lost", "[gossip]") {
  for (const double loss : {0.0, 0.3}) {
    INFO(loss);
    Casting group(10, loss);
    const Payload body = long_body(64 << 10);
    const CastId id = group.cast(3, body);
    figure("64 KiB to 10 nodes: " + std::to_string(ms(group.until_all_have(id, 20s))) + " ms");
    REQUIRE(group.app.lacking(id) == 0);
    for (std::uint64_t i = 1; i <= 10; ++i) CHECK((group.app.bodies[NodeId{i}][id] == body));
    CHECK(group.app.most_often() == 1);
  }
}

TEST_CASE("parted and healed: all hear what either side has cast", "[gossip]") {
  CHECK(a_healed_part_hears_it());
  Casting group(10);
  std::vector<NodeId> left, right;
  for (std::uint64_t i = 1; i <= 10; ++i) (i <= 5 ? left : right).push_back(NodeId{i});
  group.world->network().partition({left, right});
  std::vector<CastId> ids;
  for (std::uint64_t i = 1; i <= 10; ++i) ids.push_back(group.cast(i, "from " + std::to_string(i)));
  group.world->run_for(2min);
  group.world->network().heal();
  group.world->input(NodeId{2}, Gossip::Meet{NodeId{7}});  // a connection stands again
  for (const CastId& id : ids) {
    group.until_all_have(id, 60s);
    CHECK(group.app.lacking(id) == 0);
  }
  CHECK(group.app.most_often() == 1);
}

TEST_CASE("the origin dies at once, and members come and go: whoever stays hears it", "[gossip]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Casting group(12, 0.2, seed);
    const CastId id = group.cast(1, "last words");
    while (group.app.confirmed.empty()) group.world->run_for(100us);
    group.world->crash(NodeId{1}, sim::CrashKind::process);
    group.world->crash(NodeId{2}, sim::CrashKind::process);
    group.world->at(group.world->now() + 300ms, [&] { group.world->start(NodeId{2}); });
    group.until_all_have(id, 60s);
    CHECK(group.app.lacking(id) == 0);
  }
}

TEST_CASE("where no datagram comes through the streams carry it", "[gossip]") {
  Casting group(5);
  group.app.no_datagrams = true;
  const CastId id = group.cast(1, "x");
  CHECK(group.until_all_have(id, 10s) < 10s);
  CHECK(group.app.most_often() == 1);
}

TEST_CASE("what never came here is told from what came and is forgotten", "[gossip]") {
  CHECK(what_did_not_come_is_known());
}

TEST_CASE("a flood is held within its bounds, and what was forgotten is not heard again", "[gossip]") {
  Gossip::Config config;
  config.most_ids = 200;
  config.most_bytes = 20'000;
  Casting group(5, 0.1, 3, config);
  for (int i = 0; i < 2'000; ++i)
    group.world->input(NodeId{1 + static_cast<std::uint64_t>(i) % 5}, Gossip::Begin{Payload(200, 'x'), {}});
  group.world->run_for(30s);
  CHECK(group.app.most_often() == 1);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    CHECK(group.at(i).ids() <= 200);
    CHECK(group.at(i).bytes() <= 20'000);
  }
}

TEST_CASE("what cannot be meant is dropped", "[gossip]") {
  Gossip gossip({.self = NodeId{1}});
  const CastId id{NodeId{2}, 3, 1};
  const std::vector<CastId> many(most_after + 1, id);
  const std::vector<GossipMessage> wrong{
      Tell{{{}, {}, "x"}, 0s},
      Tell{{id, many, "x"}, 0s},
      Tell{{id, {}, "x"}, -1s},
      Tell{{id, {}, Payload(longest_body + 1, 'x')}, 0s},
      Offer{id, {}, 0s, 0},
      Offer{id, {}, 0s, longest_body + 1},
      Want{{}, {}},
      Piece{id, most_pieces, "x"},
      Piece{id, 0, Payload(piece_bytes + 1, 'x')},
      Heard{{}, true},
      Digest{std::vector<Summary>(most_summaries + 1, {NodeId{2}, 3, 0, 1, {}}), true, false, false},
      Digest{{{NodeId{2}, 3, 2, 1, {}}}, true, false, false},
      Bring{{{{id, many, "x"}, 0s}}}};
  for (const GossipMessage& message : wrong) {
    INFO(text(message));
    CHECK(fault_of(message) != nullptr);
    CHECK(gossip.step(Instant{} + 1h, Gossip::Receive{NodeId{2}, message}).empty());
  }
  // Pieces of nothing, and of another size, and what is nobody's.
  CHECK(gossip.step(Instant{} + 1h, Gossip::Receive{NodeId{2}, Piece{id, 0, "x"}}).empty());
  CHECK(gossip.step(Instant{} + 1h, Gossip::Receive{NodeId{2}, Want{id, {~0U, ~0U}}}).empty());
  CHECK(gossip.step(Instant{} + 1h, Gossip::Receive{NodeId{2}, Heard{id, false}}).empty());
  CHECK(gossip.ids() == 0);
}

TEST_CASE("every rule of casts that is removed is noticed", "[gossip]") {
  mutants::check_stories({{"what_was_forgotten_is_not_taken", forgotten_ones_stay_away},
                          {"a_cast_is_taken_once", nobody_hears_it_twice},
                          {"what_never_came_was_not_heard", what_did_not_come_is_known},
                          {"no_cast_older_than_the_memory", old_ones_are_not_taken},
                          {"a_cast_is_whole_before_it_is_taken", long_ones_come_whole},
                          {"who_lacks_it_is_given_it", a_healed_part_hears_it}});
}
