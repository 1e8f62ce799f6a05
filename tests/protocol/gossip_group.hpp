// SPDX-License-Identifier: MIT
// A group that casts (protocol/broadcast/gossip.hpp) in the simulator's world.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/broadcast/gossip.hpp"
#include "sim/world.hpp"

namespace coord::broadcast::test {

using namespace std::chrono_literals;

struct GossipApp {
  struct Node {
    explicit Node(const Gossip::Config& config) : gossip(config) {}
    Gossip gossip;
  };
  using Message = GossipMessage;
  using Input = std::variant<Gossip::Begin, Gossip::Meet, Gossip::Members>;
  using Job = sim::NoJob;

  std::size_t size = 0;
  Gossip::Config config{};
  bool no_datagrams = false;
  std::map<NodeId, std::map<CastId, int>> arrived{};  // in all lives; how often
  std::map<NodeId, std::map<CastId, Payload>> bodies{};
  std::map<CastId, std::pair<Instant, Instant>> first_and_last{};
  std::vector<CastId> begun{}, confirmed{};
  std::uint64_t lives = 0, datagrams = 0, streams = 0;

  Gossip::Members members() const {
    Gossip::Members all;
    for (std::uint64_t i = 1; i <= size; ++i) all.all.push_back(NodeId{i});
    all.alive = all.all;
    return all;
  }
  Result<std::unique_ptr<Node>> start(Instant now, sim::Port<GossipApp>& port) {
    Gossip::Config own = config;
    own.self = port.self();
    own.life = ++lives;
    own.seed = port.random().next();
    auto node = std::make_unique<Node>(own);
    perform(port, node->gossip.step(now, members()));
    return node;
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, sim::Port<GossipApp>& port) {
    perform(port, node.gossip.step(now, Gossip::Receive{from, std::move(message)}));
  }
  std::string describe(const Message& message) const { return text(message); }
  void on_input(Node& node, Instant now, Input input, sim::Port<GossipApp>& port) {
    std::visit([&](const auto& what) { perform(port, node.gossip.step(now, what)); }, input);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.gossip.deadline(); }
  void on_tick(Node& node, Instant now, sim::Port<GossipApp>& port) {
    perform(port, node.gossip.step(now, Gossip::Tick{}));
  }
  void perform(sim::Port<GossipApp>& port, Gossip::Actions actions) {
    for (Gossip::Action& action : actions) {
      if (auto* send = std::get_if<Gossip::Send>(&action)) {
        if (goes_by_stream(send->message)) {
          ++streams;
          port.send_ordered(send->to, std::move(send->message));
        } else if (++datagrams; !no_datagrams) {
          port.send_datagram(send->to, std::move(send->message));
        }
      } else if (const auto* came = std::get_if<Gossip::Arrived>(&action)) {
        const CastId& id = came->cast->id;
        ++arrived[port.self()][id];
        bodies[port.self()][id] = came->cast->body;
        const Instant now = port.world_now();
        const auto entry = first_and_last.emplace(id, std::pair(now, now)).first;
        entry->second.second = now;
        if (id.origin == port.self()) begun.push_back(id);
      } else {
        confirmed.push_back(std::get<Gossip::Confirmed>(action).id);
      }
    }
  }

  // Of all nodes.
  std::size_t lacking(const CastId& id) {
    std::size_t count = 0;
    for (std::uint64_t i = 1; i <= size; ++i) count += arrived[NodeId{i}].contains(id) ? 0 : 1;
    return count;
  }
  int most_often() const {
    int most = 0;
    for (const auto& [node, casts] : arrived)
      for (const auto& [id, count] : casts) most = std::max(most, count);
    return most;
  }
};

struct Casting {
  GossipApp app;
  sim::WorldConfig world_config;
  std::unique_ptr<sim::World<GossipApp>> world;

  explicit Casting(std::size_t nodes, double loss = 0, std::uint64_t seed = 1, Gossip::Config config = {}) {
    app.size = nodes;
    app.config = config;
    world_config.nodes = nodes;
    world_config.seed = seed;
    world_config.link = {200us, 1ms, loss, 0.02, 0.05, 5ms, false};
    world = std::make_unique<sim::World<GossipApp>>(app, world_config);
    world->start_all();
  }
  CastId cast(std::uint64_t node, Payload body) {
    world->input(NodeId{node}, Gossip::Begin{std::move(body), {}});
    world->run_for(1us);
    return app.begun.back();
  }
  // How long it took until all have it; at most `within`.
  Duration until_all_have(const CastId& id, Duration within) {
    const Instant begun = world->now();
    while (app.lacking(id) > 0 && world->now() - begun < within) world->run_for(1ms);
    return world->now() - begun;
  }
  const Gossip& at(std::uint64_t node) { return world->node(NodeId{node})->gossip; }
};

}  // namespace coord::broadcast::test
