// SPDX-License-Identifier: MIT
// The part of a peer that carries casts: its tools, their users, listeners that are slow, floods.
#include <catch2/catch.hpp>

#include "casts_group.hpp"
#include "mutants/stories.hpp"

using namespace coord;
using namespace coord::casts;
using namespace coord::casts::test;

namespace {

// ---- each rule's story: true if all is well

bool a_flooding_user_is_held_up() {
  Network net(1);
  bool held_up = false;
  for (int i = 0; i < 300; ++i) {
    net.ask(1, 5, Say{"x", "y", {}}, alice);
    held_up = held_up || std::holds_alternative<Later>(net.told[{NodeId{1}, 5}].back());
  }
  return held_up && std::holds_alternative<Taken>(net.say(1, "x", "y", bob));
}

bool a_flooding_host_is_held_up() {
  Network net(1);
  for (int user = 0; user < 10; ++user)
    for (int i = 0; i < 100; ++i)
      net.ask(1, 5, Say{"x", "y", {}}, {2000, "user" + std::to_string(user), {}, 2});
  return std::holds_alternative<Later>(net.told[{NodeId{1}, 5}].back());
}

bool who_listens_later_hears_later_ones() {
  Network net(2);
  net.say(1, "x", "early");
  net.run(1s);
  net.kill(2);
  net.start(2);
  net.ask(2, 5, Listen{"x", {}, false});
  net.step(2, node::Greeted{NodeId{1}});
  net.step(1, node::Greeted{NodeId{2}});
  net.run(1s);
  net.say(1, "x", "late");
  net.run(1s);
  return net.heard(2, 5) == Payloads{"late"};
}

bool a_stopped_listener_is_bounded() {
  Network net(1);
  net.ask(1, 5, Listen{"x", {}, false});
  const std::size_t all = Listeners::window + Listeners::most_waiting + 500;
  for (std::size_t i = 0; i < all; ++i) {
    net.say(1, "x", std::to_string(i));
    net.run(50ms);
  }
  if (net.heard(1, 5).size() != Listeners::window || net.reports.size() != 1) return false;
  while (net.lost(1, 5) == 0 && net.heard(1, 5).size() < all) net.ask(1, 5, Took{1});
  const bool is_told = net.heard(1, 5).size() + net.lost(1, 5) == all;
  net.ask(1, 5, Took{1000});
  net.say(1, "x", "after");
  return is_told && net.lost(1, 5) == 500 && net.heard(1, 5).back() == "after";
}

std::size_t bytes_told(Network& net, std::uint64_t node) {
  std::size_t bytes = 0;
  for (const auto& [tool, all] : net.told)
    if (tool.first == NodeId{node})
      for (const ToTool& what : all)
        if (const auto* came = std::get_if<Came>(&what)) bytes += came->letter.payload.size();
  return bytes;
}

// 150 listeners of which none takes anything: a window for each would be 37 MB.
bool what_none_takes_is_bounded() {
  Network net(1);
  for (std::uint64_t tool = 1; tool <= 150; ++tool) net.ask(1, tool, Listen{"x", {}, false});
  for (int i = 0; i < 6; ++i) {
    net.say(1, "x", std::string(60'000, 'x'));
    net.run(1s);
  }
  if (bytes_told(net, 1) > Listeners::most_bytes_of_all) return false;
  // A new one that has nothing yet gets the next one; and what is taken, or whose tool is
  // gone, is room again.
  net.ask(1, 200, Listen{"x", {}, false});
  net.say(1, "x", "next");
  if (net.heard(1, 200) != Payloads{"next"}) return false;
  for (std::uint64_t tool = 1; tool <= 75; ++tool) net.ask(1, tool, Took{1000});
  for (std::uint64_t tool = 76; tool <= 150; ++tool) net.step(1, node::ToolGone{replica::ConnectionId{tool}});
  net.ask(1, 201, Listen{"y", {}, false});
  for (int i = 0; i < 3; ++i) net.say(1, "y", std::string(60'000, 'y'));
  return net.heard(1, 201).size() == 3 && net.lost(1, 201) == 0;
}

bool listeners_of_a_connection_are_bounded() {
  return a_connection_has_so_many(Listen{"x", {}, false});
}
bool only_alice_casts_to_hers() {
  Network net(1);
  return is_refused(net.say(1, "@alice/x", "y", bob), CannotCast::Why::not_yours) &&
         std::holds_alternative<Taken>(net.say(1, "@/x", "y", alice)) &&
         std::holds_alternative<Taken>(net.say(1, "@alice/x", "y", root));
}

bool a_forged_one_is_not_heard() {
  Network net(1);
  net.ask(1, 5, Listen{"@alice/x", {}, false}, bob);
  const Bytes body = wire::encode(Letter{"@alice/x", "bob", 1001, "elsewhere", {}, "forged"}, 2);
  const broadcast::GossipMessage tell =
      broadcast::Tell{{{NodeId{9}, 1, 1}, {}, {body.begin(), body.end()}}, 0s};
  net.step(1, node::FromPeer{NodeId{9}, wire::encode(ToPeer(tell), 2), 2, node::Way::datagram});
  net.say(1, "@alice/x", "real", alice);
  for (const bool causal : {false, true}) net.ask(1, causal ? 7 : 6, Listen{"@alice/x", 10s, causal}, bob);
  return net.heard(1, 5) == Payloads{"real"} && net.heard(1, 6) == Payloads{"real"} &&
         net.heard(1, 7) == Payloads{"real"};
}

}  // namespace

TEST_CASE("a cast comes to the listeners of its name on all hosts, with who made it", "[casts]") {
  Network net(5);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    net.ask(i, 5, Listen{"x", {}, false});
    net.ask(i, 6, Listen{"other", {}, false});
  }
  const ToTool answer = net.say(2, "x", "hello", alice);
  REQUIRE(std::holds_alternative<Taken>(answer));
  CHECK(std::get<Taken>(answer).confirmed);
  CHECK(std::get<Taken>(answer).members == 4);
  net.run(1s);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    CHECK(net.heard(i, 5) == Payloads{"hello"});
    CHECK(net.heard(i, 6).empty());
  }
  const auto came = std::get<Came>(net.told[{NodeId{4}, 5}].back());
  CHECK(came.letter.host == "host2");
  CHECK(came.letter.user == "alice");
  CHECK(came.letter.sent.unix_ns > 0);
  CHECK(net.unreadable == 0);
}

TEST_CASE("64 KiB come whole, in datagrams that a network takes", "[casts]") {
  Network net(3);
  net.ask(3, 5, Listen{"x", {}, false});
  std::string payload(longest_payload, 'x');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 7 / 3);
  net.say(1, "x", payload);
  net.run(1s);
  CHECK((net.heard(3, 5) == Payloads{payload}));
  for (std::size_t size = 900; size < 1200; size += 7) net.say(1, "x", std::string(size, 'y'));
  net.run(1s);
  CHECK(net.largest_datagram <= 1194);
  CHECK(net.heard(3, 5).size() == 32);  // the rest waits until they are taken
  net.ask(3, 5, Took{1000});
  CHECK(net.heard(3, 5).size() == 1 + 43);
}

TEST_CASE("who casts is told whether another member has it", "[casts]") {
  Network net(3);
  net.dead = {NodeId{2}, NodeId{3}};
  net.run(1s);
  const ToTool alone = net.say(1, "x", "y");
  CHECK(std::get<Taken>(alone).members == 0);
  net.dead.clear();
  net.run(1s);
  net.kill(2);
  net.kill(3);
  net.ask(1, 5, Say{"x", "y", 2s});
  net.run(1s);
  CHECK(net.told[{NodeId{1}, 5}].empty());
  net.run(2s);
  CHECK_FALSE(std::get<Taken>(net.told[{NodeId{1}, 5}].back()).confirmed);
  CHECK(std::get<Taken>(net.told[{NodeId{1}, 5}].back()).members == 2);
  // They are found dead meanwhile.
  net.ask(1, 6, Say{"x", "y", 1h});
  net.run(1s);
  CHECK(net.told[{NodeId{1}, 6}].empty());
  net.dead = {NodeId{2}, NodeId{3}};
  net.run(1s);
  CHECK(std::get<Taken>(net.told[{NodeId{1}, 6}].back()).members == 0);
  // Who does not wait any more is told nothing.
  net.dead.clear();
  net.run(1s);
  net.ask(1, 7, Say{"x", "y", 1s});
  net.step(1, node::ToolGone{replica::ConnectionId{7}});
  net.run(3s);
  CHECK(net.told[{NodeId{1}, 7}].empty());
}

TEST_CASE("a peer that comes back brings its listeners what they have missed", "[casts]") {
  Network net(3);
  net.ask(3, 5, Listen{"x", {}, false});
  net.say(1, "x", "one");
  net.run(1s);
  CHECK(net.heard(3, 5) == Payloads{"one"});
  net.kill(3);
  net.say(1, "x", "two");
  net.run(20s);
  net.start(3);
  net.step(1, node::Greeted{NodeId{3}});
  net.step(3, node::Greeted{NodeId{1}});
  net.run(500ms);
  net.ask(3, 5, Listen{"x", 30s, false});  // it comes back after the cast
  net.run(1s);
  CHECK(net.heard(3, 5) == Payloads{"one", "two"});  // the tool knows the first by its id
}

TEST_CASE("in causal order what comes too early waits, and a gap is named", "[casts]") {
  Network net(2);
  net.ask(2, 5, Listen{"x", {}, true});
  net.ask(2, 6, Listen{"x", {}, false});
  const auto told = [&](std::uint64_t number, std::vector<CastId> after) {
    const Bytes body = wire::encode(Letter{"x", "root", 0, "host1", {}, std::to_string(number)}, 2);
    const broadcast::GossipMessage tell =
        broadcast::Tell{{{NodeId{1}, 9, number}, std::move(after), {body.begin(), body.end()}}, 0s};
    net.step(2, node::FromPeer{NodeId{1}, wire::encode(ToPeer(tell), 2), 2, node::Way::datagram});
  };
  told(2, {{NodeId{1}, 9, 1}});
  CHECK(net.heard(2, 6) == Payloads{"2"});
  CHECK(net.heard(2, 5).empty());
  told(1, {});
  CHECK(net.heard(2, 5) == Payloads{"1", "2"});
  told(4, {{NodeId{1}, 9, 3}});
  net.run(4s);
  CHECK(net.heard(2, 5) == Payloads{"1", "2"});
  net.run(2s);
  CHECK(net.heard(2, 5) == Payloads{"1", "2", "4"});
  const std::vector<ToTool>& all = net.told[{NodeId{2}, 5}];
  REQUIRE(all.size() == 5);
  CHECK(all[3] == ToTool(Gap{{{{NodeId{1}, 9, 3}, "host1"}}}));
  // One that comes again is told all of it in order, too.
  net.ask(2, 7, Listen{"x", 10s, true});
  CHECK(net.heard(2, 7) == Payloads{"1", "2", "4"});
}

TEST_CASE("a gap is named to whoever hears what follows it, over other names and ties, once", "[casts]") {
  Network net(2);
  net.ask(2, 5, Listen{"x", {}, true});
  const auto told = [&](std::uint64_t number, std::vector<CastId> after, const std::string& name) {
    const Bytes body = name.empty()
                           ? Bytes()
                           : wire::encode(Letter{name, "root", 0, "host1", {}, std::to_string(number)}, 2);
    const broadcast::GossipMessage tell =
        broadcast::Tell{{{NodeId{1}, 9, number}, std::move(after), {body.begin(), body.end()}}, 0s};
    net.step(2, node::FromPeer{NodeId{1}, wire::encode(ToPeer(tell), 2), 2, node::Way::datagram});
  };
  const auto id = [](std::uint64_t number) { return CastId{NodeId{1}, 9, number}; };
  const auto gaps = [&](std::uint64_t tool) {
    std::vector<ToTool> found;
    for (const ToTool& one : net.told[{NodeId{2}, tool}])
      if (std::holds_alternative<Gap>(one)) found.push_back(one);
    return found;
  };
  told(2, {id(1)}, "other");  // 1 is missing
  told(3, {id(2)}, "");       // a tie
  net.run(6s);
  CHECK(gaps(5).empty());
  told(4, {id(3)}, "x");
  told(5, {id(4)}, "x");
  CHECK(net.heard(2, 5) == Payloads{"4", "5"});
  CHECK(gaps(5) == std::vector<ToTool>{Gap{{{id(1), "host1"}}}});
  // It comes back, and is told again; one that begins now has missed nothing.
  net.ask(2, 6, Listen{"x", 1min, true});
  CHECK(gaps(6) == std::vector<ToTool>{Gap{{{id(1), "host1"}}}});
  net.run(1s);
  net.ask(2, 7, Listen{"x", {}, true});
  told(6, {id(5)}, "x");
  CHECK(net.heard(2, 7) == Payloads{"6"});
  CHECK(gaps(7).empty());
}

TEST_CASE("a listener that comes back misses nothing that is kept, and holds up nobody", "[casts]") {
  Network net(2);
  const auto told = [&](std::uint64_t number, const std::string& name, const std::string& payload) {
    const Bytes body = wire::encode(Letter{name, "root", 0, "host1", {}, payload}, 2);
    const std::vector<CastId> after =
        number == 1 ? std::vector<CastId>() : std::vector{CastId{NodeId{1}, 9, number - 1}};
    const broadcast::GossipMessage tell =
        broadcast::Tell{{{NodeId{1}, 9, number}, after, {body.begin(), body.end()}}, 0s};
    net.perform(NodeId{2}, net.parts.at(NodeId{2})->step(
                               net.moment(), node::FromPeer{NodeId{1}, wire::encode(ToPeer(tell), 2), 2,
                                                            node::Way::stream}));
    net.on_way.clear();
  };
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t number = 1; number <= count; ++number)
    told(number, number % 4 == 0 ? "x" : "y", std::to_string(number));
  const auto began = std::chrono::steady_clock::now();
  for (const std::uint64_t tool : {5, 6}) net.ask(2, tool, Listen{"x", 1min, tool == 5});
  CHECK(std::chrono::steady_clock::now() - began < 2s);  // milliseconds; before it was minutes
  told(count + 1, "x", "last");
  const auto take_all = [&](std::uint64_t tool) {
    for (std::size_t before = 0; net.told[{NodeId{2}, tool}].size() > before;) {
      before = net.told[{NodeId{2}, tool}].size();
      net.ask(2, tool, Took{1000});
    }
  };
  for (const std::uint64_t tool : {5, 6}) {
    CHECK(net.heard(2, tool).size() == Listeners::window);
    take_all(tool);
    const Payloads heard = net.heard(2, tool);
    REQUIRE(heard.size() == count / 4 + 1);
    CHECK(heard.front() == "4");
    CHECK(heard[count / 4 - 1] == std::to_string(count));
    CHECK(heard.back() == "last");
    CHECK(net.lost(2, tool) == 0);
  }
  // What is not kept any more when its turn comes is counted, in its place.
  net.ask(2, 7, Listen{"x", 1min, false});
  for (std::uint64_t number = count + 2; number < count + 200; ++number)
    told(number, "y", std::string(60'000, 'y'));
  take_all(7);
  CHECK(net.lost(2, 7) > 0);
  CHECK(net.heard(2, 7).size() + net.lost(2, 7) == count / 4 + 1);
}

TEST_CASE("a cast follows what its peer has heard before", "[casts]") {
  Network net(3);
  for (std::uint64_t i = 1; i <= 3; ++i) net.ask(i, 5, Listen{"x", {}, true});
  for (int i = 0; i < 10; ++i) net.say(1 + static_cast<std::uint64_t>(i) % 3, "x", std::to_string(i));
  net.run(1s);
  for (std::uint64_t i = 1; i <= 3; ++i)
    CHECK(net.heard(i, 5) == Payloads{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

TEST_CASE("casts, listeners and questions are counted", "[casts]") {
  Network net(2);
  const auto count = [&](std::uint64_t node, const std::string& name) {
    for (const node::Count& one : net.parts.at(NodeId{node})->counts())
      if (name == one.name) return one.value;
    FAIL("no such count");
    return std::uint64_t{0};
  };
  net.ask(2, 5, Listen{"x", {}, false});
  net.ask(2, 6, Answer{"load"});
  net.say(1, "x", "12345");
  net.ask(1, 9, Ask{"load", "", 1s});
  net.run(3s);
  CHECK(count(1, "casts_made") == 1);
  CHECK(count(1, "casts_came") == 0);
  CHECK(count(2, "casts_came") == 1);
  CHECK(count(2, "casts_remembered") == 1);
  CHECK(count(2, "casts_kept_bytes") > 5);
  CHECK(count(2, "cast_listeners") == 1);
  CHECK(count(2, "cast_answerers") == 1);
  CHECK(count(2, "cast_listeners_bytes") > 5);
  net.ask(2, 5, Took{1});
  CHECK(count(2, "cast_listeners_bytes") == 0);
  CHECK(count(1, "questions_asked") == 1);
  CHECK(count(1, "questions_answers") == 0);
  CHECK(count(1, "questions_missing") == 1);
  for (int i = 0; i < 2000; ++i) net.ask(1, 10, Say{"x", "y", {}});
  CHECK(count(1, "casts_held_up") > 1000);
  const broadcast::GossipMessage tell = broadcast::Tell{{{NodeId{1}, 9, 2}, {{NodeId{1}, 9, 1}}, ""}, 0s};
  net.step(2, node::FromPeer{NodeId{1}, wire::encode(ToPeer(tell), 2), 2, node::Way::datagram});
  net.run(6s);
  CHECK(count(2, "casts_gaps") == 1);
  CHECK(count(2, "casts_dropped") == 0);
}

TEST_CASE("nonsense and strangers' words break nothing", "[casts]") {
  Network net(2);
  net.step(1, node::FromPeer{NodeId{2}, {}, 2, node::Way::stream});
  net.step(1, node::FromPeer{NodeId{2}, Bytes(100, 0xff), 2, node::Way::datagram});
  CHECK(net.unreadable == 2);
  net.step(1, node::FromTool{replica::ConnectionId{5}, root, 1, Bytes(10, 0xff)});
  CHECK(is_refused(net.told[{NodeId{1}, 5}].back(), CannotCast::Why::wrong));
  net.ask(1, 5, Took{1'000'000});
  net.ask(1, 5, Listen{"", {}, false});
  CHECK(is_refused(net.told[{NodeId{1}, 5}].back(), CannotCast::Why::wrong));
  net.ask(1, 5, Listen{"x", -1h, false});
  net.ask(1, 5, Say{"x", "y", -1h});
  net.level = 1;
  CHECK(is_refused(net.say(1, "x", "y"), CannotCast::Why::level));
  // A body that is no letter is carried, and heard by nobody.
  net.level = 2;
  net.ask(2, 6, Listen{"x", {}, false});
  const broadcast::GossipMessage tell = broadcast::Tell{{{NodeId{1}, 1, 1}, {}, "no letter"}, 0s};
  net.step(2, node::FromPeer{NodeId{1}, wire::encode(ToPeer(tell), 2), 2, node::Way::datagram});
  net.run(1s);
  CHECK(net.heard(2, 6).empty());
}

TEST_CASE("every rule of the casts' part that is removed is noticed", "[casts]") {
  mutants::check_stories({{"a_users_casts_are_bounded", a_flooding_user_is_held_up},
                          {"a_hosts_casts_are_bounded", a_flooding_host_is_held_up},
                          {"a_listener_hears_what_is_cast_from_then_on", who_listens_later_hears_later_ones},
                          {"who_does_not_listen_is_bounded", a_stopped_listener_is_bounded},
                          {"what_is_on_its_way_counts", what_none_takes_is_bounded},
                          {"listeners_are_bounded", listeners_of_a_connection_are_bounded},
                          {"only_its_user_casts_to_a_name", only_alice_casts_to_hers},
                          {"a_cast_that_comes_is_its_users", a_forged_one_is_not_heard}});
}
