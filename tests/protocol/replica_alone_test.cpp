// SPDX-License-Identifier: MIT
// One replica by itself: a group of one, and one of three whose others do not answer.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica/replica.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

// Carries out the disk jobs of a replica at once, or holds them back, and keeps the rest of its actions.
class Driver {
 public:
  explicit Driver(std::vector<NodeId> peers, std::size_t queued = 100, std::uint64_t token_block = 65'536)
      : replica_(config(std::move(peers), queued, token_block), {}, {}, {}, Random(7), now) {}

  void event(const Event& event) {
    take(replica_.step(now, {}, event));
    take(replica_.settle(now, {}));
  }
  void pass(Duration time) {
    const Instant end = now + time;
    while (replica_.deadline() && *replica_.deadline() <= end) {
      now = std::max(now + 1us, *replica_.deadline());
      event(Tick{});
    }
    now = std::max(now, end);
  }
  // What was held back is done, and all that follows.
  void disk_goes_on() {
    disk_stalls = false;
    while (!jobs.empty()) {
      const DiskJob job = std::move(jobs.front());
      jobs.erase(jobs.begin());
      if (const auto* block = std::get_if<ReserveTokens>(&job.work)) reserved = block->up_to;
      event(JobDone{job.job, false});
    }
  }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Action& action : actions) {
      if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
    }
    return found;
  }
  service::Body acquire(const std::string& name) const {
    service::Acquire body;
    body.open = service::Open{{}, 10s, 1};
    body.request = 1;
    body.names = {name};
    return body;
  }
  const Replica& replica() const { return replica_; }

  Instant now{1h};
  bool disk_stalls = false;
  Token reserved;  // on the disk
  std::vector<DiskJob> jobs;
  Actions actions;

 private:
  static Config config(std::vector<NodeId> peers, std::size_t queued, std::uint64_t token_block) {
    Config config;
    config.raft.self = NodeId{1};
    config.raft.peers = std::move(peers);
    config.raft.incarnation[0] = 1;
    config.commands_queued = queued;
    config.token_block = token_block;
    return config;
  }
  void take(Actions more) {
    for (Action& action : more) {
      if (auto* job = std::get_if<DiskJob>(&action)) {
        jobs.push_back(std::move(*job));
      } else {
        actions.push_back(std::move(action));
      }
    }
    if (!disk_stalls) disk_goes_on();
  }

  Replica replica_;
};

service::Body to_take_part(const Driver& driver, const std::string& name) {
  auto body = std::get<service::Acquire>(driver.acquire(name));
  body.terms.mode = service::Mode::shared;
  body.part = service::TakePart{service::EnterBy::lamport, {{NodeId{1}, 1, 1, "web1"}}, {}, false, false};
  return body;
}

}  // namespace

TEST_CASE("a peer alone founds, leads, registers, and has a command take effect once") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  CHECK(driver.replica().raft().role() == raft::Role::leader);
  CHECK(driver.replica().client() != service::ClientId{});
  driver.event(Submit{42, driver.acquire("lock")});
  REQUIRE(driver.all<Outcome>().size() == 1);
  CHECK(driver.all<Outcome>()[0].ticket == 42);
  CHECK(driver.all<Outcome>()[0].what.kind == service::OutcomeKind::granted);
  driver.pass(5s);  // nothing is sent again
  CHECK(driver.all<Outcome>().size() == 1);
  CHECK(driver.replica().machine().state().sessions.size() == 1);
}

TEST_CASE("a peer alone gives no token above the block that is reserved on its disk") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  Token last;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    driver.event(Submit{i, driver.acquire(std::to_string(i))});
    REQUIRE(driver.all<Outcome>().size() == i);
    const Token token = driver.all<Outcome>().back().what.token;
    CHECK(token > last);
    CHECK(token <= driver.reserved);
    last = token;
  }
}

TEST_CASE("a peer alone reserves on its disk what an epoch of a classical algorithm takes") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  const auto last = [&] { return driver.replica().machine().state().last_token; };
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const Token before = last();
    driver.event(Submit{i, to_take_part(driver, std::to_string(i))});
    REQUIRE(driver.all<Outcome>().size() == i);
    CHECK(last().value > before.value + (1U << 24U));
    CHECK(last() <= driver.reserved);
  }
  driver.disk_stalls = true;
  for (std::uint64_t i = 4; i <= 6; ++i) driver.event(Submit{i, to_take_part(driver, std::to_string(i))});
  driver.disk_goes_on();
  CHECK(driver.all<Outcome>().size() == 6);
  CHECK(last() <= driver.reserved);
}

namespace {

// How far tokens have come beyond what is reserved when one hold of three names ends, for which others wait
// to take part: by its release, or by its minimum hold.
std::int64_t beyond_reserved(Duration min_hold) {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  auto hold = std::get<service::Acquire>(driver.acquire("a"));
  hold.names = {"a", "b", "c"};
  hold.terms.min_hold = min_hold;
  driver.event(Submit{1, hold});
  const SessionId session = driver.replica().machine().state().sessions.begin()->first;
  std::uint64_t ticket = 1;
  for (const auto& name : hold.names) driver.event(Submit{++ticket, to_take_part(driver, name)});
  REQUIRE(driver.replica().machine().state().epochs.empty());
  driver.event(Submit{++ticket, service::Release{session, 1}});
  driver.pass(2 * min_hold + 2s);
  REQUIRE(driver.replica().machine().state().epochs.size() == 3);
  return static_cast<std::int64_t>(driver.replica().machine().state().last_token.value) -
         static_cast<std::int64_t>(driver.reserved.value);
}

}  // namespace

