// SPDX-License-Identifier: MIT
// SWIM as one member sees it: each rule in a scenario that its removal changes, and formulas against their
// published values.
#include "protocol/membership/swim.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "base/rule.hpp"

using namespace coord;
using namespace coord::membership;
using namespace std::chrono_literals;

namespace {

const NodeId one{1}, two{2}, three{3}, four{4}, stranger{9};

struct Removed {
  explicit Removed(const char* rule) { mutants::removed = rule; }
  ~Removed() { mutants::removed.clear(); }
};

Swim::Config config_of(std::size_t members) {
  Swim::Config config;
  config.self = one;
  std::vector<NodeId> names;
  for (std::size_t i = 1; i <= members; ++i) names.push_back(NodeId{i});
  config.founders = std::make_shared<const std::vector<NodeId>>(names);
  return config;
}

// A member among others that the test speaks for.
struct Alone {
  explicit Alone(std::size_t members = 4, std::optional<Incarnation> stored = {})
      : Alone(config_of(members), stored) {}
  explicit Alone(Swim::Config config, std::optional<Incarnation> stored = {})
      : swim(Instant{}, std::move(config), stored) {}

  void add(Swim::Actions actions) {
    for (auto& action : actions) done.push_back(std::move(action));
  }
  void hears(Rumour rumour) { told(two, Gossip{{rumour}}); }
  void told(NodeId from, SwimMessage message) {
    add(swim.step(now, Swim::Receive{from, std::move(message)}));
  }
  // Ticks as it asks for, until then.
  void run_for(Duration length) {
    const Instant end = now + length;
    while (*swim.deadline() <= end) {
      now = std::max(now, *swim.deadline());
      add(swim.step(now, Swim::Tick{}));
    }
    now = end;
  }
  template <class What>
  std::vector<What> sent() const {
    std::vector<What> all;
    for (const auto& action : done) {
      const auto* send = std::get_if<Swim::Send>(&action);
      if (send && std::holds_alternative<What>(send->message)) all.push_back(std::get<What>(send->message));
    }
    return all;
  }
  template <class What>
  std::vector<What> did() const {
    std::vector<What> all;
    for (const auto& action : done) {
      if (const auto* what = std::get_if<What>(&action)) all.push_back(*what);
    }
    return all;
  }
  std::string state_of(NodeId node) const {
    const auto member = swim.roster().find(node);
    return member ? name_of(member->state) : "unknown";
  }

  Swim swim;
  Instant now;
  Swim::Actions done;
};

std::string raised_by(std::uint64_t incarnation) {
  Alone member;
  member.hears({three, {4}, State::dead, two});
  member.hears({three, {incarnation}, State::alive, three});
  return member.state_of(three);
}

std::string suspected_after_removal() {
  Alone member;
  member.hears({stranger, {3}, State::suspect, two});
  return member.state_of(stranger);
}

// Three have founded a group of so many: how long one of them is suspected, as three others say.
Duration suspected_for(std::size_t members) {
  Swim::Config config = config_of(3);
  config.small_group = 8;
  Alone member(std::move(config));
  for (std::size_t i = 4; i <= members; ++i) member.hears({NodeId{i}, {0}, State::alive, NodeId{i}});
  REQUIRE(member.swim.roster().present() == members);
  for (const NodeId by : {two, NodeId{4}, NodeId{5}}) member.hears({three, {0}, State::suspect, by});
  REQUIRE(member.state_of(three) == "suspect");
  const Instant begun = member.now;
  while (member.state_of(three) == "suspect" && member.now - begun < 30s) member.run_for(10ms);
  REQUIRE(member.state_of(three) == "dead");
  return member.now - begun;
}

std::size_t confirmations(std::initializer_list<NodeId> by) {
  Suspicion suspicion(Instant{}, one, 2, 1s, 6s);
  for (const NodeId node : by) suspicion.confirm(node);
  return suspicion.confirmations();
}

// Whether helpers were asked before somebody was suspected.
bool helpers_come_first() {
  Alone member;
  for (int i = 0; i < 100 && member.did<Swim::Changed>().empty(); ++i) member.run_for(10ms);
  REQUIRE(!member.did<Swim::Changed>().empty());
  return !member.sent<PingRequest>().empty() && !member.sent<StreamPing>().empty();
}

}  // namespace

