// SPDX-License-Identifier: MIT
// The keys of a group are changed on all hosts while they run: who is asked, who is named, and what is
// refused. The rules are removed in turn.
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rule.hpp"
#include "daemon/keys_part.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::daemon;
using namespace std::chrono_literals;

namespace {

const replica::Credentials root{0, "root", {}, 2}, guest{1000, "alice", {}, 2, true};

net::ClusterKey key(const std::string& id, std::uint8_t byte) {
  const std::vector<std::uint8_t> bytes(net::key_size, byte);
  return {id, net::SecretKey(ByteView(bytes.data(), bytes.size()))};
}

// Three hosts, a network, and disks that take what they are given.
struct Network {
  Network() {
    for (std::uint64_t i = 1; i <= 3; ++i) {
      rings[NodeId{i}] = std::make_shared<KeysInForce>(KeysInForce{net::KeyRing({key("k1", 1)})});
      parts[NodeId{i}] = std::make_unique<KeysPart>(
          NodeId{i}, std::vector{NodeId{1}, NodeId{2}, NodeId{3}},
          std::map<NodeId, std::string>{{NodeId{1}, "a"}, {NodeId{2}, "b"}, {NodeId{3}, "c"}},
          rings[NodeId{i}], 100 * i);
    }
  }
  node::Moment moment() const { return {now, {}, 2, nullptr, true}; }

  void take(NodeId node, node::PartActions actions) {
    for (node::PartAction& action : actions) {
      if (auto* send = std::get_if<node::Send>(&action)) {
        on_way.push_back({node, send->to, std::move(send->bytes)});
      } else if (const auto* work = std::get_if<node::Do>(&action)) {
        auto& write = dynamic_cast<WriteKeys&>(*work->work);
        if (full.contains(node)) {
          write.written = Error{ErrorKind::unavailable, "disk", "it is full", ""};
        } else {
          rings[node]->ring = write.ring;
        }
        worked.emplace_back(node, work->work);
      } else if (const auto* tell = std::get_if<node::ToTool>(&action)) {
        auto told = wire::decode<keys::Told>(tell->bytes, {.version = 2});
        REQUIRE(told.ok());
        all_told.push_back(*told);
        if (node == asked) answer = std::move(*told);
      }
    }
  }

  keys::Told ask(keys::Ask what, const replica::Credentials& who = root, std::uint64_t at = 1) {
    answer.reset();
    asked = NodeId{at};
    begin(std::move(what), at, who);
    for (int i = 0; i < 200 && !answer; ++i) go_on();
    REQUIRE(answer);
    return *answer;
  }
  void begin(keys::Ask what, std::uint64_t at, const replica::Credentials& who = root) {
    take(NodeId{at}, parts[NodeId{at}]->step(
                         moment(), node::FromTool{replica::ConnectionId{at}, who, 1, wire::encode(what, 2)}));
  }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end;) go_on();
  }
  void go_on() {
    while (!on_way.empty() || !worked.empty()) {
      if (!worked.empty()) {
        const auto [node, work] = worked.front();
        worked.pop_front();
        take(node, parts[node]->step(moment(), node::Worked{work}));
        continue;
      }
      const auto message = on_way.front();
      on_way.pop_front();
      if (away.contains(message.from) || away.contains(message.to) || --lost_at == 0) continue;
      if (late > 0 && message.from != NodeId{2} && message.to != NodeId{2}) {
        --late;
        delayed.push_back(message);
        continue;
      }
      take(message.to, parts[message.to]->step(moment(), node::FromPeer{message.from, message.bytes, 2}));
    }
    std::swap(on_way, delayed);
    now += 100ms;
    for (const auto& [node, part] : parts) take(node, part->settle(moment()));
  }
  static keys::Ask add(const std::string& id, std::uint8_t byte) {
    keys::Ask ask{keys::Verb::add, id, keys::Secret{}};
    ask.secret->fill(byte);
    return ask;
  }
  std::string sends(std::uint64_t node) const { return rings.at(NodeId{node})->ring.sending().id; }
  std::size_t count(std::uint64_t node) const { return rings.at(NodeId{node})->ring.keys().size(); }

  struct Carried {
    NodeId from, to;
    Bytes bytes;
  };
  Instant now{1h};
  std::map<NodeId, std::shared_ptr<KeysInForce>> rings;
  std::map<NodeId, std::unique_ptr<KeysPart>> parts;
  std::deque<Carried> on_way, delayed;
  std::size_t late = 0;  // so many messages between a and c come a moment later
  NodeId asked;
  std::vector<keys::Told> all_told;
  std::deque<std::pair<NodeId, std::shared_ptr<node::Work>>> worked;
  std::set<NodeId> away, full;
  int lost_at = 0;  // the message that gets lost
  std::optional<keys::Told> answer;
};

template <class Condition>
void noticed(const char* rule, Condition well) {
  CHECK(well());
  mutants::removed = rule;
  CHECK_FALSE(well());
  mutants::removed.clear();
}

