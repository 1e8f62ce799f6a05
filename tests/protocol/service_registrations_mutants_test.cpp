// SPDX-License-Identifier: MIT
// Peers come to a group, and go: names and addresses, and what may be forgotten of whom.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

struct Hosts {
  explicit Hosts(Level level = 2) { log.machine = StateMachine::at_level(level); }
  std::string come(NodeId node, std::uint64_t life, const std::string& name, const std::string& address,
                   LogIndex instead_of = {}) {
    return log.apply(Command{.body = Register{node, life, log.machine.registration(node), newest_level, name,
                                              address, instead_of}});
  }
  const Registration& of(NodeId node) const { return log.machine.state().registrations.at(node); }
  LogIndex changed() const { return log.machine.state().roster_at; }
  Log log;
};

constexpr NodeId first{1}, second{2};

}  // namespace

TEST_CASE("a peer's name and address are known from its registration, and where they last changed") {
  Hosts hosts;
  hosts.come(first, 10, "delta", "10.0.0.4:7411");
  CHECK(hosts.of(first).name == "delta");
  CHECK(hosts.changed() == LogIndex{1});
  hosts.come(first, 11, "delta", "10.0.0.4:7411");
  CHECK(hosts.of(first).nonce == 11);
  CHECK(hosts.changed() == LogIndex{1});
  hosts.come(first, 12, "delta", "10.0.0.5:7411");
  CHECK(hosts.of(first).address == "10.0.0.5:7411");
  CHECK(hosts.changed() == LogIndex{3});
  hosts.come(second, 20, "", "");
  CHECK(hosts.changed() == LogIndex{3});
}

TEST_CASE("who comes under a name that another has takes it, from the very life that it was told of") {
  Hosts hosts;
  hosts.come(first, 10, "delta", "10.0.0.4:7411");
  const LogIndex known = hosts.of(first).named;
  hosts.come(first, 11, "delta", "10.0.0.4:7411");
  CHECK(hosts.come(second, 20, "delta", "10.0.0.9:7411", known) == "not registered, current 0");
  hosts.come(second, 20, "delta", "10.0.0.9:7411", hosts.of(first).named);
  CHECK(hosts.of(first).name.empty());
  CHECK(hosts.of(second).name == "delta");
  CHECK(hosts.of(second).address == "10.0.0.9:7411");
}

TEST_CASE("name_is_of_one_host: of two that come under one name at once the second has to ask again") {
  const auto both = [] {
    Hosts hosts;
    hosts.come(first, 10, "delta", "10.0.0.4:7411");
    hosts.come(second, 20, "delta", "10.0.0.9:7411");
    // The one that was there goes on: it takes nothing from another one, and comes again.
    const bool first_has_it = hosts.of(first).name == "delta" &&
                              hosts.come(first, 11, "delta", "10.0.0.4:7411").starts_with("registered");
    return hosts.log.machine.registration(second) != ClientId{} || !first_has_it;
  };
  CHECK_FALSE(both());
  mutants::removed = "name_is_of_one_host";
  CHECK(both());
  mutants::removed.clear();
}

TEST_CASE("a host whose name was taken takes it back from one that is gone, and goes on as what it was") {
  Hosts hosts;
  hosts.come(first, 10, "delta", "10.0.0.4:7411");
  const ClientId client = hosts.log.machine.registration(first);
  const LogIndex named = hosts.of(first).named;
  hosts.come(second, 20, "delta", "10.0.0.9:7411", named);
  REQUIRE(hosts.of(first).name.empty());
  CHECK(hosts.come(first, 10, "delta", "10.0.0.4:7411", named) == "registered 1");
  CHECK(hosts.of(first).name.empty());  // not by what was so before
  hosts.come(first, 10, "delta", "10.0.0.4:7411", hosts.of(second).named);
  CHECK(hosts.of(first).name == "delta");
  CHECK(hosts.of(first).address == "10.0.0.4:7411");
  CHECK(hosts.of(second).name.empty());
  CHECK(hosts.log.machine.registration(first) == client);
  CHECK(hosts.changed() == hosts.of(first).named);
  // A late copy of what took it away says another place.
  CHECK(hosts.come(second, 20, "delta", "10.0.0.9:7411", named).starts_with("registered"));
  CHECK(hosts.of(first).name == "delta");
}

TEST_CASE("a name or an address beyond all bounds is not registered") {
  Hosts hosts;
  const std::size_t most = limits_of_level(2).peer_bytes;
  CHECK(hosts.come(first, 10, std::string(most + 1, 'x'), "") == "not registered, current 0");
  CHECK(hosts.come(first, 10, "x", std::string(most + 1, '1')) == "not registered, current 0");
  CHECK(hosts.come(first, 10, std::string(most, 'x'), std::string(most, '1')) == "registered 3");
}

