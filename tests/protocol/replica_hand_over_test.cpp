// SPDX-License-Identifier: MIT
// Tokens of a peer whose place another one takes, and a lone peer that is closed.
#include <catch2/catch.hpp>
#include <utility>

#include "base/rule.hpp"
#include "replica/replica.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

// A peer alone, with a disk that is ready at once.
class Alone {
 public:
  explicit Alone(Level level = newest_level) : replica_(config(level), {}, {}, {}, Random(7), now_) {}

  void event(const Event& event) {
    take(replica_.step(now_, {}, event));
    take(replica_.settle(now_, {}));
  }
  void begin() {
    for (int i = 0; i < 20; ++i) {
      now_ += 100ms;
      event(Tick{});
    }
  }
  Token grant() {
    service::Acquire body;
    body.open = service::Open{{}, 10s, 1};
    body.request = 1;
    body.names = {std::to_string(++names_)};
    event(Submit{names_, std::move(body)});
    return last_.token;
  }
  const Replica& replica() const { return replica_; }
  Token reserved() const { return reserved_; }

 private:
  static Config config(Level level) {
    Config config;
    config.raft.self = NodeId{1};
    config.raft.peers = {NodeId{1}};
    config.raft.incarnation[0] = 1;
    config.level = level;
    return config;
  }
  void take(Actions actions) {
    std::vector<std::uint64_t> jobs;
    for (Action& action : actions) {
      if (auto* outcome = std::get_if<Outcome>(&action)) last_ = outcome->what;
      if (auto* job = std::get_if<DiskJob>(&action)) {
        if (const auto* block = std::get_if<ReserveTokens>(&job->work)) reserved_ = block->up_to;
        jobs.push_back(job->job);
      }
    }
    for (const std::uint64_t job : jobs) event(JobDone{job, false});
  }

  Instant now_{1h};
  Replica replica_;
  service::Outcome last_;
  Token reserved_;
  std::uint64_t names_ = 0;
};

}  // namespace

TEST_CASE("grants_above_inherited: a token that is not above those of the peer before is noticed") {
  const auto grants = [](Token inherited, bool at_first) {
    Alone alone;
    if (at_first) alone.event(RaiseTokens{inherited});
    alone.begin();
    if (!at_first) {
      alone.grant();
      alone.event(RaiseTokens{inherited});
    }
    const Token token = alone.grant();
    return std::pair(token, alone.reserved());
  };
  const Token inherited{std::uint64_t{1} << 45U};
  for (const bool at_first : {true, false}) {
    const auto [token, reserved] = grants(inherited, at_first);
    CHECK(token > inherited);
    CHECK(token <= reserved);
    mutants::removed = "grants_above_inherited";
    const Token without = grants(inherited, at_first).first;
    mutants::removed.clear();
    CHECK(without < inherited);
  }
}

TEST_CASE("what is inherited lowers nothing") {
  Alone alone;
  alone.event(RaiseTokens{Token{1000}});
  alone.begin();
  const Token first = alone.grant();
  CHECK(first > Token{1000});
  alone.event(RaiseTokens{Token{500}});
  CHECK(alone.grant() > first);
}

TEST_CASE("a peer alone is closed and opened through its log, from level 2 on") {
  Alone alone;
  alone.begin();
  REQUIRE(alone.replica().machine().level() == 2);
  alone.event(GrantNothing{true});
  CHECK(alone.replica().machine().state().closed);
  CHECK(alone.grant() == Token{});
  alone.event(GrantNothing{false});
  CHECK_FALSE(alone.replica().machine().state().closed);
  Alone old(1);
  old.begin();
  old.event(GrantNothing{true});
  CHECK_FALSE(old.replica().machine().state().closed);
  CHECK(old.grant() != Token{});
}
