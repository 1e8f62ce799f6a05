// SPDX-License-Identifier: MIT
// The parts of the simulator alone: schedule, clocks, network, trace, plans of faults.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/random.hpp"
#include "sim/faults.hpp"
#include "sim/local_clock.hpp"
#include "sim/network.hpp"
#include "sim/schedule.hpp"
#include "sim/trace.hpp"

using namespace coord;
using namespace coord::sim;
using namespace std::chrono_literals;

namespace {

const NodeId one{1}, two{2}, three{3};
constexpr Instant zero{};

}  // namespace

TEST_CASE("the schedule gives events by time, then in the order in which they came") {
  Schedule<int> schedule;
  std::multimap<Instant, int> model;  // keeps the order of equal keys
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    if (model.empty() || random.chance(0.6)) {
      const Instant time = zero + Duration(static_cast<std::int64_t>(random.below(50)));
      schedule.push(time, i);
      model.emplace(time, i);
    } else {
      REQUIRE(schedule.next_time() == model.begin()->first);
      REQUIRE(schedule.pop() == model.begin()->second);
      model.erase(model.begin());
    }
    REQUIRE(schedule.size() == model.size());
  }
}

TEST_CASE("a clock's reaches() is the first moment at which it shows that time, at every rate") {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    LocalClock clock(zero + random.between(0ns, 1h),
                     900'000 + static_cast<std::int64_t>(random.below(200'001)));
    const Instant world = zero + random.between(0ns, 1h);
    const Instant before = clock.at(world);
    clock.set_rate(world, 900'000 + static_cast<std::int64_t>(random.below(200'001)));
    REQUIRE(clock.at(world) == before);  // a change of rate is no jump
    const Instant wanted = before + Duration(1) + random.between(0ns, 10s);
    const Instant moment = clock.reaches(wanted);
    REQUIRE(clock.at(moment) >= wanted);
    REQUIRE(clock.at(moment - Duration(1)) < wanted);
  }
  const LocalClock slow(zero, 900'000);
  CHECK(slow.reaches(Instant::max()) == Instant::max());
  CHECK(slow.reaches(Instant::min()) == zero);
}

TEST_CASE("a lossless link delivers once, within its delays, a FIFO one in order") {
  Link link{.delay_low = 5ms, .delay_high = 50ms};
  link.fifo = GENERATE(false, true);
  Network network(Random(1), 3, link);
  Instant last{};
  bool overtaken = false;
  for (int i = 0; i < 1000; ++i) {
    const Instant now = zero + i * 1ms;
    const auto arrivals = network.send(now, one, two);
    REQUIRE(arrivals.count == 1);
    CHECK(arrivals.times[0] >= now + 5ms);
    CHECK(arrivals.times[0] <= now + 50ms);
    overtaken = overtaken || arrivals.times[0] < last;
    last = std::max(last, arrivals.times[0]);
  }
  CHECK(overtaken == !link.fifo);
  CHECK(network.send(zero, one, one).times[0] == zero);
}

