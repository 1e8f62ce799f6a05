// SPDX-License-Identifier: MIT
// The members of a group as the part of a node: what they hold of each other, and what they tell.
#include <catch2/catch.hpp>

#include "members_group.hpp"
#include "net/datagram_format.hpp"
#include "sim/disk.hpp"

using namespace coord;
using namespace coord::members;
using namespace coord::members::test;

namespace {

constexpr NodeId first{1}, second{2}, third{3}, stranger{99};

std::vector<NodeId> later_hosts(std::uint64_t count) {
  std::vector<NodeId> hosts;
  for (std::uint64_t i = 1; i <= count; ++i) hosts.push_back(NodeId{10 + i});
  return hosts;
}
bool know_each_other(const Group& group, const std::vector<NodeId>& hosts) {
  return std::ranges::all_of(hosts, [&](NodeId here) {
    return std::ranges::all_of(
        hosts, [&](NodeId of) { return of == here || group.is_held(here, of, State::alive); });
  });
}

}  // namespace

TEST_CASE("a member that is killed is held dead by all within three seconds", "[members]") {
  for (const std::size_t size : {3, 5, 30}) {
    INFO(size);
    Group group(size);
    group.run(3s);
    CHECK(group.all_hold(third, State::alive));
    group.kill(third);
    CHECK(group.until_all_hold(third, State::dead) < 3s);
    group.run(5s);
    if (size < 30) CHECK(*group.part(first).view(group.now, third)->phi > 3);
    CHECK_FALSE(group.reports.empty());
  }
}

TEST_CASE("a member that comes back has a higher incarnation and is alive for all", "[members]") {
  Group group(3);
  group.run(1s);
  for (int life = 0; life < 3; ++life) {
    const Incarnation before = group.part(second).incarnation();
    group.kill(second);
    if (life != 1) group.until_all_hold(second, State::dead);  // once so fast that nobody notices
    group.start(second);
    group.run(2s);
    CHECK(group.part(second).incarnation() > before);
    CHECK(group.all_hold(second, State::alive));
    CHECK(group.part(first).view(group.now, second)->member.incarnation == group.part(second).incarnation());
  }
}

TEST_CASE("a disk that was lost takes no incarnation along that the others know", "[members]") {
  Group group(3);
  group.run(1s);
  group.kill(second);
  group.until_all_hold(second, State::dead);
  group.start(second);
  group.run(2s);
  const Incarnation known = group.part(second).incarnation();
  REQUIRE(known > Incarnation{});
  group.kill(second);
  group.until_all_hold(second, State::dead);
  group.lose_disk(second);
  group.start(second);
  group.run(3s);
  CHECK(group.part(second).incarnation() > known);
  CHECK(group.all_hold(second, State::alive));
}

TEST_CASE("a member that is stopped for a second again and again is never held dead", "[members]") {
  for (const std::size_t size : {3, 5, 30}) {
    INFO(size);
    Group group(size);
    group.run(2s);
    for (int i = 0; i < 30; ++i) {
      group.stopped = {third};
      group.run(1s);
      CHECK_FALSE(group.state(first, third) == State::dead);
      group.stopped.clear();
      group.run(200ms);
    }
    CHECK(group.reports.empty());
    CHECK(group.until_all_hold(third, State::alive) < 2s);
  }
}

TEST_CASE("a group none of whose founders is left: those that came later watch each other", "[members]") {
  const NodeId d{11}, e{12}, f{13};
  Group group(3, {d, e, f});
  const auto hold_each_other = [&] {
    for (const NodeId here : {d, e, f})
      for (const NodeId of : {d, e, f})
        if (here != of &&
            !(group.is_held(here, of, State::alive) && group.part(here).view(group.now, of)->phi))
          return false;
    return true;
  };
  for (int i = 0; i < 200 && !hold_each_other(); ++i) group.run(100ms);
  CHECK(hold_each_other());
  group.kill(f);
  const auto is_dead = [&] { return group.is_held(d, f, State::dead) && group.is_held(e, f, State::dead); };
  for (int i = 0; i < 100 && !is_dead(); ++i) group.run(100ms);
  CHECK(is_dead());
}

