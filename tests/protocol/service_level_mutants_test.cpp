// SPDX-License-Identifier: MIT
// How the machine's level rises (service/level.hpp), and the rules without which it rises wrongly.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service/state_machine.hpp"

using namespace coord;
using namespace coord::service;

namespace {

const std::vector<NodeId> voters{NodeId{1}, NodeId{2}, NodeId{3}};

// Three peers, registered by processes of these lives.
struct Group {
  Group() {
    for (const NodeId node : voters) begin(node, node.value * 10, first_level);
  }
  Effects begin(NodeId node, std::uint64_t life, Level knows) {
    return machine.apply(LogIndex{++last}, {.body = Register{node, life, machine.registration(node), knows}});
  }
  bool raise(Level level, std::map<NodeId, std::uint64_t> lives) {
    const Effects effects = machine.apply_raise(LogIndex{++last}, {level, std::move(lives)}, voters);
    REQUIRE(effects.size() == 1);
    return std::get<RaiseApplied>(effects.front()).in_force;
  }
  StateMachine machine;
  std::uint64_t last = 0;
};

const std::map<NodeId, std::uint64_t> lives{{NodeId{1}, 10}, {NodeId{2}, 20}, {NodeId{3}, 30}};

}  // namespace

TEST_CASE("a raise is in force where every voter still lives that announced it") {
  Group group;
  CHECK(group.raise(2, lives));
  CHECK(group.machine.level() == 2);
  CHECK_FALSE(group.raise(2, lives));  // it is there already
}

TEST_CASE("a raise that leaves out a voter is void") {
  Group group;
  CHECK_FALSE(group.raise(2, {{NodeId{1}, 10}, {NodeId{2}, 20}}));
  CHECK(group.machine.level() == first_level);
}

TEST_CASE("raise_void_after_restart: a raise that relied on a life which is over is noticed") {
  const auto in_force = [] {
    Group group;
    group.begin(NodeId{3}, 31, first_level);
    return group.raise(2, lives);
  };
  CHECK_FALSE(in_force());
  mutants::removed = "raise_void_after_restart";
  const bool without = in_force();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("registers_at_level: a process that does not know the group's level is noticed") {
  const auto registered = [] {
    Group group;
    group.raise(2, lives);
    return std::holds_alternative<Registered>(group.begin(NodeId{3}, 31, first_level).front());
  };
  CHECK_FALSE(registered());
  mutants::removed = "registers_at_level";
  const bool without = registered();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("from level 2 on a registration says what its program knows, and a raise wants that too") {
  Group group;
  REQUIRE(group.raise(2, lives));
  group.begin(NodeId{3}, 31, 2);
  CHECK_FALSE(group.raise(3, {{NodeId{1}, 10}, {NodeId{2}, 20}, {NodeId{3}, 31}}));
  group.begin(NodeId{1}, 11, 3);
  group.begin(NodeId{2}, 21, 3);
  group.begin(NodeId{3}, 32, 3);
  CHECK(group.raise(3, {{NodeId{1}, 11}, {NodeId{2}, 21}, {NodeId{3}, 32}}));
}
