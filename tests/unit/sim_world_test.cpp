// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "sim/world.hpp"

using namespace coord;
using namespace coord::sim;
using namespace std::chrono_literals;

namespace {

// A node that counts: each input is written to its disk, told to the next node once it is durable, and read
// at the start.
struct Counter {
  struct Node {
    NodeId self;
    VirtualDisk* disk = nullptr;
    std::unique_ptr<DiskFile> file;
    std::uint8_t durable = 0;
    std::uint8_t heard = 0;
    int ticks = 0;
    Instant next_tick;
  };
  struct Add {};
  struct Write {
    std::uint8_t value = 0;
    bool ok = false;
  };
  using Message = std::uint8_t;
  using Input = Add;
  using Job = Write;

  Result<std::unique_ptr<Node>> start(Instant now, Port<Counter>& port) {
    auto node = std::make_unique<Node>();
    node->self = port.self();
    node->disk = &port.disk();
    auto opened = node->disk->open("count");
    if (!opened.ok()) opened = node->disk->create("count");
    if (!opened.ok()) return opened.error();
    node->file = std::move(opened).value();
    auto synced = node->disk->sync_directory();
    if (!synced.ok()) return synced.error();
    auto read = node->file->read(0, 1);
    if (!read.ok()) return read.error();
    if (!read->empty()) node->durable = read->front();
    if (node->durable > 100) return Error{ErrorKind::data, "count", "damaged", "restore it"};
    node->next_tick = now + 100ms;
    return node;
  }
  void on_message(Node& node, Instant, NodeId from, Message message, Port<Counter>& port) {
    node.heard = message;
    port.note([&] { return "heard " + std::to_string(message) + " of " + std::to_string(from.value); });
  }
  void on_input(Node& node, Instant, Add, Port<Counter>& port) {
    port.job({static_cast<std::uint8_t>(node.durable + 1)});
  }
  void perform(Node& node, Job& job) {
    const Bytes byte{job.value};
    job.ok = node.file->write(0, byte).ok() && node.file->sync().ok();
  }
  void on_done(Node& node, Instant, Job job, Port<Counter>& port) {
    if (!job.ok) return port.stop("its disk failed");
    node.durable = job.value;
    port.send(NodeId{node.self.value % 3 + 1}, job.value);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.next_tick; }
  void on_tick(Node& node, Instant now, Port<Counter>&) {
    ++node.ticks;
    node.next_tick = now + 100ms;
  }
  std::string describe(const Message& message) const { return "count " + std::to_string(message); }
  void on_crash(NodeId node) { dead.push_back(node.value); }

  std::vector<std::uint64_t> dead;
};

const NodeId one{1}, two{2}, three{3};

}  // namespace

TEST_CASE("a step's disk work completes later and then causes a message") {
  Counter app;
  World<Counter> world(app, {});
  Trace trace;
  world.set_trace(&trace);
  world.start_all();
  world.input(one, {});
  world.run_for(1us);
  CHECK(world.node(one)->durable == 0);
  world.run_for(30ms);
  CHECK(world.node(one)->durable == 1);
  CHECK(world.node(two)->heard == 1);
  CHECK(trace.text().find("1 > 2 count 1\n") != std::string::npos);
  CHECK(trace.text().find("2 - heard 1 of 1\n") != std::string::npos);
}

TEST_CASE("a crash loses memory and what was under way on the disk, a restart finds what is durable") {
  Counter app;
  World<Counter> world(app, {});
  world.start_all();
  for (int i = 0; i < 3; ++i) {
    world.input(one, {});
    world.run_for(30ms);
  }
  REQUIRE(world.node(one)->durable == 3);
  world.crash(one, CrashKind::power);
  CHECK(world.node(one) == nullptr);
  CHECK(world.state(one) == NodeState::down);
  CHECK(app.dead == std::vector<std::uint64_t>{1});
  world.input(one, {});
  world.run_for(1s);
  world.start(one);
  CHECK(world.node(one)->durable == 3);
  CHECK(world.node(one)->ticks == 0);
}

TEST_CASE("a node that died inside a disk call comes back by itself") {
  for (std::uint64_t call = 0; call < 2; ++call) {
    Counter app;
    World<Counter> world(app, {});
    world.start_all();
    world.disk(one).arm(call, DiskFault::crash_power);
    world.input(one, {});
    world.run_for(20ms);
    CHECK(world.node(one) == nullptr);
    CHECK(world.node(two)->heard == 0);
    world.run_for(1s);
    REQUIRE(world.node(one) != nullptr);
    CHECK(world.node(one)->durable <= 1);
    CHECK(world.faults().of(FaultKind::crash_in_call) == 1);
    CHECK(world.faults().of(FaultKind::restart) == 1);
  }
}