bool all_done(const keys::Told& told) {
  return told.refused.empty() && std::ranges::all_of(told.hosts, &keys::OfHost::done);
}

}  // namespace

TEST_CASE("a new key is taken by all, then sent by, and the old one goes: whichever message gets lost") {
  for (int lost = 0; lost < 12; ++lost) {
    INFO(lost);
    Network group;
    const auto step = [&](const keys::Ask& what) {
      group.lost_at = lost;
      return all_done(group.ask(what));
    };
    CHECK(step(Network::add("k2", 2)));
    for (std::uint64_t i = 1; i <= 3; ++i) CHECK((group.count(i) == 2 && group.sends(i) == "k1"));
    CHECK(step({keys::Verb::use, "k2", {}}));
    for (std::uint64_t i = 1; i <= 3; ++i) CHECK(group.sends(i) == "k2");
    CHECK(step({keys::Verb::remove, "k1", {}}));
    for (std::uint64_t i = 1; i <= 3; ++i) CHECK((group.count(i) == 1 && group.sends(i) == "k2"));
  }
}

TEST_CASE("what is listed says who has which key and by which he sends, and no secret") {
  Network group;
  REQUIRE(all_done(group.ask(Network::add("k2", 2))));
  const keys::Told told = group.ask({});
  REQUIRE(told.hosts.size() == 3);
  CHECK(told.hosts[0].name == "a");
  CHECK(told.hosts[0].local);
  CHECK(told.hosts[2].keys.size() == 2);
  CHECK(told.hosts[2].keys[0].id == "k1");
  CHECK(told.hosts[0].keys == told.hosts[2].keys);
  CHECK(told.hosts[0].keys[1].print == net::print_of(key("k2", 2)));
  const Bytes bytes = wire::encode(told, 2);
  const std::string text(bytes.begin(), bytes.end());
  CHECK(text.find(std::string(4, '\2')) == std::string::npos);
}

TEST_CASE("a host that is away is named, and is given the key when it is said again") {
  Network group;
  group.away = {NodeId{3}};
  const keys::Told told = group.ask(Network::add("k2", 2));
  CHECK(told.refused.empty());
  CHECK((told.hosts[0].done && told.hosts[1].done));
  CHECK_FALSE(told.hosts[2].answered);
  group.away.clear();
  CHECK(all_done(group.ask({keys::Verb::add, "k2", {}})));
  CHECK(group.rings[NodeId{3}]->ring.find("k2")->key == key("k2", 2).key);
}

TEST_CASE("what was removed while a host was away is removed there when it is said again") {
  Network group;
  REQUIRE(all_done(group.ask(Network::add("k2", 2))));
  REQUIRE(all_done(group.ask({keys::Verb::use, "k2", {}})));
  group.away = {NodeId{3}};
  (void)group.ask({keys::Verb::remove, "k1", {}});
  CHECK((group.count(1) == 1 && group.count(3) == 2));
  group.away.clear();
  CHECK(all_done(group.ask({keys::Verb::remove, "k1", {}})));
  CHECK(group.count(3) == 1);
}

TEST_CASE("all_have_a_key_before_it_is_used: who lacks it is named, and nobody sends by it") {
  noticed("all_have_a_key_before_it_is_used", [] {
    Network group;
    group.away = {NodeId{3}};
    (void)group.ask(Network::add("k2", 2));
    group.away.clear();
    const keys::Told told = group.ask({keys::Verb::use, "k2", {}});
    return told.refused.find("c lacks this key") != std::string::npos && group.sends(1) == "k1";
  });
}

TEST_CASE("key_used_by_others_stays: a key that any host sends by does not go") {
  noticed("key_used_by_others_stays", [] {
    Network group;
    REQUIRE(all_done(group.ask(Network::add("k2", 2))));
    group.away = {NodeId{3}};
    (void)group.ask({keys::Verb::use, "k2", {}});
    group.away.clear();
    const keys::Told told = group.ask({keys::Verb::remove, "k1", {}});
    return told.refused.find("c sends by this key") != std::string::npos && group.count(1) == 2;
  });
}

TEST_CASE("key_in_use_stays: whatever others say, a host does not give up the key that it sends by") {
  noticed("key_in_use_stays", [] {
    Network group;
    REQUIRE(all_done(group.ask(Network::add("k2", 2))));
    const keys::ToPeer order = keys::Order{9, keys::Verb::remove, "k1", {}, net::print_of(key("k1", 1))};
    group.take(NodeId{2}, group.parts[NodeId{2}]->step(group.moment(),
                                                       node::FromPeer{NodeId{1}, wire::encode(order, 2), 2}));
    return group.sends(2) == "k1";
  });
}

