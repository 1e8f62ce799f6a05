// SPDX-License-Identifier: MIT
// Casts in causal order: nobody hears an answer before its question, and a gap is named
// instead of waited for.
#include <catch2/catch.hpp>

#include "gossip_group.hpp"
#include "mutants/stories.hpp"
#include "protocol/broadcast/causal_order.hpp"

using namespace coord;
using namespace coord::broadcast;
using namespace coord::broadcast::test;

namespace {

// Nodes that answer what they hear, as users do. Knows of each cast what its origin had heard before.
struct Talk {
  struct Node {
    Node(const Gossip::Config& config, CausalOrder::Config order_config)
        : gossip(config), order(order_config, [this](const CastId& id) { return gossip.standing(id); }) {}
    Gossip gossip;
    CausalOrder order;
    std::set<CastId> came, heard;  // in this life
  };
  using Message = GossipMessage;
  using Input = std::monostate;  // casts
  using Job = sim::NoJob;

  std::size_t size = 0;
  CausalOrder::Config order_config{};
  std::size_t answers_left = 0;
  std::uint64_t lives = 0;
  std::map<CastId, std::set<CastId>> past{};
  std::size_t heard = 0, too_early = 0, gaps = 0, longest_after = 0;

  Result<std::unique_ptr<Node>> start(Instant now, sim::Port<Talk>& port) {
    Gossip::Config config;
    config.self = port.self();
    config.life = ++lives;
    config.seed = port.random().next();
    auto node = std::make_unique<Node>(config, order_config);
    Gossip::Members all;
    for (std::uint64_t i = 1; i <= size; ++i) all.all.push_back(NodeId{i});
    all.alive = all.all;
    run(*node, now, all, port);
    return node;
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, sim::Port<Talk>& port) {
    run(node, now, Gossip::Receive{from, std::move(message)}, port);
  }
  std::string describe(const Message& message) const { return text(message); }
  void on_input(Node& node, Instant now, Input, sim::Port<Talk>& port) { cast(node, now, port); }
  std::optional<Instant> deadline(const Node& node) const {
    const auto a = node.gossip.deadline(), b = node.order.deadline();
    return !a || (b && *b < *a) ? b : a;
  }
  void on_tick(Node& node, Instant now, sim::Port<Talk>& port) { run(node, now, Gossip::Tick{}, port); }

  void cast(Node& node, Instant now, sim::Port<Talk>& port) {
    while (node.order.needs_tie(now)) run(node, now, Gossip::Begin{"", node.order.frontier(now)}, port);
    const auto after = node.order.frontier(now);
    longest_after = std::max(longest_after, after.size());
    past[{port.self(), node.gossip.last().life, node.gossip.last().number + 1}] = node.came;
    run(node, now, Gossip::Begin{"x", after}, port);
  }
  void run(Node& node, Instant now, const Gossip::Event& event, sim::Port<Talk>& port) {
    bool answers = false;
    for (Gossip::Action& action : node.gossip.step(now, event)) {
      if (auto* send = std::get_if<Gossip::Send>(&action)) {
        goes_by_stream(send->message) ? port.send_ordered(send->to, std::move(send->message))
                                      : port.send_datagram(send->to, std::move(send->message));
      } else if (const auto* came = std::get_if<Gossip::Arrived>(&action)) {
        node.came.insert(came->cast->id);
        node.order.enter(now, came->cast, now - came->age);
        answers = came->cast->id.origin != port.self();
      }
    }
    for (const CausalOrder::Next& next : node.order.next(now)) {
      ++heard;
      gaps += next.missing.size();
      for (const CastId& before : past[next.cast->id])
        if (!node.heard.contains(before)) ++too_early;
      node.heard.insert(next.cast->id);
    }
    if (answers && answers_left > 0 && port.random().chance(0.1)) {
      --answers_left;
      cast(node, now, port);
    }
  }
};

// All cast, and answer each other; whether nobody heard anything too early.
bool is_in_order(std::uint64_t seed, double loss, Talk* result = nullptr) {
  Talk talk;
  talk.size = 12;
  talk.answers_left = 150;
  sim::WorldConfig config;
  config.nodes = talk.size;
  config.seed = seed;
  config.link = {200us, 3ms, loss, 0.05, 0.2, 50ms, false};
  sim::World<Talk> world(talk, config);
  world.start_all();
  for (std::uint64_t i = 1; i <= talk.size; ++i)
    for (int k = 0; k < 3; ++k)
      world.at(world.now() + i * 7ms + k * 300ms, [&world, i] { world.input(NodeId{i}, {}); });
  world.run_for(4s);
  if (seed % 2 == 0) {
    world.network().partition(
        {{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}},
         {NodeId{5}, NodeId{6}, NodeId{7}, NodeId{8}, NodeId{9}, NodeId{10}, NodeId{11}, NodeId{12}}});
    talk.answers_left = 50;
    for (const std::uint64_t i : {1, 5, 9}) world.input(NodeId{i}, {});
    world.run_for(3s);
    world.network().heal();
  }
  world.run_for(60s);
  if (result != nullptr) *result = talk;
  return talk.too_early == 0 && talk.gaps == 0;
}