TEST_CASE("swim: an incarnation outlives a restart") {
  const auto first = [] {
    Alone member(4, Incarnation{7});
    member.run_for(1s);
    return member.did<Swim::Persist>().at(0).incarnation;
  };
  CHECK(first() == Incarnation{8});
  const Removed rule("swim_incarnation_survives_a_restart");
  CHECK(first() != Incarnation{8});
}

TEST_CASE("swim: who hears of its own suspicion makes a larger incarnation durable and then tells it") {
  const auto denied = [] {
    Alone member;
    member.hears({one, {0}, State::suspect, two});
    member.told(two, Ping{5, {}});
    const auto durable = member.did<Swim::Persist>();
    const auto acks = member.sent<Ack>();
    REQUIRE(acks.size() == 1);
    CHECK(acks[0].number == 5);
    CHECK(acks[0].rumours == Rumours{{one, {1}, State::alive, one}});
    CHECK(member.swim.awareness() == 1);
    return durable.back().incarnation;
  };
  CHECK(denied() == Incarnation{1});
  const Removed rule("swim_incarnation_is_durable_first");
  CHECK(denied() == Incarnation{0});
}

TEST_CASE("swim: old news raises nobody") {
  CHECK(raised_by(3) == "dead");
  CHECK(raised_by(4) == "dead");
  CHECK(raised_by(5) == "alive");
  const Removed rule("swim_old_news_raises_nobody");
  CHECK(raised_by(4) == "alive");
}

TEST_CASE("swim: a suspicion adds nobody") {
  CHECK(suspected_after_removal() == "unknown");
  const Removed rule("swim_suspicion_adds_nobody");
  CHECK(suspected_after_removal() == "suspect");
}

TEST_CASE("swim: helpers and a stream ping come before a suspicion") {
  CHECK(helpers_come_first());
  const Removed rule("swim_helpers_before_suspicion");
  CHECK_FALSE(helpers_come_first());
}

TEST_CASE("swim: a confirmation counts once for each that gives it") {
  CHECK(confirmations({two, two, two}) == 1);
  CHECK(confirmations({one}) == 0);
  CHECK(confirmations({two, three, four}) == 2);
  const Removed rule("swim_confirmation_counts_once");
  CHECK(confirmations({two, two}) == 2);
}

TEST_CASE("swim: a suspicion lasts as long as Lifeguard's formula says") {
  Suspicion suspicion(Instant{}, one, 3, 2s, 30s);
  CHECK(suspicion.ends() == Instant{} + 30s);
  CHECK(suspicion.confirm(two));
  CHECK(suspicion.ends() == Instant{} + 16s);  // ln 2 / ln 4 = 1/2
  CHECK(suspicion.confirm(three));
  CHECK(std::chrono::duration<double>(suspicion.ends() - Instant{}).count() ==
        Approx(30 - 28 * 0.79248).margin(0.001));
  CHECK(suspicion.confirm(four));
  CHECK(suspicion.ends() == Instant{} + 2s);
  CHECK_FALSE(suspicion.confirm(stranger));
  CHECK(shortest_suspicion(5, 1s, 4) == 4s);
  CHECK(std::chrono::duration<double>(shortest_suspicion(30, 1s, 4)).count() == Approx(5.908).margin(0.001));
  CHECK(tell_limit(30, 4) == 8);
  CHECK(tell_limit(1000, 4) == 16);
}

TEST_CASE("swim: whether a group is small is seen by who is present, and not by who has founded it") {
  // In a group of three nobody's word is waited for. 10 ms: the test looks so often.
  CHECK(suspected_for(3) >= 1500ms);
  CHECK(suspected_for(3) <= 1510ms);
  CHECK(suspected_for(8) >= 1500ms);
  CHECK(suspected_for(8) <= 1510ms);
  // 3 founders and 6 others; 3 and 27: 4 periods, and those times log10 of 30.
  CHECK(suspected_for(9) >= 1000ms);
  CHECK(suspected_for(9) <= 1010ms);
  CHECK(suspected_for(30) >= 1470ms);
  CHECK(suspected_for(30) <= 1490ms);
}

