// SPDX-License-Identifier: MIT
// The parts of several peers that carry casts, and a network between them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "casts/part.hpp"
#include "node/node.hpp"
#include "wire/codec.hpp"

namespace coord::casts::test {

using namespace std::chrono_literals;

inline const replica::Credentials root{0, "root", {}, 2}, alice{1000, "alice", {}, 2},
    bob{1001, "bob", {}, 2};

struct Network {
  struct Carried {
    NodeId from, to;
    node::Way way;
    Bytes bytes;
  };
  Instant now{1h};
  std::size_t size;
  Level level = 2;
  std::map<NodeId, std::unique_ptr<CastsPart>> parts{};
  std::deque<Carried> on_way{};
  std::set<NodeId> dead{}, left{};                                         // as the others hold them
  std::map<std::pair<NodeId, std::uint64_t>, std::vector<ToTool>> told{};  // by peer and connection
  std::vector<std::string> reports{};
  std::size_t largest_datagram = 0, unreadable = 0;
  std::uint64_t lives = 0;

  explicit Network(std::size_t nodes) : size(nodes) {
    for (std::uint64_t i = 1; i <= nodes; ++i) start(i, 1h);
  }
  node::Moment moment() const { return {now, WallTime{(now - Instant{}).count()}, level, nullptr, true}; }
  // `ago`: all its tools are back since long.
  void start(std::uint64_t node, Duration ago = {}) {
    node::Setting setting;
    setting.self = NodeId{node};
    for (std::uint64_t i = 1; i <= size; ++i) {
      setting.founders.push_back(NodeId{i});
      setting.names[NodeId{i}] = "host" + std::to_string(i);
    }
    setting.seed = ++lives;
    setting.now = now - ago;
    parts[NodeId{node}] = std::make_unique<CastsPart>(setting, [this](const node::Moment&, NodeId other) {
      return dead.contains(other) ? Presence::gone : left.contains(other) ? Presence::left : Presence::here;
    });
  }
  void kill(std::uint64_t node) {
    parts.erase(NodeId{node});
    std::erase_if(told, [&](const auto& entry) { return entry.first.first == NodeId{node}; });
  }
  void step(std::uint64_t node, const node::Event& event) {
    perform(NodeId{node}, parts.at(NodeId{node})->step(moment(), event));
  }
  void perform(NodeId node, node::PartActions actions) {
    for (node::PartAction& action : actions) {
      if (auto* send = std::get_if<node::Send>(&action)) {
        if (send->way == node::Way::datagram)
          largest_datagram = std::max(largest_datagram, send->bytes.size());
        on_way.push_back({node, send->to, send->way, std::move(send->bytes)});
      } else if (auto* tool = std::get_if<node::ToTool>(&action)) {
        told[{node, tool->connection.value}].push_back(*wire::decode<ToTool>(tool->bytes, {.version = 2}));
      } else if (auto* report = std::get_if<node::Report>(&action)) {
        reports.push_back(report->text);
      } else if (std::holds_alternative<node::Unreadable>(action)) {
        ++unreadable;
      }
    }
  }
  void run(Duration length) {
    const Instant end = now + length;
    for (;;) {
      if (!on_way.empty()) {
        const Carried next = std::move(on_way.front());
        on_way.pop_front();
        if (parts.contains(next.to)) step(next.to.value, node::FromPeer{next.from, next.bytes, 2, next.way});
        continue;
      }
      Instant at = end;
      for (const auto& [node, part] : parts) at = std::min(at, part->deadline().value_or(end));
      now = std::max(now, at);
      if (now >= end) return;
      for (const auto& [node, part] : parts) {
        if (part->deadline() && *part->deadline() <= now) step(node.value, node::Tick{});
      }
      now += 100us;
    }
  }

  // `tool`: its connection.
  void ask(std::uint64_t node, std::uint64_t tool, const FromTool& what,
           const replica::Credentials& who = root) {
    step(node, node::FromTool{replica::ConnectionId{tool}, who, 1, wire::encode(what, 2)});
  }
  // What it was told last; a request of its own connection.
  ToTool say(std::uint64_t node, const std::string& name, const std::string& payload,
             const replica::Credentials& who = root) {
    const std::uint64_t tool = 1000 + ++tools;
    ask(node, tool, Say{name, payload, 5s}, who);
    run(20ms);
    const auto& answers = told[{NodeId{node}, tool}];
    return answers.empty() ? ToTool(Lost{}) : answers.back();
  }
  std::vector<std::string> heard(std::uint64_t node, std::uint64_t tool) {
    std::vector<std::string> payloads;
    for (const ToTool& what : told[{NodeId{node}, tool}])
      if (const auto* came = std::get_if<Came>(&what)) payloads.push_back(came->letter.payload);
    return payloads;
  }
  std::uint64_t lost(std::uint64_t node, std::uint64_t tool) {
    std::uint64_t count = 0;
    for (const ToTool& what : told[{NodeId{node}, tool}])
      if (const auto* lost = std::get_if<Lost>(&what)) count += lost->count;
    return count;
  }
  std::uint64_t tools = 0;
};

using Payloads = std::vector<std::string>;

inline bool is_refused(const ToTool& answer, CannotCast::Why why) {
  const auto* refused = std::get_if<CannotCast>(&answer);
  return refused != nullptr && refused->why == why;
}

// Many of the same by one connection: so many begin, and one of them again is no further one.
template <class What>
bool a_connection_has_so_many(What what) {
  Network net(1);
  const auto ask_by = [&](std::uint64_t request) {
    net.step(1, node::FromTool{replica::ConnectionId{5}, root, request, wire::encode(FromTool(what), 2)});
  };
  for (std::uint64_t request = 1; request <= 5000; ++request) ask_by(request);
  const auto& told = net.told[{NodeId{1}, 5}];
  const auto begun =
      std::ranges::count_if(told, [](const ToTool& one) { return std::holds_alternative<Listening>(one); });
  ask_by(1);
  return begun == static_cast<std::ptrdiff_t>(most_of_connection) &&
         is_refused(told[most_of_connection], CannotCast::Why::full) &&
         std::holds_alternative<Listening>(told.back());
}

}  // namespace coord::casts::test