TEST_CASE("from level 2 on 4,096 peers may be registered") {
  for (const Level level : {Level{1}, Level{2}}) {
    Hosts hosts(level);
    const std::uint64_t most = level == 1 ? 1024 : 4096;
    for (std::uint64_t node = 1; node <= most; ++node) hosts.come(NodeId{node}, node, "", "");
    CHECK(hosts.come(NodeId{most + 1}, 1, "", "") == "not registered, current 0");
    CHECK(hosts.log.machine.state().registrations.size() == most);
    if (level == 1) continue;
    hosts.log.leader(Forget{NodeId{7}, hosts.log.machine.registration(NodeId{7})});
    hosts.come(NodeId{most + 1}, 1, "", "");
    CHECK(hosts.log.machine.registration(NodeId{most + 1}) != ClientId{});
  }
}

TEST_CASE("forget_only_that_life: a peer that has registered anew is not forgotten") {
  const auto known = [] {
    Hosts hosts;
    hosts.come(first, 10, "delta", "10.0.0.4:7411");
    const ClientId seen = hosts.log.machine.registration(first);
    hosts.come(first, 11, "delta", "10.0.0.4:7411");
    hosts.log.leader(Forget{first, seen});
    return hosts.log.machine.registration(first) != ClientId{};
  };
  CHECK(known());
  mutants::removed = "forget_only_that_life";
  CHECK_FALSE(known());
  mutants::removed.clear();
}

TEST_CASE("a host is reached where the operator says, until it says itself that it is elsewhere") {
  Hosts hosts;
  const auto reached_at = [&] { return hosts.log.machine.state().registrations.at(first).reached_at(); };
  hosts.come(first, 10, "delta", "10.0.0.4:7411");
  hosts.log.leader(Move{first, hosts.log.machine.registration(first), "10.0.0.5:7411", {}});
  CHECK(reached_at() == "10.0.0.5:7411");
  hosts.come(first, 11, "delta", "10.0.0.4:7411");  // by a list that is old
  CHECK(reached_at() == "10.0.0.5:7411");
  hosts.come(first, 12, "delta", "10.0.0.6:7411");
  CHECK(reached_at() == "10.0.0.6:7411");
  // What was said at level 1 is not known: the operator's word stands.
  Hosts early;
  early.come(first, 10, "", "");
  early.log.leader(Move{first, early.log.machine.registration(first), "10.0.0.5:7411", {}});
  early.come(first, 11, "delta", "10.0.0.4:7411");
  CHECK(early.log.machine.state().registrations.at(first).reached_at() == "10.0.0.5:7411");
}

TEST_CASE("move_only_that_life: what was ordered of a former host of that number moves nobody") {
  const auto stays = [] {
    Hosts hosts;
    hosts.come(first, 10, "delta", "10.0.0.4:7411");
    const ClientId seen = hosts.log.machine.registration(first);
    hosts.come(first, 11, "delta", "10.0.0.6:7411");
    hosts.log.leader(Move{first, seen, "10.0.0.5:7411", {}});
    return hosts.log.machine.state().registrations.at(first).reached_at() == "10.0.0.6:7411";
  };
  CHECK(stays());
  mutants::removed = "move_only_that_life";
  CHECK_FALSE(stays());
  mutants::removed.clear();
}

TEST_CASE("moved_as_it_was_seen: a late copy of an order moves nobody back") {
  const auto stays = [] {
    Hosts hosts;
    hosts.come(first, 10, "delta", "10.0.0.4:7411");
    const ClientId client = hosts.log.machine.registration(first);
    const Move early{first, client, "10.0.0.5:7411", hosts.of(first).moved_at};
    hosts.log.leader(early);
    hosts.log.leader(Move{first, client, "10.0.0.6:7411", hosts.of(first).moved_at});
    hosts.log.leader(early);
    return hosts.of(first).reached_at() == "10.0.0.6:7411";
  };
  CHECK(stays());
  mutants::removed = "moved_as_it_was_seen";
  CHECK_FALSE(stays());
  mutants::removed.clear();
}

TEST_CASE("kept_as_it_was_seen: a late copy of an order takes no pause away") {
  const auto paused = [] {
    Hosts hosts;
    const auto& state = hosts.log.machine.state();
    const KeepVoters early{{3, 600s, {}, {}}, state.kept_at};
    hosts.log.leader(early);
    hosts.log.leader(KeepVoters{{3, 600s, 7200s, WallTime{99}}, state.kept_at});
    hosts.log.leader(early);
    return state.kept_voters.pause_asked == WallTime{99};
  };
  CHECK(paused());
  mutants::removed = "kept_as_it_was_seen";
  CHECK_FALSE(paused());
  mutants::removed.clear();
}

TEST_CASE("retired_number_is_void: a disk that was lost and turns up again is of the group no more") {
  const auto is_refused = [] {
    Hosts hosts;
    const auto& machine = hosts.log.machine;
    Register again{second, 9, machine.registration(second), 2, "again", "10.0.0.9:7411", {}, {}, first};
    hosts.log.leader(again);
    const Register old{first, 10, machine.registration(first), 2, "old", "10.0.0.5:7411"};
    hosts.log.leader(old);
    return machine.state().retired.contains(first) && !machine.state().registrations.contains(first);
  };
  CHECK(is_refused());
  mutants::removed = "retired_number_is_void";
  CHECK_FALSE(is_refused());
  mutants::removed.clear();
}

