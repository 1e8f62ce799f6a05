// SPDX-License-Identifier: MIT
// What tools say and ask of the map of keys at their host's desk.
#include <catch2/catch.hpp>

#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

struct Keys : OneHost {
  Keys() { to_level_two(); }
  void to_level_two() {
    speaks = 2;
    machine = service::StateMachine::at_level(2);
    registers_anew();
  }
  void greets(std::uint64_t connection) { says(connection, local::Hello{local::protocol_version, "dkv", 2}); }
  void puts(std::uint64_t connection, std::string key, std::string value,
            service::WantedVersion wanted = {}) {
    says(connection, local::Order{7, service::PutValue{std::move(key), std::move(value), wanted, 0, "root"}});
  }
  void asks(std::uint64_t connection, std::string key, bool watch = false, bool stale = false) {
    says(connection, local::Question{8, service::GetValue{std::move(key)}, stale, watch});
  }
  std::vector<std::string> values_told(std::uint64_t connection) const {
    std::vector<std::string> values;
    for (const local::Shown& shown : told<local::Shown>(connection))
      values.push_back(std::get<service::ValueView>(shown.what).value);
    return values;
  }
};

}  // namespace

TEST_CASE("a tool's order is told what became of it, and is its user's whatever it says of that") {
  Keys desk;
  desk.greets(1);
  desk.puts(1, "k", "v");
  REQUIRE(desk.next<service::PutValue>() != nullptr);
  CHECK(desk.next<service::PutValue>()->uid == 1000);
  CHECK(desk.next<service::PutValue>()->user == "user");
  desk.order();
  REQUIRE(desk.told<local::Ordered>(1).size() == 1);
  const local::Ordered done = desk.told<local::Ordered>(1).back();
  CHECK(done.request == 7);
  CHECK(done.done);
  desk.puts(1, "k", "w", Token{1});
  desk.order();
  const local::Ordered refused = desk.told<local::Ordered>(1).back();
  CHECK_FALSE(refused.done);
  CHECK(refused.kind == local::RefusedKind::held);
  CHECK(refused.token == done.token);
}

TEST_CASE("who has not greeted orders and asks nothing") {
  Keys desk;
  desk.puts(1, "k", "v");
  desk.asks(1, "k");
  CHECK(desk.log.empty());
  CHECK(desk.told<local::Refused>(1).size() == 2);
}

TEST_CASE("an order waits for a leader, not for ever, and is said to be unknown where it may be ordered") {
  Keys desk;
  desk.greets(1);
  desk.puts(1, "k", "v");
  SECTION("the leader was lost") {
    desk.quorum(false);
    desk.pass(5s);
    REQUIRE(desk.told<local::Refused>(1).size() == 1);
    CHECK(desk.told<local::Refused>(1).back().kind == local::RefusedKind::unknown);
  }
  SECTION("there was none") {
    Keys alone;
    alone.quorum(false);
    alone.greets(1);
    alone.pass(5s);
    alone.puts(1, "k", "v");
    alone.pass(1s);
    REQUIRE(alone.told<local::Refused>(1).size() == 1);
    CHECK(alone.told<local::Refused>(1).back().kind == local::RefusedKind::no_quorum);
    CHECK(alone.retracted.size() == 1);
  }
}

TEST_CASE("who watches is shown the value, each change, and that of a snapshot, until it is gone") {
  Keys desk;
  desk.greets(1);
  desk.asks(1, "k", true);
  desk.questions_are_answered();
  desk.greets(2);
  desk.puts(2, "k", "one");
  desk.order();
  desk.puts(2, "other", "x");
  desk.order();
  CHECK(desk.values_told(1) == std::vector<std::string>{"", "one"});
  desk.snapshot_brings([](service::State& state) { state.values.at("k").bytes = "two"; });
  CHECK(desk.values_told(1) == std::vector<std::string>{"", "one", "two"});
  desk.tool_gone(1);
  desk.puts(2, "k", "three");
  desk.order();
  CHECK(desk.values_told(1).size() == 3);
}

TEST_CASE("what needs a later level waits a moment for the raise of a group that has only just begun") {
  OneHost desk;  // at level 1
  desk.says(1, local::Hello{local::protocol_version, "dkv", 2});
  desk.says(1, local::Order{7, service::PutValue{"k", "v", {}, 0, {}}});
  CHECK(desk.log.empty());
  SECTION("it comes") {
    desk.raises();
    REQUIRE(desk.next<service::PutValue>() != nullptr);
    desk.order();
    CHECK(desk.told<local::Ordered>(1).back().done);
  }
  SECTION("it does not come") {
    desk.pass(1s);
    REQUIRE(desk.told<local::Refused>(1).size() == 1);
    CHECK(desk.told<local::Refused>(1).back().kind == local::RefusedKind::protocol);
  }
  SECTION("the tool does not wait for it") {
    desk.tool_gone(1);
    desk.raises();
    CHECK(desk.log.empty());
  }
}

TEST_CASE("a key of a session is granted, kept by renewals and gone with its holders") {
  Keys desk;
  desk.greets(1);
  local::Acquire request;
  request.request = 1;
  request.wait = false;
  request.ttl = 10s;
  request.put = service::SessionValue{"node", "up", {}};
  desk.says(1, request);
  desk.order();
  REQUIRE(desk.told<local::Granted>(1).size() == 1);
  desk.says(1, local::Started{1, 101, 2s});
  CHECK(desk.machine.state().values.contains("node"));
  desk.pass(3s);
  CHECK(desk.next<service::Renew>() != nullptr);
  desk.order();
  desk.says(1, local::Release{1, 0});
  desk.order();
  CHECK_FALSE(desk.machine.state().values.contains("node"));
  CHECK(desk.told<local::Released>(1).size() == 1);
}
