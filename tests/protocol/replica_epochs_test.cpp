// SPDX-License-Identifier: MIT
// A command that takes part in an epoch of a classical algorithm, and whose peer is killed and started again:
// the site has left the epoch, so the command keeps the deadline that it had, and the epoch its session.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

struct SiteOfEpoch : OneHost {
  SiteOfEpoch() {
    speaks = 2;
    machine = service::StateMachine::at_level(2);
    registers_anew();
    foreign({.node = other, .body = service::Register{other, 2, {}, 2}});
    holds_so(1, [this](local::Acquire& request) {
      request.mode = service::Mode::shared;
      request.part = service::TakePart{service::EnterBy::ricart_agrawala, {{self, 11, 101, "a"}}};
    });
    sent = now;
    session = session_of(1);
    before = kept.at(session);
  }
  void restarts_after(Duration time) {
    pass(time);
    restarts({1});
    registers_again(11);
  }
  // All that is asked for is ordered on the way.
  void goes_on_until(Duration since_it_was_sent) {
    while (now < sent + since_it_was_sent) {
      pass(10ms);
      order();
    }
  }
  bool is_killed() const { return !stops.empty() && stops.back().kill; }

  Instant sent;
  SessionId session;
  HoldRecord before;
};

// After the last renewal that succeeded before the restart.
Duration entry_lives_after_a_restart() {
  SiteOfEpoch site;
  site.restarts_after(1s);
  for (int i = 0; i < 3000 && !site.is_killed(); ++i) {
    site.pass(10ms);
    site.order();
  }
  return site.now - site.sent;
}

// Of the session, in the 10 s after KILL in which the command is not known to have ended.
std::uint64_t renewals_after_the_kill() {
  SiteOfEpoch site;
  site.restarts_after(1s);
  site.goes_on_until(8100ms);
  REQUIRE(site.is_killed());
  const std::uint64_t renewal = site.machine.session(site.session)->renewal;
  site.goes_on_until(18s);
  return site.machine.session(site.session)->renewal - renewal;
}

}  // namespace

TEST_CASE("an entry of an earlier life keeps its deadline, is told why, and its session stays to its end") {
  SiteOfEpoch site;
  CHECK(site.before.takes_part);
  site.restarts_after(1s);
  site.resumes(2, site.before);
  site.goes_on_until(5700ms);
  CHECK(site.stops.empty());
  REQUIRE_FALSE(site.told<local::Renewed>(2).empty());
  for (const local::Renewed& renewed : site.told<local::Renewed>(2))
    CHECK(renewed.sent == site.before.renewal_sent);
  // 0.8 TTL less the grace is its wrapper's time, which does not know why; this peer is a little earlier.
  site.goes_on_until(5900ms);
  REQUIRE(site.told<local::Lost>(2).size() == 1);
  CHECK(site.told<local::Lost>(2)[0].why == "the peer restarted");
  CHECK(site.told<local::Lost>(2)[0].kill_at == site.sent + 8s);
  REQUIRE(site.stops.size() == 1);
  CHECK_FALSE(site.stops[0].kill);
  site.goes_on_until(7900ms);
  CHECK_FALSE(site.is_killed());
  site.goes_on_until(8100ms);
  CHECK(site.is_killed());
  CHECK(site.told<local::Lost>(2).back().why == "the peer restarted");
  site.goes_on_until(30s);
  CHECK(site.machine.session(site.session) != nullptr);
  site.holders_gone(2);
  site.order();
  CHECK(site.machine.state().sessions.empty());
}

TEST_CASE("an entry of an earlier life whose wrapper is stopped: its session ends with its command") {
  SiteOfEpoch site;
  site.restarts_after(1s);
  site.goes_on_until(8100ms);
  REQUIRE(site.is_killed());
  CHECK(site.stops.back().confirm);
  CHECK(site.stops.back().to_the_end);
  CHECK_FALSE(site.stops.back().bare);
  site.goes_on_until(30s);
  CHECK(site.machine.session(site.session) != nullptr);
  // Somebody has the descriptor whom the peer cannot see, and no wrapper runs.
  site.command_gone(1000 + site.session.value, false);
  site.order();
  CHECK(site.machine.session(site.session) != nullptr);
  site.command_gone(1000 + site.session.value);  // the wrapper has the descriptor, and goes on having it
  site.order();
  CHECK(site.machine.state().sessions.empty());
  CHECK(site.kept.empty());
}