TEST_CASE("lost_disk_is_noted: a host whose lost disk cannot be noted any more does not come in") {
  const auto comes_in = [](bool is_noted) {
    Hosts hosts;
    const auto& machine = hosts.log.machine;
    const std::size_t most = limits_of_level(2).retired;
    std::uint64_t life = 0;
    const auto come_for = [&](NodeId node, const char* name, NodeId lost) {
      ++life;
      Register again{node, life, machine.registration(node), 2, name, "10.0.0.9:7411", {}, {}, lost};
      hosts.log.leader(again);
      return machine.registration(node) != ClientId{} && hosts.of(node).nonce == life;
    };
    for (std::uint64_t i = 0; i < most; ++i) REQUIRE(come_for(second, "again", NodeId{1000 + i}));
    REQUIRE(machine.state().retired.size() == most);
    CHECK(come_for(NodeId{3}, "other", NodeId{}));      // has lost none
    CHECK(come_for(NodeId{4}, "third", NodeId{1000}));  // that is noted
    const bool in = come_for(first, "delta", is_noted ? NodeId{1001} : NodeId{7});
    CHECK(machine.state().retired.size() == most);
    return in;
  };
  CHECK(comes_in(true));
  CHECK_FALSE(comes_in(false));
  mutants::removed = "lost_disk_is_noted";
  CHECK(comes_in(false));
  mutants::removed.clear();
}

TEST_CASE("forgotten_voter_is_noted: a host that has voted is not forgotten where that cannot be noted") {
  const auto forgets = [](bool has_voted) {
    Hosts hosts;
    auto& machine = hosts.log.machine;
    const std::size_t room = limits_of_level(2).retired;
    const auto is_forgotten = [&](NodeId node, bool votes) {
      hosts.come(node, 7, "host" + std::to_string(node.value), "10.0.0.9:7411");
      if (votes) (void)machine.apply_voters(LogIndex{++hosts.log.last}, {node});
      const bool before = machine.may_forget(node);
      hosts.log.leader(Forget{node, machine.registration(node), true});
      const bool gone = !machine.state().registrations.contains(node);
      CHECK((mutants::removed.empty() ? before == gone : gone));
      return gone;
    };
    for (std::uint64_t i = 0; i < room; ++i) REQUIRE(is_forgotten(NodeId{1000 + i}, true));
    REQUIRE(machine.state().voted_before.size() == room);
    CHECK(is_forgotten(NodeId{1000}, true));  // that comes again, and is noted anew
    const bool gone = is_forgotten(first, has_voted);
    CHECK(machine.state().voted_before.size() == room);
    CHECK_FALSE(machine.state().voted_before.contains(first));
    return gone;
  };
  CHECK(forgets(false));
  CHECK_FALSE(forgets(true));
  mutants::removed = "forgotten_voter_is_noted";
  CHECK(forgets(true));
  mutants::removed.clear();
}

TEST_CASE("where the group took a voter out by itself stands in its state") {
  Hosts hosts;
  hosts.log.leader(Replacing{first, second});
  CHECK(hosts.log.machine.state().replaced_at == LogIndex{1});
}

TEST_CASE("forget_frees_nothing: a peer that holds a lock is not forgotten") {
  const auto known = [] {
    Hosts hosts;
    hosts.come(first, 10, "delta", "10.0.0.4:7411");
    const ClientId client = hosts.log.machine.registration(first);
    hosts.log.apply(
        Command{.node = first,
                .client = client,
                .sequence = 1,
                .body = Acquire{.open = Open{Owner{"delta", "host", 1000, "alice", 42, "command"}, 10s, 7},
                                .request = 1,
                                .names = {"job"}}});
    REQUIRE(hosts.log.machine.state().sessions.size() == 1);
    hosts.log.leader(Forget{first, client});
    return hosts.log.machine.registration(first) != ClientId{};
  };
  CHECK(known());
  mutants::removed = "forget_frees_nothing";
  CHECK_FALSE(known());
  mutants::removed.clear();
}

TEST_CASE("a group that comes to level 2 has an id, which depends on the lives of its founders") {
  const auto id = [](std::uint64_t life) {
    StateMachine machine;
    machine.apply(LogIndex{1}, {.body = Register{first, life, {}, 2}});
    CHECK(machine.state().group == GroupId{});
    machine.apply_raise(LogIndex{2}, {2, {{first, life}}}, {first});
    REQUIRE(machine.level() == 2);
    return machine.state().group;
  };
  CHECK(id(10) == id(10));
  CHECK_FALSE(id(10) == id(11));
  CHECK(text_of(id(10)).size() == 32);
  CHECK(text_of({0xab, 1}) == "00000000000000ab0000000000000001");
}
