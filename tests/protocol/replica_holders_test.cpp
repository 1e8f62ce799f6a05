// SPDX-License-Identifier: MIT
// Holds that are not the command's own descriptor's: a process that holds by itself, and a command that never
// had the descriptor.
#include <catch2/catch.hpp>

#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

void acquires_for(OneHost& desk, std::uint64_t connection, std::uint32_t pid) {
  desk.holds_so(connection, [&](local::Acquire& request) {
    request.holder = pid;
    request.signal = 10;
    request.grace = 2s;
  });
}

}  // namespace

TEST_CASE("a process holds after the tool that asked for it is gone, and its end is a release") {
  OneHost desk;
  acquires_for(desk, 1, 700);
  desk.tool_gone(1);
  desk.pass(5s);
  desk.order();
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.holders_gone(1);
  REQUIRE(desk.next<service::Close>() != nullptr);
  CHECK(desk.next<service::Close>()->why == service::CloseReason::finished);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
  CHECK(desk.desk->size() == 0);
}

TEST_CASE("it gets its signal once, a grace before it must have stopped, and is never killed") {
  OneHost desk;
  acquires_for(desk, 1, 700);
  desk.tool_gone(1);
  desk.pass(5900ms);  // no renewal is ordered
  CHECK(desk.signals.empty());
  desk.pass(10s);
  REQUIRE(desk.signals.size() == 1);
  CHECK(desk.signals[0].signal == 10);
  CHECK(desk.stops.empty());
}

TEST_CASE("let go: by process or by token, of just these names, by the same user or root") {
  OneHost desk;
  acquires_for(desk, 1, 700);
  const Token token = desk.told<local::Granted>(1)[0].token;
  desk.tool_gone(1);
  desk.says(2, local::Hello{local::protocol_version, "dlock"});
  std::uint64_t number = 0;
  const auto refused = [&](std::vector<std::string> names, Token which, std::uint32_t pid) {
    const std::size_t before = desk.told<local::Refused>(2).size();
    desk.says(2, local::LetGo{++number, std::move(names), which, pid});
    desk.order();
    return desk.told<local::Refused>(2).size() > before;
  };
  CHECK(refused({"lock"}, Token{}, 701));
  CHECK(refused({"other"}, Token{}, 700));
  CHECK(refused({"lock", "other"}, Token{}, 700));
  CHECK(refused({"lock"}, Token{token.value + 1}, 700));
  desk.uid = 1001;
  desk.says(3, local::Hello{local::protocol_version, "dlock"});
  desk.says(3, local::LetGo{1, {"lock"}, token, 0});
  CHECK(desk.told<local::Refused>(3).size() == 1);
  desk.uid = 1000;
  CHECK_FALSE(refused({"lock"}, token, 0));
  REQUIRE(desk.told<local::Released>(2).size() == 1);
  CHECK(desk.told<local::Released>(2)[0].request == number);
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("a run's hold is not let go from outside") {
  OneHost desk;
  desk.holds(1);
  desk.says(2, local::Hello{local::protocol_version, "dlock"});
  desk.says(2, local::LetGo{1, {"lock"}, desk.told<local::Granted>(1)[0].token, 101});
  CHECK(desk.told<local::Refused>(2).size() == 1);
}

TEST_CASE("a process that holds is taken up by the next life of its peer") {
  OneHost desk;
  acquires_for(desk, 1, 700);
  REQUIRE(desk.kept.size() == 1);
  CHECK(desk.kept.begin()->second.holder == 700);
  desk.restarts({600});
  desk.registers_again(11);
  desk.order();
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.quorum(false);
  desk.pass(10s);
  CHECK(desk.signals.size() == 1);
}

TEST_CASE("a command without the descriptor is stopped before its lock passes on") {
  OneHost desk;
  desk.holds_so(1, [](local::Acquire& request) { request.bare = true; });
  const bool restarted = GENERATE(false, true);
  std::uint64_t connection = 1;
  if (restarted) {
    desk.restarts({});
    desk.registers_again(11);
    connection = 1000 + desk.session_of(1).value;
  } else {
    desk.tool_gone(1);
    desk.holders_gone(1);
  }
  desk.order();
  REQUIRE(desk.stops.size() == 1);
  CHECK(desk.stops[0].kill);
  CHECK(desk.stops[0].confirm);
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.command_gone(connection);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
}
