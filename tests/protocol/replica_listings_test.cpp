// SPDX-License-Identifier: MIT
// Listings of thousands of parties: every answer fits a frame, and together they are everything.
#include <catch2/catch.hpp>

#include "replica/listings.hpp"
#include "wire/codec.hpp"
#include "wire/frame.hpp"

namespace coord::replica {

namespace {

using namespace std::chrono_literals;

// One holder of `name` and so many waiters, each with a command line of `length`.
service::StateMachine crowd(std::size_t waiters, std::size_t length, std::size_t sharing = 0) {
  service::StateMachine machine;
  LogIndex at{1};
  machine.apply(at, {.body = service::Register{NodeId{1}, 1, {}}});
  for (std::size_t i = 0; i <= waiters; ++i) {
    service::Acquire acquire;
    acquire.open = service::Open{{"a", "host", 1000, "user", 42, std::string(length, 'c')}, 10s, i};
    acquire.request = 1;
    acquire.names = {"name"};
    if (i < sharing) acquire.terms.mode = service::Mode::shared;
    ++at.value;
    machine.apply(at, {.node = NodeId{1},
                       .client = machine.registration(NodeId{1}),
                       .sequence = i + 1,
                       .acknowledged = i,
                       .body = acquire});
  }
  return machine;
}

template <class Page>
std::vector<Page> pages_of(const Question& question, const service::StateMachine& machine) {
  std::vector<Page> pages;
  for (const local::Answer& answer : answers_to(question, machine, WallTime{5})) {
    CHECK(wire::encode(answer).size() < wire::stream_payload_limit);
    pages.push_back(std::get<Page>(answer));
    CHECK(pages.back().request == 9);
    CHECK(pages.back().as_of == WallTime{5});
  }
  for (std::size_t i = 0; i < pages.size(); ++i) CHECK(pages[i].more == (i + 1 < pages.size()));
  return pages;
}

}  // namespace

TEST_CASE("one name with thousands of waiters comes in several answers, each within a frame") {
  const service::StateMachine machine = crowd(3000, 1000);
  const auto pages = pages_of<local::Locks>(local::ListLocks{9, {}, false}, machine);
  CHECK(pages.size() > 10);
  std::size_t holders = 0;
  std::uint32_t position = 0;
  for (const local::Locks& page : pages) {
    REQUIRE(page.locks.size() == 1);
    CHECK(page.locks.front().name == "name");
    holders += page.locks.front().holders.size();
    for (const local::LockParty& waiter : page.locks.front().waiters) {
      CHECK(waiter.position == ++position);
      CHECK(waiter.command.size() == 1000);
    }
  }
  CHECK(holders == 1);
  CHECK(position == 3000);
  CHECK(pages_of<local::Locks>(local::ListLocks{9, {"name"}, false}, machine).size() == pages.size());
}

TEST_CASE("where all of it would be too much, command lines are cut and nobody is left out") {
  const service::StateMachine machine = crowd(4000, 4000);
  std::size_t parties = 0;
  for (const local::Locks& page : pages_of<local::Locks>(local::ListLocks{9, {}, false}, machine)) {
    for (const local::LockRecord& lock : page.locks) {
      parties += lock.holders.size() + lock.waiters.size();
      for (const local::LockParty& waiter : lock.waiters) CHECK(waiter.command.size() == 64);
    }
  }
  CHECK(parties == 4001);
}

TEST_CASE("nothing to list is one empty answer") {
  const service::StateMachine machine;
  const auto pages = pages_of<local::Locks>(local::ListLocks{9, {}, false}, machine);
  REQUIRE(pages.size() == 1);
  CHECK(pages.front().locks.empty());
  CHECK(pages_of<local::Waits>(local::ListWaits{9, false}, machine).front().waits.empty());
}

TEST_CASE("a long line of waits is one edge a wait and one for its holder") {
  const service::StateMachine machine = crowd(2000, 300);
  std::size_t holds = 0, before = 0;
  for (const local::Waits& page : pages_of<local::Waits>(local::ListWaits{9, false}, machine)) {
    for (const local::WaitRecord& wait : page.waits) {
      (wait.kind == local::WaitKind::holds ? holds : before) += 1;
      CHECK(wait.waiter.session != wait.blocker.session);
    }
  }
  CHECK(holds == 2000);
  CHECK(before == 1999);
}

TEST_CASE("of many holders as many edges are shown as a person can read, and three to who has to wait") {
  const service::StateMachine machine = crowd(40, 300, 40);
  const auto pages = pages_of<local::Waits>(local::ListWaits{9, false}, machine);
  REQUIRE(pages.size() == 1);
  CHECK(pages.front().waits.size() == 16);
  const service::Request& waiter = machine.state().requests.rbegin()->second;
  CHECK(blockers_of(machine, waiter.session, waiter.number).size() == 3);
  CHECK(blockers_of(machine, waiter.session, 7).empty());
}

}  // namespace coord::replica
