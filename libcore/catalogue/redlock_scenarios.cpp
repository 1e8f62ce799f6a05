// SPDX-License-Identifier: MIT
// Stories of Redlock: two holders by a pause, and by a clock that is set; and what a number would have done
// that grows with every grant.
#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <variant>

#include "base/format.hpp"
#include "catalogue/scenario.hpp"
#include "protocol/mutex/redlock.hpp"
#include "sim/world.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using mutex::Redlock;

std::string in_ms(Duration time) {
  return fmt::format("{:.0f} ms", static_cast<double>(time.count()) / 1e6);
}

// Nodes 1 to 3 are the stores, 4 and 5 want the lock to write to 6, a disk that takes what it is sent. Who
// has the lock looks at its clock, and writes a moment after that.
struct StoresApp {
  static constexpr NodeId first{4}, second{5}, disk{6};
  struct Node {
    explicit Node(Redlock made) : site(std::move(made)) {}
    Redlock site;
    bool wants = false;
    std::uint64_t number = 0;   // of its grant, as a log would have given it
    std::uint64_t highest = 0;  // the disk's: that it has seen
  };
  struct Write {
    std::uint64_t number = 0;
  };
  using Message = std::variant<mutex::redlock::Message, Write>;
  enum class Input { want, look, write };
  using Job = sim::NoJob;
  using Port = sim::Port<StoresApp>;

  StoresApp(Duration lease, Duration first_works, Duration second_works)
      : ttl(lease), work{{first, first_works}, {second, second_works}} {}

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    Redlock::Config config{port.self(), {NodeId{1}, NodeId{2}, NodeId{3}}, ttl, 160ms, port.self().value, 0};
    return std::make_unique<Node>(Redlock(std::move(config)));
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    if (const auto* write = std::get_if<Write>(&message)) return take(node, *write, port);
    perform(node, now, Redlock::Receive{from, std::get<mutex::redlock::Message>(std::move(message))}, port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    if (input == Input::want) {
      node.wants = true;
      asked[port.self()] = port.world_now();
      port.note([] { return "wants the lock"; });
      perform(node, now, mutex::Acquire{}, port);
    } else if (input == Input::look) {
      if (node.site.phase() != mutex::Phase::inside) return;
      port.note([] { return "looks at its clock: the lock is its own"; });
      port.after(1ms, Input::write);
    } else {
      wrote[port.self()] = port.world_now();
      port.note([&] { return "writes, as holder " + std::to_string(node.number); });
      port.send(disk, Write{node.number});
      perform(node, now, mutex::Release{}, port);
    }
  }
  std::optional<Instant> deadline(const Node& node) const { return node.site.deadline(); }
  void on_tick(Node& node, Instant now, Port& port) { perform(node, now, Redlock::Tick{}, port); }
  std::string describe(const Message& message) const {
    if (const auto* write = std::get_if<Write>(&message))
      return "write of holder " + std::to_string(write->number);
    const auto& of_lock = std::get<mutex::redlock::Message>(message);
    if (const auto* set = std::get_if<mutex::redlock::Set>(&of_lock))
      return set->longer ? "keep longer" : "set";
    if (const auto* answer = std::get_if<mutex::redlock::Answer>(&of_lock))
      return answer->kept ? "kept" : "not kept";
    return "drop";
  }

  void take(Node& node, const Write& write, Port& port) {
    const bool is_old = write.number < node.highest;
    if (is_old) {
      refused = write.number;
      port.note([&] {
        return "takes a write of holder " + std::to_string(write.number) + " after one of " +
               std::to_string(node.highest) + ": by its token it would be refused";
      });
    }
    node.highest = std::max(node.highest, write.number);
  }
  void perform(Node& node, Instant now, const Redlock::Event& event, Port& port) {
    for (const auto& action : node.site.step(now, event)) {
      if (const auto* send = std::get_if<Redlock::Send>(&action)) {
        port.send(send->to, send->message);
      } else if (std::holds_alternative<mutex::Granted>(action)) {
        node.number = ++grants;
        granted[port.self()] = port.world_now();
        port.note([&] { return "has the lock, as holder " + std::to_string(node.number); });
        port.after(work.at(port.self()), Input::look);
      } else if (std::holds_alternative<election::Lost>(action)) {
        lost[port.self()] = port.world_now();
        port.note([] { return "its time is over"; });
      }
    }
  }