TEST_CASE("a bad link drops, doubles and delays about as often as it says, and counts") {
  Network network(Random(1), 2,
                  {.delay_low = 1ms, .delay_high = 1ms, .drop = 0.1, .duplicate = 0.2, .reorder = 0.3});
  std::uint64_t arrived = 0;
  for (int i = 0; i < 10'000; ++i) arrived += network.send(zero, one, two).count;
  const auto& counts = network.counts();
  CHECK(counts.of(FaultKind::message_dropped) == Approx(1000).margin(100));
  CHECK(counts.of(FaultKind::message_duplicated) == Approx(1800).margin(150));
  CHECK(counts.of(FaultKind::message_reordered) == Approx(3240).margin(250));
  CHECK(arrived == 10'000 - counts.of(FaultKind::message_dropped) + counts.of(FaultKind::message_duplicated));
  network.set_everywhere({});
  network.set_weather({.drop = 1});
  CHECK(network.send(zero, one, two).count == 0);
  network.set_weather({});
  CHECK(network.send(zero, one, two).count == 1);
}

TEST_CASE("cuts: one way, bridge, partition, split, heal") {
  Network network(Random(1), 4, {});
  const auto heard = [&] {  // of the 12 directions, those that are whole
    int whole = 0;
    for (std::size_t a = 1; a <= 4; ++a) {
      for (std::size_t b = 1; b <= 4; ++b) whole += a != b && !network.is_cut(NodeId{a}, NodeId{b}) ? 1 : 0;
    }
    return whole;
  };
  CHECK(heard() == 12);
  network.cut(one, two);
  network.cut(one, two);
  CHECK(heard() == 11);
  CHECK_FALSE(network.is_cut(two, one));
  network.mend(one, two);
  network.mend(one, two);
  CHECK(heard() == 12);
  network.bridge(one, two);
  CHECK(heard() == 10);
  network.isolate(three);
  CHECK(heard() == 4);  // on top of the bridge
  network.partition({{one, two}});
  CHECK(heard() == 4);
  CHECK_FALSE(network.is_cut(three, NodeId{4}));  // who is in no group is with the others that are in none
  network.partition({{one}, {two}, {three}});
  CHECK(heard() == 0);
  network.heal();
  CHECK(heard() == 12);
}

TEST_CASE("a trace keeps the last records and says how many it lost") {
  Trace trace(3);
  for (int i = 0; i < 5; ++i) {
    trace.add({TraceRecord::Kind::received, zero + i * 100ms, zero, one, two,
               "vote request term " + std::to_string(i)});
  }
  trace.add({TraceRecord::Kind::lost, zero + 1s, zero, one, two, "vote"});
  trace.add({TraceRecord::Kind::world, zero + 12345678us, zero, NodeId{}, NodeId{}, "quiet"});
  CHECK(trace.text() ==
        "(4 earlier lines are not kept)\n"
        "[  400] 2 > 1 vote request term 4\n"
        "[ 1000] 2 x 1 vote\n"
        "[12345] * quiet\n");
}

TEST_CASE("a plan of faults: by seed, in order, with all kinds over many seeds, damage to a minority") {
  const FaultConfig config = FaultConfig::everything(10s, 5);
  const auto lines = [](const std::vector<Fault>& plan) {
    std::string all;
    for (const Fault& fault : plan) all += text(fault) + "\n";
    return all;
  };
  CHECK(lines(plan_faults(config, 5, 7)) == lines(plan_faults(config, 5, 7)));
  CHECK(lines(plan_faults(config, 5, 7)) != lines(plan_faults(config, 5, 8)));
  std::set<FaultKind> kinds;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    std::set<NodeId> damaged;
    Instant last{};
    for (const Fault& fault : plan_faults(config, 5, seed)) {
      kinds.insert(fault.kind);
      CHECK(fault.at >= last);
      CHECK(fault.at < zero + 10s);
      CHECK(fault.length >= config.length_low);
      CHECK(fault.length <= config.length_high);
      last = fault.at;
      if (fault.kind == FaultKind::bit_flip || fault.kind == FaultKind::disk_error ||
          fault.kind == FaultKind::disk_replaced) {
        damaged.insert(fault.nodes.begin(), fault.nodes.end());
      }
      for (const NodeId node : fault.nodes) CHECK((node.value >= 1 && node.value <= 5));
      if (fault.kind == FaultKind::partition) CHECK((!fault.nodes.empty() && fault.nodes.size() <= 2));
    }
    CHECK(damaged.size() <= 2);
  }
  CHECK(kinds.size() == config.mean_gap.size());
  CHECK(plan_faults(config, 1, 3).size() > 0);  // a node alone has no partitions but may crash
  Fault fault{FaultKind::partition, zero, 300ms, {one, two}};
  CHECK(text(fault) == "partition {1 2} for 300 ms");
}

TEST_CASE("shrinking leaves the faults that a failure needs, within its budget") {
  std::vector<Fault> plan(40);
  for (std::size_t i = 0; i < plan.size(); ++i) plan[i].amount = i;
  const auto needs_7_and_31 = [](const std::vector<Fault>& faults) {
    const auto has = [&](std::uint64_t amount) {
      return std::any_of(faults.begin(), faults.end(),
                         [&](const Fault& fault) { return fault.amount == amount; });
    };
    return has(7) && has(31);
  };
  const auto shortest = shrink(plan, needs_7_and_31);
  REQUIRE(shortest.size() == 2);
  CHECK(shortest[0].amount == 7);
  CHECK(shortest[1].amount == 31);
  int calls = 0;
  const auto some = shrink(
      plan, [&](const auto& faults) { return ++calls, needs_7_and_31(faults); }, 5);
  CHECK(calls <= 5);
  CHECK(needs_7_and_31(some));
  CHECK(shrink({}, needs_7_and_31).empty());
}