TEST_CASE("a node may stop by itself, and refuse to start") {
  Counter app;
  World<Counter> world(app, {});
  world.start_all();
  world.disk(one).arm(0, DiskFault::error);
  world.input(one, {});
  world.run_for(1s);
  CHECK(world.state(one) == NodeState::stopped);
  CHECK(world.why(one) == "its disk failed");
  world.input(two, {});
  world.run_for(1s);
  REQUIRE(world.disk(two).flip_bit("count", 0, 7));
  world.crash(two, CrashKind::process);
  world.start(two);
  CHECK(world.state(two) == NodeState::refused);
  CHECK(world.why(two) == "count: damaged: restore it");
}

TEST_CASE("a paused node gets everything at once when it goes on") {
  Counter app;
  World<Counter> world(app, {});
  world.start_all();
  world.pause(two);
  for (int i = 0; i < 3; ++i) {
    world.input(one, {});
    world.run_for(100ms);
  }
  CHECK(world.node(two)->heard == 0);
  CHECK(world.node(two)->ticks == 0);
  world.resume(two);
  world.run_for(0ns);
  CHECK(world.node(two)->heard == 3);
  CHECK(world.node(two)->ticks == 1);  // what it makes of a late tick is its own affair
}

TEST_CASE("a fast clock ticks more often") {
  Counter app;
  World<Counter> world(app, {});
  world.start_all();
  world.set_clock_rate(one, 1'100'000);
  world.set_clock_rate(two, 900'000);
  world.run_for(10s + 1ms);
  CHECK(world.node(one)->ticks == 110);
  CHECK(world.node(two)->ticks == 90);
  CHECK(world.node(three)->ticks == 100);
}

TEST_CASE("cut links lose messages, also those under way") {
  Counter app;
  World<Counter> world(app, {});
  world.start_all();
  const auto told = [&] {
    world.input(one, {});
    world.run_for(50ms);
    return world.node(two)->heard == world.node(one)->durable;
  };
  CHECK(told());
  world.network().cut(one, two);
  CHECK_FALSE(told());
  world.network().heal();
  CHECK(told());
  world.network().cut(two, one);  // the other direction
  CHECK(told());
  world.network().partition({{one, two}});
  CHECK(told());
  world.network().isolate(two);
  CHECK_FALSE(told());
  world.network().heal();
  world.network().bridge(one, two);
  CHECK(world.network().is_cut(two, one));
  CHECK_FALSE(world.network().is_cut(one, three));
  CHECK_FALSE(told());
  world.network().heal();
  world.network().set_link(one, two, {.delay_low = 1s, .delay_high = 1s});
  world.input(one, {});
  world.run_for(900ms);
  world.network().cut(one, two);
  world.run_for(1s);
  CHECK(world.node(two)->heard < world.node(one)->durable);
  CHECK(world.faults().of(FaultKind::message_cut) == 4);
}

TEST_CASE("a check that objects ends the run with its name, time and node") {
  Counter app;
  World<Counter> world(app, {});
  world.add_check("small", [](const World<Counter>& w, NodeId stepped) -> std::optional<std::string> {
    if (!w.node(stepped) || w.node(stepped)->durable < 2) return std::nullopt;
    return "it has counted to " + std::to_string(w.node(stepped)->durable);
  });
  world.start_all();
  world.at(Instant{} + 1s, [&] { world.input(three, {}); });
  world.at(Instant{} + 2s, [&] { world.input(three, {}); });
  world.run_until(Instant{} + 10s);
  REQUIRE(world.violation());
  CHECK(world.violation()->check == "small");
  CHECK(world.violation()->node == three);
  CHECK(world.violation()->when >= Instant{} + 2s);
  CHECK(world.violation()->text().find("by node 3: it has counted to 2") != std::string::npos);
  CHECK_FALSE(world.step());
}

TEST_CASE("one seed, one run, a trace changes nothing") {
  const auto run = [](std::uint64_t seed, Trace* trace) {
    Counter app;
    WorldConfig config;
    config.seed = seed;
    config.link.drop = 0.1;
    config.link.duplicate = 0.1;
    config.link.reorder = 0.1;
    config.clock_rate_spread_ppm = 100'000;
    config.clock_start_high = 1h;
    World<Counter> world(app, config);
    world.set_trace(trace);
    world.start_all();
    for (int i = 0; i < 50; ++i) {
      world.input(NodeId{1 + world.random().below(3)}, {});
      world.run_for(world.random().between(0ns, 20ms));
      if (i == 30) world.crash(one, CrashKind::power);
      if (i == 35) world.start(one);
    }
    return world.fingerprint();
  };
  Trace first, second;
  CHECK(run(5, &first) == run(5, nullptr));
  run(5, &second);
  CHECK(first.text() == second.text());
  CHECK(run(5, nullptr) != run(6, nullptr));
}