  Duration ttl;
  std::map<NodeId, Duration> work;  // before it writes
  std::uint64_t grants = 0, refused = 0;
  std::map<NodeId, Instant> asked, granted, wrote, lost;
};

using StoresWorld = sim::World<StoresApp>;

Story played(StoresApp& app, const std::function<void(StoresWorld&)>& goes_wrong) {
  sim::WorldConfig config;
  config.nodes = 6;
  config.link.delay_low = config.link.delay_high = 5ms;
  config.link.fifo = true;
  StoresWorld world(app, config);
  Story story;
  story.nodes = 6;
  world.set_trace(&story.trace);
  world.start_all();
  goes_wrong(world);
  world.at(Instant{} + 10ms, [&] { world.input(StoresApp::first, StoresApp::Input::want); });
  world.at(Instant{} + 100ms, [&] { world.input(StoresApp::second, StoresApp::Input::want); });
  world.run_for(2s);
  for (const NodeId node : {StoresApp::first, StoresApp::second}) {
    const Instant in = app.granted.at(node), out = app.wrote.at(node);
    story.spans.push_back({node, app.asked.at(node), in, "asks", Span::Kind::waiting});
    story.spans.push_back({node, in, out, "has it", Span::Kind::working});
  }
  return story;
}

std::vector<std::string> ending(const StoresApp& app) {
  const Instant both = app.granted.at(StoresApp::second),
                end = std::min(app.wrote.at(StoresApp::first), app.wrote.at(StoresApp::second));
  return {
      fmt::format("From {} to {} both act as holders, and the disk takes both writes.",
                  in_ms(both - Instant{}), in_ms(std::max(both, end) - Instant{})),
      fmt::format(
          "With a token that grows with each grant the disk would have refused the write of holder {}. "
          "The stores have no order in common, so there is none.",
          app.refused),
  };
}

// The process of node 4 is stopped between its look at the clock and its write.
Story redlock_pause() {
  constexpr Duration stopped = 700ms;
  StoresApp app(400ms, 50ms, 50ms);
  Story story = played(app, [&](StoresWorld& world) {
    world.at(Instant{} + 70ms + 500us, [&] { world.pause(StoresApp::first); });
    world.at(Instant{} + 70ms + 500us + stopped, [&] { world.resume(StoresApp::first); });
  });
  story.facts = {
      fmt::format(
          "Stores 1 to 3 keep the key for {}. 4 gets it, looks at its clock, and is stopped for {} before it "
          "writes.",
          in_ms(app.ttl), in_ms(stopped)),
      "The stores drop its key, 5 gets it from all three and writes; then 4 goes on with its write.",
  };
  std::ranges::copy(ending(app), std::back_inserter(story.facts));
  return story;
}

// The clocks of two stores run ahead by far: to them it is as if they had been set.
Story redlock_clock_step() {
  constexpr Instant at = Instant{} + 40ms;
  constexpr Duration step = 50ms;
  constexpr std::int64_t fast_ppm = 21'000'000;
  StoresApp app(400ms, 280ms, 60ms);
  Story story = played(app, [&](StoresWorld& world) {
    for (const NodeId store : {NodeId{1}, NodeId{2}}) {
      world.at(at, [&world, store] { world.set_clock_rate(store, fast_ppm); });
      world.at(at + step, [&world, store] { world.set_clock_rate(store, sim::LocalClock::true_rate_ppm); });
    }
  });
  story.facts = {
      fmt::format(
          "Stores 1 to 3 keep the key for {}. At {} the clocks of 1 and 2 jump ahead, by one second in {}.",
          in_ms(app.ttl), in_ms(at - Instant{}), in_ms(step)),
      "They drop the key of 4, which has done nothing wrong: 5 gets it from those two, a majority.",
  };
  std::ranges::copy(ending(app), std::back_inserter(story.facts));
  return story;
}

}  // namespace

std::vector<Scenario> redlock_scenarios() {
  return {
      {"redlock-pause", "Redlock: a holder is stopped before it writes; two write", Drawing::gantt,
       redlock_pause},
      {"redlock-clock-step", "Redlock: the clocks of two stores are set; two hold", Drawing::gantt,
       redlock_clock_step},
  };
}

}  // namespace coord::catalogue