TEST_CASE("swim: news is told a bounded number of times") {
  const auto told = [] {
    RumourQueue queue;
    queue.put({two, {1}, State::alive, two});
    queue.put({two, {2}, State::alive, two});
    std::size_t times = 0;
    while (times < 100 && !queue.empty()) times += queue.take(8, 6).size();
    return times;
  };
  CHECK(told() == 6);
  const Removed rule("swim_news_is_told_so_often");
  CHECK(told() == 100);
}

TEST_CASE("swim: a member that was stopped itself suspects nobody for it") {
  const auto accused = [] {
    Alone member;
    while (member.sent<Ping>().empty()) member.run_for(10ms);
    member.now += 10s;
    for (int i = 0; i < 2; ++i) member.add(member.swim.step(member.now, Swim::Tick{}));
    return !member.did<Swim::Changed>().empty();
  };
  CHECK_FALSE(accused());
  const Removed rule("swim_own_pause_accuses_nobody");
  CHECK(accused());
}

TEST_CASE("swim: the dead of a table are suspects first, those of news are dead") {
  const auto after_table = [] {
    Alone member;
    member.told(two, Table{true, {{three, {0}, State::dead, two}}});
    return member.state_of(three);
  };
  CHECK(after_table() == "suspect");
  Alone member;
  member.hears({three, {0}, State::dead, two});
  CHECK(member.state_of(three) == "dead");
  const Removed rule("swim_dead_of_a_table_are_suspects");
  CHECK(after_table() == "dead");
}

TEST_CASE("swim: who is held dead is told so in the first answer") {
  Alone member;
  member.hears({three, {2}, State::dead, two});
  member.told(three, Ping{77, {}});
  const auto acks = member.sent<Ack>();
  REQUIRE(acks.size() == 1);
  REQUIRE(!acks[0].rumours.empty());
  CHECK(acks[0].rumours.front() == Rumour{three, {2}, State::dead, one});
}

TEST_CASE("swim: a helper that hears nothing says so, and passes a late answer on") {
  Alone member;
  member.told(two, PingRequest{5, three, {}});
  REQUIRE(member.sent<Ping>().size() == 1);
  const std::uint64_t number = member.sent<Ping>()[0].number;
  while (member.sent<Nack>().empty()) member.run_for(1ms);
  CHECK(member.sent<Nack>() == std::vector<Nack>{{5}});
  member.told(four, Ack{number, {}});  // not who was asked
  CHECK(member.sent<Ack>().empty());
  member.told(three, Ack{number, {}});
  REQUIRE(member.sent<Ack>().size() == 1);
  CHECK(member.sent<Ack>()[0].number == 5);
}

TEST_CASE("swim: helpers that say nothing make a member doubt itself, those that have heard nothing do not") {
  const auto awareness = [](bool helpers_speak) {
    Alone member;
    while (member.sent<StreamPing>().empty()) member.run_for(1ms);
    const std::uint64_t number = member.sent<StreamPing>()[0].number;
    for (const auto& action : Swim::Actions(member.done)) {
      const auto* send = std::get_if<Swim::Send>(&action);
      if (helpers_speak && send && std::holds_alternative<PingRequest>(send->message))
        member.told(send->to, Nack{number});
    }
    while (member.did<Swim::Changed>().empty()) member.run_for(1ms);
    return member.swim.awareness();
  };
  CHECK(awareness(true) == 0);
  CHECK(awareness(false) == 2);
}

TEST_CASE("swim: every member has its turn within 2N-1 periods") {
  Alone member(10);
  std::map<NodeId, int> last;
  int turn = 0, longest = 0;
  while (turn < 200) {
    const std::size_t before = member.done.size();
    member.run_for(1ms);
    for (std::size_t i = before; i < member.done.size(); ++i) {
      const auto* send = std::get_if<Swim::Send>(&member.done[i]);
      const auto* ping = send ? std::get_if<Ping>(&send->message) : nullptr;
      if (!ping) continue;
      ++turn;
      longest = std::max(longest, turn - last[send->to]);
      last[send->to] = turn;
      member.told(send->to, Ack{ping->number, {}});
    }
  }
  CHECK(last.size() == 9);
  CHECK(longest <= 2 * 9 - 1);
}