TEST_CASE("all_have_this_key_before_it_is_used: who has another one under the id lacks it") {
  noticed("all_have_this_key_before_it_is_used", [] {
    Network group;
    group.rings[NodeId{2}]->ring = net::KeyRing({key("k1", 1), key("summer", 9)});
    (void)group.ask(Network::add("summer", 2));
    const keys::Told told = group.ask({keys::Verb::use, "summer", {}});
    return told.refused.find("b has another key under this id") != std::string::npos &&
           group.sends(1) == "k1";
  });
  Network group;
  group.rings[NodeId{2}]->ring = net::KeyRing({key("k1", 1), key("summer", 9)});
  (void)group.ask(Network::add("summer", 2));
  CHECK(all_done(group.ask({keys::Verb::remove, "summer", {}}, root, 2)));  // that of 2
  CHECK((group.count(1) == 2 && group.count(2) == 1));
  CHECK(all_done(group.ask({keys::Verb::add, "summer", {}})));
  CHECK(all_done(group.ask({keys::Verb::use, "summer", {}})));
  CHECK(group.sends(2) == "summer");
}

TEST_CASE("key_is_its_secret: a host does not do to its own key what is said of another with its id") {
  noticed("key_is_its_secret", [] {
    Network group;
    (void)group.ask(Network::add("k2", 2));
    const keys::ToPeer order = keys::Order{9, keys::Verb::use, "k2", {}, 77};
    group.take(NodeId{2}, group.parts[NodeId{2}]->step(group.moment(),
                                                       node::FromPeer{NodeId{1}, wire::encode(order, 2), 2}));
    return group.sends(2) == "k1";
  });
}

TEST_CASE("keys_are_the_operators: no other user is told of them, or changes them") {
  noticed("keys_are_the_operators", [] {
    Network group;
    const keys::Told told = group.ask(Network::add("k2", 2), guest);
    return told.is_wrong && !told.refused.empty() && told.hosts.empty() && group.count(1) == 1;
  });
}

TEST_CASE(
    "one_change_of_keys_at_a_time: of two operators on two hosts one is told to wait, and no host is "
    "parted") {
  // At once on a `use k2`, and on b `remove k2`; all that is said between a and c comes late.
  struct Ends {
    bool have_common_key = true;
    std::size_t refused = 0;
  };
  const auto both = [](std::size_t late) {
    Network group;
    REQUIRE(all_done(group.ask(Network::add("k2", 2))));
    group.begin({keys::Verb::remove, "k2", {}}, 2);
    group.late = late;
    (void)group.ask({keys::Verb::use, "k2", {}});
    group.pass(10s);
    Ends ends;
    for (const auto& [from, ring] : group.rings)
      for (const auto& [to, other] : group.rings)
        ends.have_common_key = ends.have_common_key && other->ring.find(ring->ring.sending().id) != nullptr;
    for (const keys::Told& told : group.all_told) ends.refused += told.refused.empty() ? 0 : 1;
    // Nobody waits for what was given up.
    CHECK(all_done(group.ask(Network::add("k3", 3), root, 3)));
    return ends;
  };
  noticed("one_change_of_keys_at_a_time", [&] {
    bool well = true;
    for (std::size_t late = 0; late < 12; ++late) well = well && both(late).have_common_key;
    return well;
  });
  for (std::size_t late = 0; late < 12; ++late) CHECK(both(late).refused >= 1);
}

TEST_CASE("a host that began a change and is gone keeps the others from theirs for a moment only") {
  Network group;
  const keys::ToPeer begins = keys::Order{9, keys::Verb::list, "k2", {}, 0, "root", true};
  group.take(NodeId{2}, group.parts[NodeId{2}]->step(group.moment(),
                                                     node::FromPeer{NodeId{3}, wire::encode(begins, 2), 2}));
  const keys::Told told = group.ask(Network::add("k2", 2));
  CHECK(told.refused.find("another change of the keys is under way") != std::string::npos);
  CHECK_FALSE(told.is_wrong);
  CHECK(group.ask({}).refused.empty());  // who only looks waits for nobody
  group.pass(KeysPart::promised_for);
  CHECK(all_done(group.ask(Network::add("k2", 2))));
}

TEST_CASE("what cannot be is refused, and a disk that takes nothing is named") {
  Network group;
  CHECK(group.ask({keys::Verb::use, "k9", {}}).is_wrong);
  CHECK(group.ask({keys::Verb::remove, "k9", {}}).is_wrong);
  CHECK(group.ask({keys::Verb::add, "k9", {}}).is_wrong);
  group.full = {NodeId{2}};
  const keys::Told told = group.ask(Network::add("k2", 2));
  CHECK(told.hosts[0].done);
  CHECK_FALSE(told.hosts[1].done);
  CHECK(told.hosts[1].why.find("it is full") != std::string::npos);
  CHECK(group.count(2) == 1);
  // Another secret under an id that is there.
  const keys::Told other = group.ask(Network::add("k1", 7));
  CHECK_FALSE(other.hosts[2].done);
  CHECK(other.hosts[2].why == "it has another key under this id");
  const auto garbage = group.parts[NodeId{1}]->step(group.moment(), node::FromPeer{NodeId{2}, {9, 9}, 2});
  REQUIRE(garbage.size() == 1);
  CHECK(std::holds_alternative<node::Unreadable>(garbage[0]));
}
