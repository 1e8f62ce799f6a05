// SPDX-License-Identifier: MIT
// Break: who may end another's session, and what it leaves for the session's own peer to do.
#include <catch2/catch.hpp>

#include "service/state_machine.hpp"

using namespace coord;
using namespace coord::service;

namespace {

struct Group {
  Group() {
    apply({.node = holder, .body = Register{holder, 1, {}}});
    apply({.node = asker, .body = Register{asker, 2, {}}});
    Acquire body;
    body.open = Open{Owner{"a", "host", 1000, "user", 1, "job"}, std::chrono::seconds(10), 1};
    body.request = 1;
    body.names = {"lock"};
    apply({.node = holder, .client = machine.registration(holder), .sequence = 1, .body = body});
    session = SessionId{index.value};
  }
  Effects apply(const Command& command) {
    ++index.value;
    return machine.apply(index, command);
  }
  Effects breaks(std::uint32_t uid, const std::string& user, SessionId which) {
    return apply({.node = asker,
                  .client = machine.registration(asker),
                  .sequence = ++sequence,
                  .body = Break{which, uid, user}});
  }
  const NodeId holder{1}, asker{2};
  StateMachine machine;
  LogIndex index;
  SessionId session;
  std::uint64_t sequence = 0;
};

Refusal refusal_in(const Effects& effects) {
  REQUIRE(effects.size() == 1);
  const auto* refused = std::get_if<Refused>(&effects[0]);
  return refused == nullptr ? Refusal::none : refused->why;
}

}  // namespace

TEST_CASE(
    "a break by root or by the holder's user is handed to the holder's peer, the session stays until it is "
    "closed") {
  Group group;
  const bool root = GENERATE(true, false);
  const Effects effects = group.breaks(root ? 0 : 2000, root ? "root" : "user", group.session);
  REQUIRE(effects.size() == 1);
  const auto* asked = std::get_if<BreakAsked>(&effects[0]);
  REQUIRE(asked != nullptr);
  CHECK(asked->session == group.session);
  CHECK(asked->node == group.holder);
  REQUIRE(group.machine.session(group.session) != nullptr);
  CHECK(group.machine.session(group.session)->breaking);
  const auto restored = StateMachine::restore(group.machine.state());
  REQUIRE(restored.ok());
  CHECK(restored->session(group.session)->breaking);
}

TEST_CASE("a break by another user, or of a session that has ended, changes nothing") {
  Group group;
  CHECK(refusal_in(group.breaks(1000, "other", group.session)) == Refusal::not_permitted);
  CHECK_FALSE(group.machine.session(group.session)->breaking);
  CHECK(refusal_in(group.breaks(0, "root", SessionId{99})) == Refusal::no_such_session);
}
