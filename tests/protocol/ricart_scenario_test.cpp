// SPDX-License-Identifier: MIT
// Ricart and Agrawala, 1981: the algorithm's section, step by step, and its message count.
#include <catch2/catch.hpp>

#include "ricart_app.hpp"

using namespace coord;
using namespace std::chrono_literals;
using mutex::Granted;
using mutex::Phase;
using mutex::RicartAgrawala;
using Request = RicartAgrawala::Request;
using Reply = RicartAgrawala::Reply;
using Receive = RicartAgrawala::Receive;
using Send = RicartAgrawala::Send;

namespace {

const NodeId one{1}, two{2}, three{3};

RicartAgrawala site(NodeId self, std::uint64_t clock_start = 0, Duration resend = {}) {
  RicartAgrawala::Config config;
  config.self = self;
  config.sites = {one, two, three};
  config.clock_start = clock_start;
  config.resend = resend;
  return RicartAgrawala(config);
}

std::vector<Send> sends(const RicartAgrawala::Actions& actions) {
  std::vector<Send> all;
  for (const auto& action : actions) {
    if (const auto* send = std::get_if<Send>(&action)) all.push_back(*send);
  }
  return all;
}

bool granted(const RicartAgrawala::Actions& actions) {
  return !actions.empty() && std::holds_alternative<Granted>(actions.back());
}

RicartAgrawala::Actions hear(RicartAgrawala& who, NodeId from, RicartAgrawala::Message message) {
  return who.step(Instant{}, Receive{from, message});
}

// Two users want in at the same moment, on links of exactly 10 ms.
std::string run_of_two(std::uint64_t first_clock, std::uint64_t third_clock) {
  ricart::App app(3, {}, {});
  sim::WorldConfig config;
  config.link.delay_low = config.link.delay_high = 10ms;
  ricart::World world(app, config);
  sim::Trace trace;
  ricart::add_checks(world, app);
  world.start_all();
  world.set_trace(&trace);
  world.node(one)->site = site(one, first_clock);
  world.node(three)->site = site(three, third_clock);
  world.input(one, ricart::App::Wish::enter);
  world.input(three, ricart::App::Wish::enter);
  world.run_for(1s);
  CHECK_FALSE(world.violation());
  CHECK(app.entries == 2);
  CHECK(world.statistics().sent == 2 * 2 * 2);
  return trace.text();
}

}  // namespace

TEST_CASE("the algorithm: the earlier timestamp is answered at once and goes first") {
  // The one that asks with 7 has to answer the one that asks with 5; the other way the answer waits. There is
  // no message of release: the deferred reply is it.
  CHECK(run_of_two(4, 6) ==
        "[    0] 1 - wants in\n"
        "[    0] 3 - wants in\n"
        "[   10] 1 > 2 request 5\n"
        "[   10] 1 > 3 request 5\n"
        "[   10] 3 > 1 request 7\n"
        "[   10] 3 > 2 request 7\n"
        "[   20] 2 > 1 reply to 5\n"
        "[   20] 3 > 1 reply to 5\n"
        "[   20] 1 - is inside with token 15\n"
        "[   20] 2 > 3 reply to 7\n"
        "[   20] 1 - leaves\n"
        "[   30] 1 > 3 reply to 7\n"
        "[   30] 3 - is inside with token 23\n"
        "[   30] 3 - leaves\n");
}

TEST_CASE("the algorithm: equal timestamps are told apart by the site") {
  CHECK(run_of_two(6, 6) ==
        "[    0] 1 - wants in\n"
        "[    0] 3 - wants in\n"
        "[   10] 1 > 2 request 7\n"
        "[   10] 1 > 3 request 7\n"
        "[   10] 3 > 1 request 7\n"
        "[   10] 3 > 2 request 7\n"
        "[   20] 2 > 1 reply to 7\n"
        "[   20] 3 > 1 reply to 7\n"
        "[   20] 1 - is inside with token 21\n"
        "[   20] 2 > 3 reply to 7\n"
        "[   20] 1 - leaves\n"
        "[   30] 1 > 3 reply to 7\n"
        "[   30] 3 - is inside with token 23\n"
        "[   30] 3 - leaves\n");
}

TEST_CASE("a site alone needs nobody") {
  RicartAgrawala::Config config;
  config.self = one;
  config.sites = {one};
  RicartAgrawala alone(config);
  const auto actions = alone.step(Instant{}, mutex::Acquire{});
  REQUIRE(actions.size() == 1);
  CHECK(std::get<Granted>(actions[0]).token == Token{1});
}

TEST_CASE("replies are a set: the same one twice is one, and only to this request") {
  auto asker = site(one);
  CHECK(sends(asker.step(Instant{}, mutex::Acquire{})).size() == 2);
  CHECK(asker.missing() == std::set<NodeId>{two, three});
  CHECK_FALSE(granted(hear(asker, two, Reply{0, 1})));
  CHECK_FALSE(granted(hear(asker, two, Reply{0, 1})));
  CHECK_FALSE(granted(hear(asker, three, Reply{0, 99})));  // to a request that is not ours
  CHECK_FALSE(granted(hear(asker, three, Reply{7, 1})));   // of another epoch
  CHECK_FALSE(granted(hear(asker, NodeId{4}, Reply{0, 1})));
  CHECK(asker.missing() == std::set<NodeId>{three});
  CHECK(granted(hear(asker, three, Reply{0, 1})));
  CHECK(asker.token() == Token{3});
}