TEST_CASE("ten hosts of a group none of whose founders is left, begun at once, all find each other",
          "[members]") {
  const NodeId last{21};
  Group group(3, later_hosts(11));
  group.kill(last);
  group.lose_disk(last);
  int tenths = 0;
  for (; tenths < 3000 && !know_each_other(group, later_hosts(10)); ++tenths) group.run(100ms);
  INFO("all knew each other after " << tenths * 100 << " ms");
  CHECK(tenths < 100);
  // And one more comes.
  group.start(last);
  const auto is_known = [&] {
    return std::ranges::all_of(later_hosts(10),
                               [&](NodeId here) { return group.is_held(here, last, State::alive); });
  };
  int hundredths = 0;
  for (; hundredths < 1000 && !is_known(); ++hundredths) group.run(10ms);
  INFO("the one that came was known to all after " << hundredths * 10 << " ms");
  CHECK(hundredths <= 50);
}

// Each has heard one, in a comparison, and knows nobody else.
TEST_CASE("ten such hosts that find each other in pairs first, as no datagram arrives, all do so in the end",
          "[members]") {
  Group group(3, later_hosts(10));
  group.loses_datagrams = true;
  group.run(12s);
  group.loses_datagrams = false;
  int tenths = 0;
  for (; tenths < 3000 && !know_each_other(group, later_hosts(10)); ++tenths) group.run(100ms);
  INFO("all knew each other after " << tenths * 100 << " ms");
  CHECK(tenths < 600);
}

TEST_CASE("who leaves is held to have left at once, and may end a moment later", "[members]") {
  Group group(5);
  group.run(1s);
  group.leave(second);
  CHECK(group.part(second).is_leaving());
  group.run(5ms);
  CHECK(group.all_hold(second, State::left));
  group.run(100ms);
  CHECK_FALSE(group.part(second).is_leaving());
  group.kill(second);
  group.start(second);
  CHECK(group.until_all_hold(second, State::alive) < 1s);
}

TEST_CASE("who leaves a group none of whose founders is left tells those that came later", "[members]") {
  const NodeId d{11}, e{12}, f{13};
  Group group(3, {d, e, f});
  const auto both_hold = [&](State wanted) {
    return group.is_held(d, e, wanted) && group.is_held(f, e, wanted);
  };
  for (int i = 0; i < 200 && !both_hold(State::alive); ++i) group.run(100ms);
  REQUIRE(both_hold(State::alive));
  group.leave(e);
  group.run(5ms);
  CHECK(both_hold(State::left));
}

TEST_CASE("before level 2 nothing is sent and nothing is written", "[members]") {
  Group group(3, 1);
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(group.step(NodeId{i}, node::Tick{}).empty());
  CHECK_FALSE(group.part(first).deadline());
  group.step(first, node::FromPeer{second, bytes_of(membership::Ping{1, {}}), 2, node::Way::datagram});
  group.leave(second);
  CHECK_FALSE(group.part(second).is_leaving());
  CHECK(group.sent.empty());
  group.level = 2;
  for (std::uint64_t i = 1; i <= 3; ++i) group.step(NodeId{i}, node::Tick{});
  group.run(2s);
  CHECK_FALSE(group.sent.empty());
  CHECK(group.all_hold(second, State::alive));
}

TEST_CASE("a stalled disk makes nobody dead", "[members]") {
  Group group(3);
  group.run(1s);
  group.stalled = {second};
  group.run(10s);
  CHECK(group.reports.empty());
  // Denied many times, also beyond what was written down ahead.
  const auto deny = [&](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      const membership::Rumour rumour{second, group.part(second).incarnation(), State::suspect, third};
      group.step(second,
                 node::FromPeer{first, bytes_of(membership::Gossip{{rumour}}), 2, node::Way::datagram});
    }
  };
  deny(incarnations_ahead * 3);
  group.run(5s);
  CHECK(group.part(first).view(group.now, second)->member.incarnation < group.part(second).incarnation());
  CHECK(group.state(first, second) == State::alive);
  group.stalled.clear();
  group.run(200ms);
  CHECK(group.part(first).view(group.now, second)->member.incarnation == group.part(second).incarnation());
}