TEST_CASE("a lost hold of this life ends with the last who has its descriptor, whatever was killed") {
  OneHost site;
  site.holds(1);
  site.pass(9s);
  REQUIRE_FALSE(site.stops.empty());
  CHECK(site.stops.back().kill);
  CHECK_FALSE(site.stops.back().confirm);
  CHECK_FALSE(site.stops.back().to_the_end);
  site.command_gone(1);
  site.order();
  CHECK(site.machine.state().sessions.size() == 1);
}

TEST_CASE("an entry of an earlier life that ends by itself is released as any other") {
  SiteOfEpoch site;
  site.restarts_after(1s);
  site.resumes(2, site.before);
  site.goes_on_until(4s);
  site.says(2, local::Release{1, 0});
  site.order();
  CHECK(site.told<local::Released>(2).size() == 1);
  CHECK(site.told<local::Lost>(2).empty());
  CHECK(site.machine.state().sessions.empty());
}

TEST_CASE("an entry of an earlier life that is broken is told that, and of no restart") {
  SiteOfEpoch site;
  site.restarts_after(1s);
  site.resumes(2, site.before);
  site.goes_on_until(5s);
  site.foreign({.node = site.other,
                .client = site.machine.registration(site.other),
                .sequence = ++site.rival_sequence,
                .body = service::Break{site.session, 0, "root"}});
  site.goes_on_until(10s);
  CHECK(site.is_killed());
  std::vector<std::string> told;
  for (const local::Lost& lost : site.told<local::Lost>(2)) told.push_back(lost.why);
  CHECK(told == std::vector<std::string>{"broken by root", "it did not end in time"});
}

TEST_CASE("an entry of an earlier life: a second restart moves its deadline no more than the first") {
  SiteOfEpoch site;
  site.restarts_after(1s);
  site.goes_on_until(4s);
  site.restarts({1});
  site.registers_again(12);
  site.goes_on_until(7900ms);
  CHECK_FALSE(site.is_killed());
  site.goes_on_until(8100ms);
  CHECK(site.is_killed());
}

TEST_CASE("an entry without a command yet: a second restart moves the deadline of its command no more") {
  OneHost site;
  site.speaks = 2;
  site.machine = service::StateMachine::at_level(2);
  site.registers_anew();
  site.says(1, local::Hello{local::protocol_version, "dlock", site.speaks});
  local::Acquire request;
  request.request = 1;
  request.names = {"lock"};
  request.ttl = 10s;
  request.mode = service::Mode::shared;
  request.part = service::TakePart{service::EnterBy::ricart_agrawala, {{site.self, 11, 101, "a"}}};
  site.says(1, request);
  site.order();
  site.says(1, local::Started{1, 0, 2s});
  const Instant sent = site.now;
  HoldRecord before = site.kept.at(site.session_of(1));
  REQUIRE(before.pid == 0);
  REQUIRE(before.taken_up);
  const auto goes_on_until = [&](Duration since) {
    while (site.now < sent + since) {
      site.pass(10ms);
      site.order();
    }
  };
  const std::uint64_t of_no_command = std::uint32_t{0} - std::uint32_t{100};  // as restarts() has it
  for (const std::uint64_t life : {11U, 12U}) {
    goes_on_until(life == 11 ? 1s : 4s);
    site.restarts({of_no_command});
    site.registers_again(life);
    site.order();
  }
  before.pid = 101;  // begun meanwhile
  before.grace = 2s;
  site.resumes(2, before);
  REQUIRE_FALSE(site.told<local::Renewed>(2).empty());
  CHECK(site.told<local::Renewed>(2)[0].sent == before.renewal_sent);
  goes_on_until(8100ms);
  REQUIRE_FALSE(site.stops.empty());
  CHECK(site.stops.back().kill);
}

TEST_CASE("an entry of an earlier life: rules") {
  CHECK(entry_lives_after_a_restart() <= 8010ms);
  CHECK(renewals_after_the_kill() > 0);
  mutants::removed = "entry_of_earlier_life_ends_in_time";
  const Duration lives = entry_lives_after_a_restart();
  mutants::removed = "epoch_ends_when_its_command_has";
  const std::uint64_t renewals = renewals_after_the_kill();
  mutants::removed.clear();
  CHECK(lives > 10s);
  CHECK(renewals == 0);
}