TEST_CASE("inside, every request waits until we leave, whatever its timestamp") {
  auto holder = site(two, 10);
  static_cast<void>(holder.step(Instant{}, mutex::Acquire{}));
  static_cast<void>(hear(holder, one, Reply{0, 11}));
  REQUIRE(granted(hear(holder, three, Reply{0, 11})));
  CHECK(hear(holder, one, Request{0, 2}).empty());
  CHECK(hear(holder, three, Request{0, 12}).empty());
  const auto replies = sends(holder.step(Instant{}, mutex::Release{}));
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].to == one);
  CHECK(std::get<Reply>(replies[0].message).time == 2);
  CHECK(replies[1].to == three);
  CHECK(std::get<Reply>(replies[1].message).time == 12);
  CHECK(sends(hear(holder, one, Request{0, 13})).size() == 1);  // idle again: at once
  CHECK(holder.step(Instant{}, mutex::Acquire{}).size() == 2);
  CHECK(holder.request()->time == 14);
}

TEST_CASE("a late copy of an answered request does not hide the newer one that waits") {
  auto holder = site(one, 5);
  static_cast<void>(holder.step(Instant{}, mutex::Acquire{}));
  CHECK(hear(holder, two, Request{0, 9}).empty());
  CHECK(hear(holder, two, Request{0, 7}).empty());
  const auto replies = sends(holder.step(Instant{}, mutex::Release{}));  // withdraws
  REQUIRE(replies.size() == 1);
  CHECK(std::get<Reply>(replies[0].message).time == 9);
  CHECK(holder.phase() == Phase::idle);
}

TEST_CASE("a request that may be lost is sent again, to those only who have not replied") {
  auto asker = site(one, 0, 100ms);
  CHECK_FALSE(asker.deadline());
  static_cast<void>(asker.step(Instant{}, mutex::Acquire{}));
  CHECK(asker.deadline() == Instant{} + 100ms);
  static_cast<void>(hear(asker, two, Reply{0, 1}));
  CHECK(asker.step(Instant{} + 50ms, RicartAgrawala::Tick{}).empty());
  const auto again = sends(asker.step(Instant{} + 100ms, RicartAgrawala::Tick{}));
  REQUIRE(again.size() == 1);
  CHECK(again[0].to == three);
  CHECK(std::get<Request>(again[0].message) == Request{0, 1});
  CHECK(asker.deadline() == Instant{} + 200ms);
  CHECK(granted(hear(asker, three, Reply{0, 1})));
  CHECK_FALSE(asker.deadline());
}

TEST_CASE("absurd timestamps are ignored, and an epoch's last one is refused, not wrapped") {
  auto asker = site(one);
  CHECK(hear(asker, two, Request{0, ~std::uint64_t{0}}).empty());
  const std::uint64_t last = (std::uint64_t{1} << 53U) / 3 - 1;
  CHECK(sends(hear(asker, two, Request{0, last})).size() == 1);
  const auto actions = asker.step(Instant{}, mutex::Acquire{});
  REQUIRE(actions.size() == 1);
  CHECK(std::holds_alternative<mutex::Refused>(actions[0]));
  CHECK(asker.phase() == Phase::idle);
}

TEST_CASE("message traffic: exactly 2(N-1) an entry, and one message delay from leaving to the next entry") {
  for (const std::size_t n : {1U, 2U, 3U, 5U, 10U, 25U}) {
    ricart::App app(n, {.rounds = 20, .work_high = 5ms, .pause_high = 20ms}, {});
    sim::WorldConfig config;
    config.nodes = n;
    config.seed = n;
    config.link.delay_low = config.link.delay_high = 10ms;
    ricart::World world(app, config);
    ricart::add_checks(world, app);
    world.start_all();
    world.run_for(1h);
    CHECK_FALSE(world.violation());
    CHECK(app.entries == static_cast<int>(20 * n));
    CHECK(world.statistics().sent == 2 * (n - 1) * 20 * n);
    if (n >= 10) CHECK(app.hand_over_delay <= 10ms * 2);
  }
}

TEST_CASE("a crash: nobody is let in, and the first in the queue names the dead site") {
  ricart::App app(3, {}, 50ms);
  ricart::World world(app, {});
  ricart::add_checks(world, app);
  world.start_all();
  world.crash(two, sim::CrashKind::process);
  world.input(three, ricart::App::Wish::enter);
  world.run_for(1s);
  world.input(one, ricart::App::Wish::enter);
  world.run_for(1min);
  CHECK(app.entries == 0);
  CHECK(world.node(three)->site.missing() == std::set<NodeId>{two});
  CHECK(world.node(one)->site.missing() == std::set<NodeId>{two, three});
  world.start(two);
  CHECK(world.state(two) == sim::NodeState::refused);
  CHECK(world.why(two) == "site: has forgotten what it said in this epoch: start a new epoch");
}
