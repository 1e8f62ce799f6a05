// SPDX-License-Identifier: MIT
// Participants of barriers at their host: what a tool is told when it gives up while
// its arrival is on its way.
#include <catch2/catch.hpp>

#include "replica/desk.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

SessionsConfig config() {
  SessionsConfig config;
  config.self = NodeId{1};
  config.peer = "a";
  config.host = "alpha";
  return config;
}

// One participant whose Arrive is on its way, and who has said that it waits no longer.
struct GivingUp {
  static constexpr ConnectionId tool{7};
  Desk desk{config()};
  service::StateMachine machine{};
  Instant now{1s};
  std::uint64_t ticket = 0;
  std::uint64_t told_first = 0;  // from which generation on it may count, before its Arrive was submitted

  GivingUp() {
    (void)desk.quorum_is(now, true);
    (void)says(local::Hello{});
    local::Arrive arrival;
    arrival.request = 1;
    arrival.name = "gate";
    arrival.id = "p1";
    arrival.count = 2;
    arrival.key = 42;
    arrival.ttl = 10s;
    for (const SessionAction& action : says(arrival)) {
      if (const auto* submit = std::get_if<Submit>(&action)) ticket = submit->ticket;
      const auto* told = std::get_if<ToTool>(&action);
      if (told != nullptr && ticket == 0) told_first = std::get<local::Waiting>(told->answer).generation;
    }
    (void)says(local::Cancel{1});
  }
  SessionActions says(local::Request request) {
    return desk.on(now, FromTool{tool, {1000, "user", {7, 1}}, std::move(request)}, machine, {});
  }
  // The one answer to the tool.
  local::Answer told_of(const Outcome& outcome) {
    std::vector<local::Answer> answers;
    for (const SessionAction& action : desk.on(now, outcome, machine))
      if (const auto* told = std::get_if<ToTool>(&action)) answers.push_back(told->answer);
    REQUIRE(answers.size() == 1);
    return answers.front();
  }
};

}  // namespace

// It may have arrived over an earlier life of this peer: that arrival counts until its lease is over.
TEST_CASE("who gives up while its arrival is refused is not told that it has departed") {
  GivingUp rejected;
  REQUIRE(rejected.ticket != 0);
  const local::Answer full = rejected.told_of({rejected.ticket, {}, "the disk is nearly full"});
  REQUIRE(std::holds_alternative<local::Refused>(full));
  CHECK(std::get<local::Refused>(full).kind == local::RefusedKind::limit);

  GivingUp replaced;
  const local::Answer unknown = replaced.told_of({replaced.ticket, {}, {}});
  REQUIRE(std::holds_alternative<local::Refused>(unknown));
  CHECK(std::get<local::Refused>(unknown).kind == local::RefusedKind::unknown);
  CHECK_FALSE(replaced.desk.participants().has(GivingUp::tool));
}

// Whatever becomes of this peer then, the tool can say from where on it may have been counted.
TEST_CASE("a participant is told the earliest generation that may count it before anything is ordered") {
  CHECK(GivingUp().told_first == 1);
}
