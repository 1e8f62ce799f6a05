// SPDX-License-Identifier: MIT
// Ricart-Agrawala in the simulator: users who want in, and what must hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/mutex/ricart_agrawala.hpp"
#include "sim/inject.hpp"
#include "sim/linearizability.hpp"
#include "sim/world.hpp"

namespace ricart {

using namespace coord;
using mutex::Phase;
using mutex::RicartAgrawala;

struct User {             // of each site
  int rounds = 0;         // how often he wants in; then he is content
  Duration work_high{};   // he stays inside for [0, work_high]
  Duration pause_high{};  // and out for [0, pause_high]
};

struct App {
  struct Node {
    RicartAgrawala site;
    int entries = 0;
    std::uint64_t operation = 0;  // the one of the history that is under way
  };
  enum class Wish { enter, leave };
  using Message = RicartAgrawala::Message;
  using Input = Wish;
  using Job = sim::NoJob;
  using Port = sim::Port<App>;

  App(std::size_t sites, User every_user, Duration resend) : user(every_user) {
    for (std::size_t i = 1; i <= sites; ++i) config.sites.push_back(NodeId{i});
    config.resend = resend;
  }

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    if (!known.emplace(port.self()).second) {
      return Error{ErrorKind::unavailable, "site", "has forgotten what it said in this epoch",
                   "start a new epoch"};
    }
    RicartAgrawala::Config mine = config;
    mine.self = port.self();
    if (user.rounds > 0) port.after(port.random().between(Duration{}, user.pause_high), Wish::enter);
    return std::unique_ptr<Node>(new Node{RicartAgrawala(mine)});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    perform(node, node.site.step(now, RicartAgrawala::Receive{from, message}), port);
  }
  void on_input(Node& node, Instant now, Wish wish, Port& port) {
    if (wish == Wish::enter) {
      port.note([] { return "wants in"; });
      node.operation = history.begin(port.self().value, sim::Operation::Kind::acquire, "", port.world_now());
      perform(node, node.site.step(now, mutex::Acquire{}), port);
    } else {
      port.note([] { return "leaves"; });
      const std::uint64_t leaving = history.begin(port.self().value, sim::Operation::Kind::release, "",
                                                  port.world_now(), last_token.value);
      perform(node, node.site.step(now, mutex::Release{}), port);
      history.end(leaving, sim::Operation::Outcome::ok, port.world_now());
      left_at = port.world_now();
      if (node.entries < user.rounds) {
        port.after(port.random().between(Duration{}, user.pause_high), Wish::enter);
      }
    }
  }
  std::optional<Instant> deadline(const Node& node) const { return node.site.deadline(); }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node, node.site.step(now, RicartAgrawala::Tick{}), port);
  }
  std::string describe(const Message& message) const {
    const bool request = std::holds_alternative<RicartAgrawala::Request>(message);
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return (request ? "request " : "reply to ") + std::to_string(time);
  }

  void perform(Node& node, const RicartAgrawala::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<RicartAgrawala::Send>(&action)) port.send(send->to, send->message);
      if (const auto* granted = std::get_if<mutex::Granted>(&action)) enter(node, granted->token, port);
    }
  }
  void enter(Node& node, Token token, Port& port) {
    port.note([&] { return "is inside with token " + std::to_string(token.value); });
    history.end(node.operation, sim::Operation::Outcome::ok, port.world_now(), token.value);
    if (token <= last_token) token_went_back = true;
    last_token = token;
    if (entries > 0) hand_over_delay = port.world_now() - left_at;
    ++entries;
    ++node.entries;
    port.after(port.random().between(Duration{}, user.work_high), Wish::leave);
  }

  User user;
  RicartAgrawala::Config config;
  std::set<NodeId> known;
  sim::History history;
  Token last_token;
  bool token_went_back = false;
  int entries = 0;
  Instant left_at;
  Duration hand_over_delay{};  // from the last leaving to the entry after it
};

using World = sim::World<App>;

inline void add_checks(World& world, const App& app) {
  world.add_check("mutual_exclusion", [](const World& w, NodeId stepped) -> std::optional<std::string> {
    const auto inside = [&](NodeId id) { return w.node(id) && w.node(id)->site.phase() == Phase::inside; };
    if (!inside(stepped)) return std::nullopt;
    for (std::size_t i = 1; i <= w.nodes(); ++i) {
      if (NodeId{i} != stepped && inside(NodeId{i})) return "site " + std::to_string(i) + " is inside too";
    }
    return std::nullopt;
  });
  world.add_check("tokens_increase", [&app](const World&, NodeId) -> std::optional<std::string> {
    if (!app.token_went_back) return std::nullopt;
    return "token " + std::to_string(app.last_token.value) + " after one that is as large or larger";
  });
}

}  // namespace ricart