std::shared_ptr<const Cast> made(std::uint64_t number, std::vector<CastId> after) {
  return std::make_shared<const Cast>(Cast{{NodeId{1}, 1, number}, std::move(after), "x"});
}
CastId id(std::uint64_t number) {
  return {NodeId{1}, 1, number};
}
std::vector<std::uint64_t> numbers(const std::vector<CausalOrder::Next>& next) {
  std::vector<std::uint64_t> numbers;
  for (const auto& one : next) numbers.push_back(one.cast->id.number);
  return numbers;
}
using Numbers = std::vector<std::uint64_t>;
Standing standing(const std::set<CastId>& known, const CastId& id) {
  return known.contains(id) ? Standing::taken : Standing::unknown;
}

// 9 never comes; 3 follows it, and 2 follows 3. After five seconds both are heard, in their
// order, and 9 is named.
bool a_gap_is_named() {
  std::set<CastId> known;
  CausalOrder order({}, [&](const CastId& one) { return standing(known, one); });
  const Instant now = Instant{} + 1h;
  known.insert(id(2));
  order.enter(now, made(2, {id(3)}), now);
  if (!order.next(now).empty()) return false;
  known.insert(id(3));
  order.enter(now + 1s, made(3, {id(9)}), now);
  if (!order.next(now + 1s).empty() || !order.next(now + 4999ms).empty()) return false;
  const auto next = order.next(now + 5s);
  return numbers(next) == Numbers{3, 2} && next[0].missing == std::vector{MissingCast{id(9), now}} &&
         order.waiting() == 0 && !order.deadline();
}

// 9 is missing before 3. 3 is nothing to a listener of another name, to which 2 is the first that follows.
// What comes late is missing no longer.
bool a_gap_is_that_of_what_follows() {
  std::set<CastId> known{id(2), id(3), id(4), id(5)};
  CausalOrder order({}, [&](const CastId& one) { return standing(known, one); });
  const Instant now = Instant{} + 1h;
  order.enter(now, made(3, {id(9)}), now - 1s);
  order.enter(now, made(2, {id(3)}), now);
  const auto next = order.next(now + 5s);
  const std::vector gap{MissingCast{id(9), now - 1s}};
  if (numbers(next) != Numbers{3, 2} || next[0].missing != gap || next[1].missing != gap) return false;
  order.enter(now + 6s, made(4, {id(2)}), now);
  const auto later = order.next(now + 6s);
  if (later.size() != 1 || later[0].missing != gap || order.missing_before(*later[0].cast, now) != gap)
    return false;
  known.insert(id(9));
  order.enter(now + 7s, made(9, {}), now);
  order.enter(now + 7s, made(5, {id(4)}), now);
  const auto last = order.next(now + 7s);
  return last.size() == 2 && last[0].missing.empty() && last[1].missing.empty();
}

// 7 was forgotten by all before it came here: it is not waited for, and named.
bool what_nobody_has_is_a_gap_at_once() {
  std::set<CastId> known{id(8)};
  CausalOrder order(
      {}, [&](const CastId& one) { return one == id(7) ? Standing::missed : standing(known, one); });
  const Instant now = Instant{} + 1h;
  order.enter(now, made(8, {id(7)}), now);
  const auto next = order.next(now);
  return numbers(next) == Numbers{8} && next[0].missing == std::vector{MissingCast{id(7), now}};
}

}  // namespace

TEST_CASE("an answer is heard after its question by all, whatever is lost or late", "[causal]") {
  std::size_t heard = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    Talk talk;
    CHECK(is_in_order(seed, 0.3, &talk));
    heard += talk.heard;
    CHECK(talk.longest_after <= most_after);
  }
  CHECK(heard > 20 * 12 * 100);
}

