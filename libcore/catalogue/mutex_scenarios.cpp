// SPDX-License-Identifier: MIT
// Stories of waiting: for a mutex, for each other, at a barrier.
#include <algorithm>
#include <array>

#include "base/format.hpp"
#include "catalogue/scenario.hpp"
#include "sim/world.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

std::string ms(Duration time) {
  return fmt::format("{:.0f} ms", static_cast<double>(time.count()) / 1e6);
}

// Nodes 1 to 3 want in at 0, 10 and 25 ms for 100, 80 and 60 ms; 4 and 5 only answer.
Story mutex_contention() {
  Setup setup;
  setup.nodes = 5;
  setup.link.delay_low = setup.link.delay_high = 15ms;
  setup.link.fifo = true;
  setup.asks = {{Instant{}, NodeId{1}, 100ms},
                {Instant{} + 10ms, NodeId{2}, 80ms},
                {Instant{} + 25ms, NodeId{3}, 60ms}};
  Report report;
  Story story = story_of("lamport", setup, report);
  Duration work{};
  Instant end{};
  for (const Span& span : report.spans) {
    if (span.kind == Span::Kind::working) work += span.to - span.from;
    end = std::max(end, span.to);
  }
  story.facts = {
      "Nodes 1, 2 and 3 contend; 4 and 5 only answer, each at once. Links take 15 ms.",
      "Entries go in the order of the requests' timestamps, one inside at a time.",
      fmt::format("{} of work took {}: the rest is asking, and one message delay a hand-over.", ms(work),
                  ms(end - Instant{})),
      fmt::format("{} messages for 3 entries: 3(N-1) = 12 each.", report.all_messages),
  };
  return story;
}

Story deadlock_of_three() {
  Setup setup;
  setup.nodes = 3;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.link.fifo = true;
  setup.hold_low = setup.hold_high = 20ms;
  setup.options["waits"] = "ring";
  for (std::uint64_t i = 1; i <= 3; ++i) setup.asks.push_back({Instant{} + i * 1ms, NodeId{i}, {}});
  Report report;
  Story story = story_of("cmh-and", setup, report);
  story.facts = {
      "1 waits for 2, 2 for 3, 3 for 1. 3 loses patience first and sends a probe along its edge.",
      fmt::format(
          "Each passes it on because it waits itself; it comes back to 3: a cycle, found by {} probes.",
          report.messages["probe"]),
      "3 has the youngest wait of the cycle, so it is the one that gives up; the others go on.",
  };
  return story;
}

// Node 1 is the store. Node 2 leads, and is cut off from it; 3 waits.
Story lease_time_line() {
  constexpr Duration ttl = 400ms, transit = 10ms, cut_at = 350ms;
  Setup setup;
  setup.nodes = 3;
  setup.link.delay_low = setup.link.delay_high = transit;
  setup.options["ttl_ms"] = std::to_string(ttl / 1ms);
  setup.asks = {{Instant{}, NodeId{2}, 10s}, {Instant{} + 50ms, NodeId{3}, 150ms}};
  sim::Fault cut;
  cut.kind = sim::FaultKind::bridge;
  cut.at = Instant{} + cut_at;
  cut.length = 600ms;
  cut.nodes = {NodeId{1}, NodeId{2}};
  setup.faults = {cut};
  setup.quiet_from = Instant{} + 1s;
  Report report;
  Story story = story_of("lease-race", setup, report);
  Instant stops{}, follows{};
  for (const Span& span : story.spans) {
    if (span.kind != Span::Kind::working) continue;
    if (span.node == NodeId{2}) stops = span.to;
    if (span.node == NodeId{3}) follows = span.from;
  }
  story.facts = {
      fmt::format("The lease is {}; the leader renews it every {} and is cut off from the store at {}.",
                  ms(ttl), ms(ttl / 4), ms(cut_at)),
      fmt::format("It stops by its own clock at {}: 0.8 of the lease after its last renewal that was "
                  "answered was sent.",
                  ms(stops - Instant{})),
      fmt::format("The store drops it later, a lease after it heard of it, and tells the next, which leads "
                  "from {}: nobody leads for {}, never two.",
                  ms(follows - Instant{}), ms(follows - stops)),
  };
  return story;
}

// Five arrive at a barrier that releases all when the fifth is there. Whoever arrives tells node 6, the
// counter; nothing takes time but the work, so the waits are the stragglers' doing alone.
struct BarrierApp {
  struct Node {};
  enum class Message { arrived, released };
  using Input = Message;
  using Job = sim::NoJob;
  using Port = sim::Port<BarrierApp>;
  static constexpr NodeId counter{6};
  static constexpr std::array<Duration, 5> work = {50ms, 75ms, 180ms, 60ms, 200ms};

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    if (port.self() != counter)
      port.after(work[static_cast<std::size_t>(port.self().value - 1)], Message::arrived);
    return std::make_unique<Node>();
  }
  void on_input(Node&, Instant, Input, Port& port) {
    arrived[port.self()] = port.world_now();
    port.note([] { return "arrives"; });
    port.send(counter, Message::arrived);
  }
  void on_message(Node&, Instant, NodeId from, Message message, Port& port) {
    if (message == Message::released) {
      released[port.self()] = port.world_now();
      port.note([] { return "goes on"; });
      return;
    }
    trigger = from;
    if (++count < work.size()) return;
    for (std::size_t i = 1; i <= work.size(); ++i) port.send(NodeId{i}, Message::released);
  }
  std::string describe(Message message) const { return message == Message::arrived ? "arrived" : "release"; }

  std::size_t count = 0;
  NodeId trigger;
  std::map<NodeId, Instant> arrived, released;
};

Story barrier_stragglers() {
  BarrierApp app;
  sim::WorldConfig config;
  config.nodes = 6;
  config.link.delay_low = config.link.delay_high = 0ms;
  config.link.fifo = true;
  sim::World<BarrierApp> world(app, config);
  Story story;
  story.nodes = 5;
  world.set_trace(&story.trace);
  world.start_all();
  world.run_for(1s);
  Duration waited{}, worked{};
  std::string each;
  for (const auto& [node, time] : app.arrived) {
    story.spans.push_back({node, Instant{}, time, "works", Span::Kind::working});
    const Instant free = app.released.at(node);
    if (free > time) story.spans.push_back({node, time, free, "waits", Span::Kind::waiting});
    waited += free - time;
    worked += time - Instant{};
    each += (each.empty() ? "" : ", ") + ms(free - time);
  }
  const double share =
      100 * static_cast<double>(worked.count()) / static_cast<double>((worked + waited).count());
  story.facts = {
      fmt::format("Node {} arrives last and triggers the release of all.", app.trigger.value),
      fmt::format("They wait {}: {} in all.", each, ms(waited)),
      fmt::format("Efficiency {:.1f} %: {} of work in {} of five nodes' time.", share, ms(worked),
                  ms(worked + waited)),
  };
  return story;
}

}  // namespace

std::vector<Scenario> mutex_scenarios() {
  return {
      {"mutex-contention", "three nodes want one mutex, two only answer (Lamport)", Drawing::gantt,
       mutex_contention},
      {"deadlock-of-three", "three wait for each other; a probe finds it", Drawing::space_time,
       deadlock_of_three},
      {"lease-time-line", "a leader is cut off from its lease, and stops in time", Drawing::gantt,
       lease_time_line},
      {"barrier-stragglers", "five meet at a barrier, two of them late", Drawing::gantt, barrier_stragglers},
  };
}

}  // namespace coord::catalogue