TEST_CASE("a peer alone reserves what epochs take that begin when a hold ends") {
  CHECK(beyond_reserved(0s) <= 0);
  CHECK(beyond_reserved(1s) <= 0);
  mutants::removed = "tokens_of_who_waits_are_reserved";
  const auto by_release = beyond_reserved(0s), by_timer = beyond_reserved(1s);
  mutants::removed.clear();
  CHECK(by_release > 0);
  CHECK(by_timer > 0);
}

TEST_CASE("a peer alone reserves the tokens of all that one command lets in") {
  Driver driver({NodeId{1}}, 4'000, 0);
  driver.pass(1s);
  driver.event(Submit{1, driver.acquire("a")});
  const SessionId session = driver.replica().machine().state().sessions.begin()->first;
  auto shared = std::get<service::Acquire>(driver.acquire("a"));
  shared.terms.mode = service::Mode::shared;
  for (std::uint64_t i = 2; i < 3'000; ++i) driver.event(Submit{i, shared});
  const Token before = driver.replica().machine().state().last_token;
  driver.event(Submit{3'000, service::Release{session, 1}});
  CHECK(driver.replica().machine().state().last_token.value >= before.value + 2'998);
  CHECK(driver.replica().machine().state().last_token <= driver.reserved);
}

TEST_CASE("a query at a peer alone is answered when all before it is applied") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  driver.event(Submit{1, driver.acquire("lock")});
  driver.event(Query{5});
  driver.pass(1s);
  REQUIRE(driver.all<QueryReady>().size() == 1);
  CHECK(driver.all<QueryReady>()[0].ticket == 5);
}

TEST_CASE("a nearly full disk: what adds to the state is refused, what frees it is not") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  driver.event(Submit{1, driver.acquire("lock")});
  const SessionId session = driver.all<Outcome>()[0].what.session;
  driver.event(Space{true});
  driver.event(Submit{2, driver.acquire("more")});
  driver.event(Submit{3, service::Close{session, service::CloseReason::finished}});
  REQUIRE(driver.all<Outcome>().size() == 3);
  CHECK(driver.all<Outcome>()[1].ticket == 2);
  CHECK_FALSE(driver.all<Outcome>()[1].rejected.empty());
  CHECK(driver.all<Outcome>()[2].what.kind == service::OutcomeKind::closed);
  driver.event(Space{false});
  driver.event(Submit{4, driver.acquire("more")});
  CHECK(driver.all<Outcome>().back().what.kind == service::OutcomeKind::granted);
}

TEST_CASE(
    "what was sent again before the disk was nearly full: told as it was decided, not as it was rejected") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  driver.event(Submit{1, driver.acquire("other")});  // has tokens reserved
  driver.disk_stalls = true;  // the first copy is in the log, the second one is refused
  driver.event(Submit{2, driver.acquire("lock")});
  driver.event(Space{true});
  driver.pass(3s);
  CHECK(driver.all<Outcome>().size() == 1);
  driver.disk_goes_on();
  driver.pass(1s);
  REQUIRE(driver.all<Outcome>().size() == 2);
  CHECK(driver.all<Outcome>()[1].rejected.empty());
  CHECK(driver.all<Outcome>()[1].what.kind == service::OutcomeKind::granted);
}

TEST_CASE("what is retracted: dropped where nothing knows of it, else done once or not at all") {
  Driver away({NodeId{1}, NodeId{2}, NodeId{3}});
  away.event(Submit{1, away.acquire("lock")});
  away.event(Retract{1});
  REQUIRE(away.all<Outcome>().size() == 1);
  CHECK_FALSE(away.all<Outcome>()[0].rejected.empty());

  Driver alone({NodeId{1}});
  alone.pass(1s);
  alone.disk_stalls = true;  // it is in the log, and not yet durable
  alone.event(Submit{1, alone.acquire("lock")});
  alone.event(Retract{1});
  alone.disk_goes_on();
  alone.pass(3s);
  REQUIRE(alone.all<Outcome>().size() == 1);
  CHECK(alone.all<Outcome>()[0].what.kind == service::OutcomeKind::granted);
  CHECK(alone.replica().machine().state().sessions.size() == 1);
  alone.event(Retract{1});  // too late for anything
  CHECK(alone.all<Outcome>().size() == 1);
}

TEST_CASE("a failed write ends the peer, and nothing that waited for it is answered") {
  Driver driver({NodeId{1}});
  driver.pass(1s);
  driver.disk_stalls = true;
  driver.event(Submit{1, driver.acquire("lock")});
  driver.event(JobFailed{"input/output error"});
  CHECK(driver.all<Halted>().size() == 1);
  CHECK(driver.all<Outcome>().empty());
  driver.event(Submit{2, driver.acquire("lock")});
  driver.pass(5s);
  CHECK(driver.all<Outcome>().empty());
  CHECK_FALSE(driver.replica().has_quorum());
}

TEST_CASE(
    "one of three whose others are silent: commands wait up to a bound, queries fail in time, no term is "
    "spent") {
  Driver driver({NodeId{1}, NodeId{2}, NodeId{3}}, 3);
  for (std::uint64_t i = 1; i <= 4; ++i) driver.event(Submit{i, driver.acquire("lock")});
  REQUIRE(driver.all<Outcome>().size() == 1);
  CHECK(driver.all<Outcome>()[0].ticket == 4);
  CHECK_FALSE(driver.all<Outcome>()[0].rejected.empty());
  driver.event(Query{9});
  driver.pass(10s);
  REQUIRE(driver.all<QueryFailed>().size() == 1);
  CHECK(driver.all<QueryFailed>()[0].ticket == 9);
  CHECK(driver.all<Outcome>().size() == 1);
  CHECK(driver.replica().raft().term() == Term{});
  CHECK_FALSE(driver.replica().has_quorum());
}
