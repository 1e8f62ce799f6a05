// SPDX-License-Identifier: MIT
// How fast is the simulator? Three loads, events a second of processor time each, on this machine and build:
//   walk       1,000 nodes, 1,000 messages under way, each handed on 1,000 times
//   broadcast  1,000 nodes, each tells every other at once: 10^6 messages under way
//   timers     1,000 nodes that only wake up by their own clocks, of different rates
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "sim/world.hpp"

using namespace coord;
using namespace std::chrono_literals;

namespace {

enum class Load { walk, broadcast, timers };

struct App {
  struct Node {
    Random random{0};
    Instant next_tick;
    std::uint64_t heard = 0;
  };
  using Message = std::uint32_t;  // how often it is still handed on
  struct Begin {};
  using Input = Begin;
  using Job = sim::NoJob;

  Result<std::unique_ptr<Node>> start(Instant now, sim::Port<App>& port) {
    auto node = std::make_unique<Node>();
    node->random = Random(port.random().next());
    node->next_tick = now + 1ms;
    return node;
  }
  void on_input(Node& node, Instant, Begin, sim::Port<App>& port) {
    if (load == Load::walk) return hand_on(node, 1000, port);
    for (std::size_t to = 1; load == Load::broadcast && to <= nodes; ++to) {
      if (NodeId{to} != port.self()) port.send(NodeId{to}, 0);
    }
  }
  void on_message(Node& node, Instant, NodeId, Message left, sim::Port<App>& port) {
    ++node.heard;
    if (left > 0) hand_on(node, left, port);
  }
  void hand_on(Node& node, Message left, sim::Port<App>& port) {
    port.send(NodeId{1 + node.random.below(nodes)}, left - 1);
  }
  std::optional<Instant> deadline(const Node& node) const {
    if (load != Load::timers) return std::nullopt;
    return node.next_tick;
  }
  void on_tick(Node& node, Instant now, sim::Port<App>&) { node.next_tick = now + 1ms; }
  std::string describe(const Message& message) const { return std::to_string(message); }

  Load load;
  std::size_t nodes;
};

void measure(const char* name, Load load) {
  App app{load, 1000};
  sim::WorldConfig config;
  config.nodes = app.nodes;
  config.clock_rate_spread_ppm = 100'000;
  sim::World<App> world(app, config);
  const std::clock_t begin = std::clock();
  world.start_all();
  for (std::size_t i = 1; i <= app.nodes; ++i) world.input(NodeId{i}, {});
  world.run_for(load == Load::timers ? Duration(1s) : Duration(1h));
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const auto events = world.statistics().events;
  std::printf("%-10s %9llu events %7.2f s %12.0f events/s  fingerprint %016llx\n", name,
              static_cast<unsigned long long>(events), took, static_cast<double>(events) / took,
              static_cast<unsigned long long>(world.fingerprint()));
}

}  // namespace

int main() {
  measure("walk", Load::walk);
  measure("broadcast", Load::broadcast);
  measure("timers", Load::timers);
  return 0;
}