TEST_CASE("what cannot be meant is not taken, and is not answered", "[members]") {
  Group group(3);
  group.run(1s);
  const std::size_t before = group.sent.size();
  membership::Rumours many(membership::datagram_rumours + 1, {first, {}, State::alive, second});
  const std::vector<node::FromPeer> wrong{
      {second, {}, 2, node::Way::datagram},
      {second, Bytes(1100, 0xff), 2, node::Way::datagram},
      {second, bytes_of(membership::Ping{1, {}}), 2, node::Way::stream},
      {second, bytes_of(membership::Compare{1}), 2, node::Way::datagram},
      {second, bytes_of(membership::Gossip{many}), 2, node::Way::datagram},
      {second, bytes_of(membership::Table{false, many}), 2, node::Way::stream},
      {stranger, bytes_of(membership::Ping{1, {}}), 2, node::Way::datagram}};
  for (const auto& message : wrong) {
    const auto actions = group.step(first, message);
    REQUIRE(actions.size() == 1);
    CHECK(std::holds_alternative<node::Unreadable>(actions.front()));
  }
  CHECK(group.sent.size() == before);
  // Cut short anywhere, it is none.
  const Bytes whole = bytes_of(membership::Ping{1, {{second, {3}, State::dead, third}}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto actions = group.step(first, node::FromPeer{second, cut, 2, node::Way::datagram});
    REQUIRE(actions.size() == 1);
    CHECK(std::holds_alternative<node::Unreadable>(actions.front()));
  }
  CHECK(group.all_hold(second, State::alive));
}

TEST_CASE("a full datagram of news fits into one packet", "[members]") {
  const membership::Rumours full(
      membership::datagram_rumours,
      {NodeId{~std::uint64_t{0}}, membership::last_incarnation, State::dead, NodeId{~std::uint64_t{0}}});
  const Said said{membership::PingRequest{~std::uint64_t{0}, NodeId{~std::uint64_t{0}}, full},
                  {1'700'000'000'000'000'000},
                  {1'700'000'000'000'000'000},
                  {1'700'000'000'000'000'000}};
  CHECK(wire::encode(said, 2).size() + 32 < net::datagram_message_limit);
}

TEST_CASE("the offset of another host's clock is found from pings", "[members]") {
  Group group(3);
  group.skew[second] = 1500ms;
  group.run(5s);
  const auto offset = [&](NodeId here, NodeId of) { return group.part(here).view(group.now, of)->offset; };
  REQUIRE((offset(first, second) && offset(second, first) && offset(first, third)));
  CHECK(std::chrono::abs(offset(first, second)->offset - 1500ms) < 2ms);
  CHECK(std::chrono::abs(offset(second, first)->offset + 1500ms) < 2ms);
  CHECK(std::chrono::abs(offset(first, third)->offset) < 2ms);
}

TEST_CASE("of the last exchanges the shortest counts, and times that cannot be are none", "[members]") {
  constexpr std::int64_t ms = 1'000'000, start = 1'700'000'000'000 * ms;
  const auto wall = [](std::int64_t since) { return WallTime{start + since * ms}; };
  Offset offset;
  Instant now{};
  CHECK_FALSE(offset.estimate(now));
  offset.add(now, wall(0), wall(-5), wall(10), wall(4));     // answered before it was heard of
  offset.add(now, wall(0), wall(20), wall(10), wall(30));    // sent before it was heard
  offset.add(now, wall(0), wall(1), wall(1), wall(20'000));  // too long ago
  offset.add(now, wall(0), {1}, {std::numeric_limits<std::int64_t>::max()}, wall(1));
  offset.add(now, {std::numeric_limits<std::int64_t>::min()}, wall(1), wall(1), wall(2));
  CHECK_FALSE(offset.estimate(now));
  offset.add(now, wall(0), wall(150), wall(150), wall(100));  // 100 ahead, a round trip of 100
  CHECK(offset.estimate(now)->offset == 100ms);
  offset.add(now, wall(0), wall(92), wall(92), wall(4));  // 90 ahead, of 4
  CHECK(offset.estimate(now)->offset == 90ms);
  for (int i = 0; i < 7; ++i) offset.add(now, wall(0), wall(550), wall(550), wall(100));
  CHECK(offset.estimate(now)->offset == 90ms);
  offset.add(now, wall(0), wall(550), wall(550), wall(100));  // the short one is too old now
  CHECK(offset.estimate(now)->offset == 500ms);

  // What two clocks drift apart counts too: the longer round trip is the better one after a while.
  Offset drifting;
  drifting.add(now, wall(0), wall(1), wall(1), wall(2));  // none ahead, of 2
  CHECK(drifting.estimate(now)->bound < 2ms);
  now += 1h;
  CHECK(drifting.estimate(now)->bound > 100ms);
  drifting.add(now, wall(0), wall(30), wall(30), wall(20));  // 20 ahead, of 20
  CHECK(drifting.estimate(now)->offset == 20ms);
  CHECK(drifting.estimate(now)->bound >= 10ms);
  CHECK(drifting.estimate(now)->bound < 11ms);
}

TEST_CASE("a clock that runs wild is told from one that was set, and from a way that takes long",
          "[members]") {
  // The other clock's offset after so many seconds, each exchange wrong by at most `error`.
  const auto rate = [](auto offset_ms_at, Duration error, int seconds = 30) {
    Rate measured;
    Instant now{};
    for (int s = 0; s <= seconds; ++s, now += 1s)
      measured.add(now, std::chrono::milliseconds(static_cast<std::int64_t>(offset_ms_at(s))), error);
    return measured.ppm();
  };
  const auto faster = [](double by) { return [by](int s) { return s * 1000 * by; }; };
  CHECK(rate(faster(0.2), 1ms, 8) == std::nullopt);  // three windows are needed
  CHECK(*rate(faster(0.2), 0ms) == 200'000);
  CHECK(*rate(faster(-0.2), 0ms) == -200'000);
  CHECK(*rate(faster(0.2), 30ms) == 180'000);  // what is certain
  CHECK(*rate(faster(0.05), 200ms) == 0);
  CHECK(*rate(faster(0), 1ms) == 0);
  CHECK(*rate([](int s) { return s < 29 ? 0 : 60'000; }, 1ms) == 0);  // set once
  CHECK(*rate([](int s) { return s % 2 == 0 ? 0 : 5'000; }, 1ms) == 0);
  CHECK(*rate(faster(1000), 0ms) == 1'000'000);
  Rate away;
  for (int s = 0; s < 12; ++s) away.add(Instant{} + s * 1s, s * 200ms, 0ms);
  REQUIRE(away.ppm() == 200'000);
  away.add(Instant{} + 1h, 0ms, 0ms);
  CHECK_FALSE(away.ppm());
}

TEST_CASE("incarnations on the disk: kept over a power cut, and damage is told", "[members]") {
  sim::VirtualDisk disk(Random(1));
  REQUIRE(read_incarnation(disk).ok());
  CHECK_FALSE(*read_incarnation(disk));
  for (const std::uint64_t value : {15U, 31U, 47U}) {
    REQUIRE(write_incarnation(disk, {value}).ok());
    disk.crash(sim::CrashKind::power);
    CHECK(**read_incarnation(disk) == Incarnation{value});
  }
  for (const char* text :
       {"", "x\n", "5", "5\n5\n", "-5\n", "99999999999999999999999\n", "18446744073709551615\n"}) {
    INFO(text);
    auto file = disk.open(incarnation_file);
    REQUIRE((*file)->truncate(0).ok());
    const std::string content(text);
    REQUIRE((*file)->write(0, Bytes(content.begin(), content.end())).ok());
    CHECK_FALSE(read_incarnation(disk).ok());
  }
  REQUIRE(write_incarnation(disk, {63}).ok());
  CHECK(**read_incarnation(disk) == Incarnation{63});
}

TEST_CASE("what the disk refuses is told, and written again later", "[members]") {
  bool refuses = true;
  sim::VirtualDisk disk(Random(1));
  ReserveWorker worker([&]() -> Result<std::unique_ptr<Disk>> {
    if (refuses) return Error{ErrorKind::output, "state", "no room", "make some"};
    return std::unique_ptr<Disk>(std::make_unique<sim::VirtualDisk>(Random(1)));
  });
  auto reserve = std::make_shared<Reserve>();
  reserve->last = {15};
  std::vector<std::shared_ptr<node::Work>> batch{reserve};
  worker.perform(batch);
  CHECK_FALSE(reserve->outcome.ok());

  Group group(3);
  group.stalled = {first};
  group.run(1s);
  const auto actions = group.step(first, node::Worked{reserve});
  REQUIRE(actions.size() == 1);
  CHECK(std::get<node::Report>(actions.front()).text.find("no room") != std::string::npos);
  group.forget_work(first);
  group.run(4s);
  CHECK_FALSE(group.is_writing(first));
  group.run(2s);
  CHECK(group.is_writing(first));

  refuses = false;
  worker.perform(batch);
  CHECK(reserve->outcome.ok());
}