TEST_CASE("swim: who leaves tells it, and is neither suspected nor raised again") {
  Alone member;
  member.add(member.swim.step(member.now, Swim::Leave{}));
  const auto news = member.sent<Gossip>();
  REQUIRE(!news.empty());
  CHECK(news[0].rumours == Rumours{{one, {0}, State::left, one}});
  member.hears({one, {0}, State::suspect, two});
  CHECK(member.swim.incarnation() == Incarnation{0});
  while (member.swim.deadline()) member.run_for(*member.swim.deadline() - member.now);
  CHECK(member.did<Swim::Departed>().size() == 1);
  Alone other;
  other.hears({three, {0}, State::left, three});
  other.hears({three, {0}, State::suspect, two});
  CHECK(other.state_of(three) == "left");
}

TEST_CASE("swim: an incarnation that nobody could deny is no news") {
  Alone member;
  member.hears({three, {last_incarnation.value + 1}, State::dead, two});
  CHECK(member.state_of(three) == "alive");
}

TEST_CASE("swim: who has heard nobody asks its contacts, too: the founders may be gone for good") {
  const auto asks = [](Alone& member) {
    return std::ranges::any_of(member.done, [](const Swim::Action& action) {
      const auto* send = std::get_if<Swim::Send>(&action);
      return send && send->to == stranger && std::holds_alternative<Compare>(send->message);
    });
  };
  Alone member(1000);
  member.swim.set_contacts({stranger});
  member.run_for(60s);
  CHECK(asks(member));
  Alone heard(1000);
  heard.swim.set_contacts({stranger});
  heard.told(two, Gossip{});
  heard.hears({stranger, {0}, State::alive, two});
  heard.run_for(15s);
  CHECK_FALSE(heard.sent<Compare>().empty());
  CHECK_FALSE(asks(heard));
  // It has heard one, and that one knows as little: of two islands both have.
  Alone island(1000);
  island.swim.set_contacts({stranger});
  island.told(two, Gossip{});
  island.run_for(60s);
  CHECK(asks(island));
}

TEST_CASE(
    "swim: who has heard nobody tells its contacts that it is there, ever more seldom, and no more then") {
  Alone member;
  member.swim.set_contacts({one, stranger});
  const auto told = [&] {
    return std::ranges::count_if(member.done, [](const Swim::Action& action) {
      const auto* send = std::get_if<Swim::Send>(&action);
      CHECK((send == nullptr || send->to != one));
      return send && send->to == stranger && std::holds_alternative<Gossip>(send->message);
    });
  };
  member.run_for(1s);
  CHECK(told() >= 2);
  member.run_for(5min);
  CHECK(told() < 60);
  member.done.clear();
  member.told(stranger, Gossip{});
  member.hears({stranger, {0}, State::left, stranger});
  member.run_for(1min);
  CHECK(told() == 0);
}

TEST_CASE("swim: a founder that is gone for good is tried no more, once it is dead") {
  const auto asked_the_dead = [](bool is_gone) {
    Alone member;
    member.hears({three, {4}, State::dead, two});
    if (is_gone) member.swim.set_gone({three});
    member.run_for(1min);
    member.done.clear();
    for (int i = 0; i < 60; ++i) {  // the others live
      member.hears({two, {static_cast<std::uint64_t>(10 + i)}, State::alive, two});
      member.hears({four, {static_cast<std::uint64_t>(10 + i)}, State::alive, four});
      member.run_for(1min);
    }
    return std::ranges::any_of(member.done, [](const Swim::Action& action) {
      const auto* send = std::get_if<Swim::Send>(&action);
      return send && send->to == three;
    });
  };
  CHECK(asked_the_dead(false));
  CHECK_FALSE(asked_the_dead(true));
  Alone member;  // one that lives is not let go
  member.swim.set_gone({three});
  member.swim.set_contacts({three});
  member.told(three, Gossip{});
  member.run_for(500ms);
  CHECK(member.state_of(three) != "left");
}

TEST_CASE("swim: a shuffle is a permutation, of any size") {
  for (const std::size_t size : {1, 2, 3, 5, 64, 100, 1000}) {
    const Shuffle shuffle(size, size * 77);
    std::set<std::size_t> places;
    for (std::size_t i = 0; i < size; ++i) places.insert(shuffle(i));
    CHECK(places.size() == size);
    CHECK(*places.rbegin() == size - 1);
  }
}
