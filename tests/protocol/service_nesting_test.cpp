// SPDX-License-Identifier: MIT
// Locks inside of locks: what is re-entered, what counts together, and the waits that never end.
#include "service/locks/wait_graph.hpp"
#include "service_scenario.hpp"

namespace coord::service {

namespace {

Acquire inside(std::vector<std::uint64_t> outer, std::vector<std::string> names,
               Mode mode = Mode::exclusive) {
  Acquire acquire{.session = {}, .names = std::move(names), .terms = {.mode = mode}};
  for (const std::uint64_t session : outer) acquire.inside.push_back(SessionId{session});
  return acquire;
}

}  // namespace

TEST_CASE("a name that the outer command holds is re-entered, under its token, and free when both are gone") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  CHECK(a.lock({"x"}) == "opened s3; granted s3#1 token 3 x");
  CHECK(a.lock(inside({3}, {"x"})) == "opened s4; granted s4#1 token 3 x");
  CHECK(b.lock({"x"}) == "opened s5; queued s5#1");
  SECTION("the inner one first") {
    CHECK(a.close(4) == "released s4#1; closed s4");
    CHECK(a.close(3) == "released s3#1; closed s3; granted s5#1 token 7 x");
  }
  SECTION("the outer one first") {
    CHECK(a.close(3) == "released s3#1; closed s3");
    CHECK(StateMachine::restore(log.machine.state()).ok());
    CHECK(a.close(4) == "released s4#1; closed s4; granted s5#1 token 7 x");
  }
}

TEST_CASE("what another peer claims to be inside of is not re-entered") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});
  CHECK(b.lock(inside({3}, {"x"})) == "opened s4; queued s4#1");
}

TEST_CASE("a name that is new is taken beside one that is re-entered, under a new token") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});
  CHECK(a.lock(inside({3}, {"x", "y"})) == "opened s4; granted s4#1 token 4 x,y");
  CHECK(b.lock({"y"}) == "opened s5; queued s5#1");
  CHECK(a.close(4) == "released s4#1; closed s4; granted s5#1 token 6 y");
}

TEST_CASE("shared inside exclusive is let in, exclusive inside shared is refused") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});
  CHECK(a.lock(inside({3}, {"x"}, Mode::shared)) == "opened s4; granted s4#1 token 3 x");
  CHECK(b.lock({"x"}, Mode::shared) == "opened s5; queued s5#1");
  a.lock({"y"}, Mode::shared);
  CHECK(b.lock({"y"}) == "opened s7; queued s7#1");
  CHECK(a.lock(inside({6}, {"y"}, Mode::shared)) == "opened s8; granted s8#1 token 6 y");  // past the writer
  CHECK(a.lock(inside({6}, {"y"})) == "refused: " + describe(Refusal::exclusive_in_shared));
}

TEST_CASE("one inside of another takes no second slot") {
  Log log;
  Peer a{log, 1};
  const auto slot = [](std::vector<std::uint64_t> outer) {
    Acquire acquire = inside(std::move(outer), {"pool"});
    acquire.terms.permits = 2;
    return acquire;
  };
  CHECK(a.lock(slot({})) == "opened s2; granted s2#1 token 2 pool");
  CHECK(a.lock(slot({2})) == "opened s3; granted s3#1 token 2 pool");
  CHECK(a.lock(slot({})) == "opened s4; granted s4#1 token 4 pool");
  CHECK(a.lock(slot({})) == "opened s5; queued s5#1");
  CHECK(a.close(2) == "released s2#1; closed s2");
  CHECK(a.close(3) == "released s3#1; closed s3; granted s5#1 token 7 pool");
}

TEST_CASE("whoever would close a cycle is refused, and told the cycle") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});
  b.lock({"y"});
  CHECK(a.lock(inside({3}, {"y"})) == "opened s5; queued s5#1");
  CHECK(b.lock(inside({4}, {"x"})) ==
        "refused: " + describe(Refusal::deadlock) + ": s6 waits for x of s3: s5 waits for y of s4");
  CHECK(in_words(log.machine, log.find<Refused>().cycle) ==
        "deadlock: this waits for x, held by host pid 42 (command); host pid 42 (command), inside of that, "
        "waits for y, held by host pid 42 (command)");
  CHECK(b.close(4) == "released s4#1; closed s4; granted s5#1 token 7 y");
}

TEST_CASE("a place in line can close a cycle as well as a hold") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});                                                  // s3
  b.lock({"y"}, Mode::shared);                                    // s4
  CHECK(b.lock(inside({4}, {"x"})) == "opened s5; queued s5#1");  // y waits for x
  CHECK(b.lock({"y"}) == "opened s6; queued s6#1");               // a writer at y, who waits for s4
  CHECK(a.lock(inside({3}, {"y"}, Mode::shared)) ==               // behind that writer
        "refused: " + describe(Refusal::deadlock) +
            ": s7 waits for y behind s6: s6 waits for y of s4: s5 waits for x of s3");
}

TEST_CASE("with several permits, it is a deadlock only when all who could let in are in it") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  const auto slot = [](std::vector<std::uint64_t> outer, const char* name) {
    Acquire acquire = inside(std::move(outer), {name});
    acquire.terms.permits = 2;
    return acquire;
  };
  a.lock({"x"});                                                  // s3
  b.lock(slot({}, "pool"));                                       // s4
  b.lock(slot({}, "pool"));                                       // s5
  CHECK(b.lock(inside({4}, {"x"})) == "opened s6; queued s6#1");  // one of the pool waits for x
  CHECK(a.lock(slot({3}, "pool")) == "opened s7; queued s7#1");   // the other may still go
  CHECK(b.lock(inside({5}, {"x"})).starts_with("refused: " + describe(Refusal::deadlock)));
  CHECK(b.close(5) == "released s5#1; closed s5; granted s7#1 token 9 pool");
}

TEST_CASE("when the outer hold is gone, a wait that would have re-entered its name stands in line for it") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});                                                       // s3
  b.lock({"y"});                                                       // s4
  b.lock({"z"});                                                       // s5
  CHECK(b.lock({"x"}) == "opened s6; queued s6#1");                    // for x, from outside
  CHECK(a.lock(inside({3}, {"x", "y"})) == "opened s7; queued s7#1");  // re-enters x, waits for y
  CHECK(b.lock(inside({4}, {"x"})) ==
        "refused: " + describe(Refusal::deadlock) + ": s8 waits for x of s3: s7 waits for y of s4");
  CHECK(a.close(3) == "released s3#1; closed s3; granted s6#1 token 9 x");
}

TEST_CASE("more sessions to be inside of than the limit are refused") {
  Log log;
  Peer a{log, 1};
  CHECK(a.lock(inside(std::vector<std::uint64_t>(33, 1), {"x"})) == "refused: " + describe(Refusal::invalid));
}

TEST_CASE("a deadlock in words is short, however long its names and commands") {
  Log log;
  Peer a{log, 1};
  Cycle cycle;
  const std::string name(255, 'n');
  a.lock({name});
  for (int i = 0; i < 8; ++i) cycle.push_back({SessionId{2}, name, SessionId{2}, true});
  CHECK(in_words(log.machine, cycle).size() < 1000);
  CHECK(in_words(log.machine, {}) == "deadlock: waiting would never have ended");
}

}  // namespace coord::service