TEST_CASE("a gap is named after five seconds, and what has come keeps its order", "[causal]") {
  CHECK(a_gap_is_named());
  std::set<CastId> known{id(5)};
  CausalOrder order({}, [&](const CastId& one) { return standing(known, one); });
  const Instant now = Instant{} + 1h;
  order.enter(now, made(5, {id(4)}), now);
  CHECK(order.next(now).empty());
  CHECK(order.deadline() == now + 5s);
  CHECK(numbers(order.next(now + 5s)) == Numbers{5});
  known.insert(id(4));  // late
  order.enter(now + 9s, made(4, {}), now);
  CHECK(numbers(order.next(now + 9s)) == Numbers{4});
  // They come together, in the wrong order.
  known.insert({id(6), id(7), id(8)});
  for (const std::uint64_t number : {8, 7, 6}) order.enter(now + 10s, made(number, {id(number - 1)}), now);
  CHECK(numbers(order.next(now + 10s)) == Numbers{6, 7, 8});
}

TEST_CASE("a cast follows all that was heard before, and no more is named than there is room for",
          "[causal]") {
  std::set<CastId> known;
  CausalOrder order({}, [&](const CastId& one) { return standing(known, one); });
  const Instant now = Instant{} + 1h;
  const auto enter = [&](std::uint64_t number, std::vector<CastId> after) {
    known.insert(id(number));
    order.enter(now, made(number, std::move(after)), now);
    (void)order.next(now);
  };
  enter(1, {});
  enter(2, {id(1)});
  enter(4, {id(3)});
  enter(3, {id(2)});  // late, and followed already
  CHECK(order.frontier(now) == std::vector{id(4)});
  for (std::uint64_t number = 100; number < 150; ++number) enter(number, {});
  std::uint64_t tie = 1000;
  while (order.needs_tie(now)) enter(tie++, order.frontier(now));
  CHECK(order.frontier(now).size() <= most_after);
  enter(tie, order.frontier(now));
  CHECK(order.frontier(now) == std::vector{id(tie)});
  CHECK(order.frontier(now + 11min).empty());
}

TEST_CASE("a gap is named before whatever follows it, and at once where nobody has it any more", "[causal]") {
  CHECK(a_gap_is_that_of_what_follows());
  CHECK(what_nobody_has_is_a_gap_at_once());
  // What is known of gaps is bounded.
  CausalOrder::Config config;
  config.most_behind_gaps = 10;
  CausalOrder order(config,
                    [](const CastId& one) { return one.number == 1 ? Standing::missed : Standing::taken; });
  const Instant now = Instant{} + 1h;
  for (std::uint64_t number = 2; number < 100; ++number) {
    order.enter(now, made(number, {id(number - 1)}), now);
    CHECK(order.next(now).size() == 1);
  }
  CHECK(order.missing_before(*made(100, {id(99)}), now).size() == 1);
  CHECK(order.missing_before(*made(51, {id(50)}), now).empty());
}

TEST_CASE("many casts are put in their order by one pass", "[causal]") {
  // A chain, kept in the opposite order: what went over all of it for each would take minutes.
  std::vector<std::pair<std::shared_ptr<const Cast>, Instant>> kept;
  constexpr std::uint64_t count = 60'000;
  for (std::uint64_t number = count; number > 0; --number)
    kept.emplace_back(made(number, {number == 1 ? id(count) : id(number - 1), id(count + 7)}), Instant{});
  const auto places = places_in_causal_order(kept);  // even where it is no order at all
  REQUIRE(places.size() == count);
  CHECK(std::set(places.begin(), places.end()).size() == count);
  kept.back().first = made(1, {});
  std::uint64_t number = 0;
  bool in_order = true;
  for (const std::size_t place : places_in_causal_order(kept))
    in_order = in_order && kept[place].first->id.number == ++number;
  CHECK(in_order);
  CHECK(number == count);
}

TEST_CASE("what waits is bounded", "[causal]") {
  CausalOrder::Config config;
  config.most_waiting = 10;
  CausalOrder order(config,
                    [](const CastId& one) { return one.number > 1 ? Standing::taken : Standing::unknown; });
  const Instant now = Instant{} + 1h;
  std::size_t heard = 0;
  for (std::uint64_t number = 2; number < 100; ++number) {
    order.enter(now, made(number, {{NodeId{2}, number, 1}}), now);
    heard += order.next(now).size();
    CHECK(order.waiting() <= 10);
  }
  CHECK(heard == 98 - 10);
}

TEST_CASE("every rule of the causal order that is removed is noticed", "[causal]") {
  mutants::check_stories({{"what_was_before_is_heard_before", [] { return is_in_order(1, 0.3); }},
                          {"a_gap_is_not_waited_for_for_ever", a_gap_is_named},
                          {"a_gap_is_that_of_all_that_follows", a_gap_is_that_of_what_follows},
                          {"what_has_come_keeps_its_order", a_gap_is_named}});
}
