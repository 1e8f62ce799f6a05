// SPDX-License-Identifier: MIT
// PBFT among the parts of four peers, of which one lies, is silent, or is not who he says he is.
#include <catch2/catch.hpp>

#include "agreements_liar.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

TEST_CASE("pbft: four sites decide one value, and whoever asks is told it") {
  Four net;
  net.propose(2, "two's");
  net.propose(3, "three's");
  net.run(2s);
  const std::string decided = net.all_say({2, 3});
  CHECK((decided == "decided two's" || decided == "decided three's"));
  CHECK(net.get(4) == decided);
  net.propose(4, "late");
  net.run(1s);
  CHECK(net.last_told(4) == decided);
  CHECK(net.reports[one].empty());
}

TEST_CASE("pbft: a value of 64 KiB, through a view change too") {
  Four net;
  net.cut = {one};
  const std::string value(std::size_t{64} << 10U, 'x');
  net.propose(2, value);
  net.run(5s);
  CHECK(net.last_told(2) == "decided " + value);
  net.cut.clear();
  CHECK(net.get(1) == "decided " + value);
}

TEST_CASE("pbft: the messages of one decision are those of the paper") {
  Four net;
  net.propose(1, "v");
  net.run(1s);
  const Decided* decided = net.decided(1);
  REQUIRE(decided != nullptr);
  CHECK(decided->messages.at("pre-prepare") == 3);
  CHECK(decided->messages.at("prepare") >= 2);
  CHECK(decided->delays >= 3);
  CHECK_FALSE(decided->steps.empty());
}

TEST_CASE("pbft: a primary that is silent is left") {
  Four net;
  net.cut = {one};
  net.propose(3, "three's");
  net.run(5s);
  CHECK(net.last_told(3) == "decided three's");
  CHECK(net.decided(3)->messages.contains("new-view"));
}

TEST_CASE("pbft: two of four that are away are too many, and one stops nobody") {
  Four net;
  net.cut = {one, four};
  net.propose(2, "two's");
  net.run(5s);
  CHECK(net.decided(2) == nullptr);
  net.cut = {four};
  net.run(30s);
  CHECK(net.last_told(2) == "decided two's");
}

TEST_CASE("pbft: two sites are killed in the middle, at any step, and what was decided stays") {
  std::set<std::string> decided;
  for (std::size_t steps = 5; steps < 150; steps += 5) {
    Four net;
    net.propose(2, "two's");
    net.propose(3, "three's");
    std::size_t seen = 0;
    net.run(5s, [&] { return ++seen == steps; });
    for (const NodeId node : {one, three}) {
      net.start(node);
      net.run(5s, [&] { return ++seen == steps + 7; });
    }
    net.propose(3, "three's again");
    net.propose(4, "four's");
    net.run(30s);
    INFO(steps);
    const std::string said = net.all_say({3, 4});
    REQUIRE(said.starts_with("decided "));
    if (net.decided(2) != nullptr) CHECK(net.last_told(2) == said);
    decided.insert(said);
    for (const NodeId node : {one, two, three, four}) net.start(node);
    CHECK(net.get(1) == said);
  }
}

TEST_CASE("pbft: a primary that gives each another request does not split them") {
  for (std::uint64_t others = 2; others <= 4; ++others) {
    Four net;
    Liar first(net, one);
    net.run(100ms);
    for (const NodeId node : {two, three, four}) {
      const char* value = node.value == others ? "left" : "right";
      first.say(node, pre_prepare(first.notary(1), request(first.notary(1), one, value)), 1);
    }
    net.run(100ms);
    for (const std::uint64_t node : {2, 3, 4}) net.propose(node, "from " + std::to_string(node));
    net.run(20s);
    CHECK(net.all_say({2, 3, 4}).starts_with("decided "));
  }
}

TEST_CASE("pbft: a value that is longer than any may be is not decided, whoever has signed it") {
  Four net;
  Liar third(net, three);
  const auto what = request(third.notary(3), three, std::string(70'000, 'x'));
  for (const NodeId node : {one, two, four}) third.say(node, what, 3);
  net.run(1s);
  net.propose(2, "good");
  net.run(5s);
  CHECK(net.last_told(2) == "decided good");
}

TEST_CASE("a value that is longer than any may be ends no peer that has it on its disk") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  for (const NodeId node : {one, two}) {
    net.shelves[node].kept[generation] = {generation, {{"!decided", Bytes(70'000, 'x')}}};
    net.start(node);
  }
  CHECK(net.get(1) == "wrong");
  CHECK(net.get(3, 5s) == "no majority");
}

TEST_CASE("what comes before the log has it is bounded by all it costs, its clocks too") {
  Four net;
  net.log[two].behind = true;
  Liar third(net, three);
  Item costly{.generation = generation, .depth = 1, .message = {}};
  for (std::uint64_t i = 1; i <= item_clock_hosts; ++i) costly.clock[NodeId{i}] = i;
  for (int i = 0; i < 300; ++i) third.say(two, AnyItem(costly));
  costly.clock.clear();  // where there is room for a little more
  for (int i = 0; i < 300; ++i) third.say(two, AnyItem(costly));
  net.run(1s);
  third.say(two, request(third.notary(3), three, "late"), 3);
  net.run(1s);
  net.log[two].behind = false;
  net.step(two, node::Tick{});
  net.run(1s);
  CHECK(net.get(1) == "undecided");
}

TEST_CASE("pbft: a request without a number stops no name") {
  Four net;
  Liar first(net, one);  // who comes first wherever requests are ordered
  for (const NodeId node : {two, three, four}) first.say(node, request(first.notary(1), one, "x", 0), 1);
  net.run(100ms);
  net.propose(3, "three's");
  net.run(5s);
  CHECK(net.last_told(3) == "decided three's");
}

// Who proposes hears that the others have what it has proposed, and no more.
TEST_CASE("pbft: a primary that leaves the proposer out keeps nothing from it") {
  Four net;
  Liar first(net, one);
  net.run(100ms);
  net.propose(2, "two's");
  const auto what = pre_prepare(first.notary(1), request(first.notary_of(two), two, "two's"));
  for (const NodeId node : {three, four}) {
    first.say(node, what, 1);
    first.say(node, commit(first.notary(1), what.digest), 1);
  }
  net.run(150ms);
  CHECK(net.decided(2) == nullptr);
  net.run(5s);
  CHECK(net.last_told(2) == "decided two's");
}

TEST_CASE("pbft: a site whose key is another than the one that is pinned is named and not believed") {
  Four net;
  net.keys = [](NodeId node) { return toy_keys(node == four ? NodeId{77} : node); };
  net.start(four);
  net.ask(one, GetSites{});
  net.run(1s);
  REQUIRE(net.reports[one].size() == 1);
  CHECK(net.reports[one].front().find("4 shows the signing key ed25519:TQ") != std::string::npos);
  net.cut = {three};
  net.propose(1, "v");
  net.run(5s);
  CHECK(net.decided(1) == nullptr);
  net.cut.clear();
  net.run(30s);
  CHECK(net.last_told(1) == "decided v");
}

TEST_CASE("pbft: a key that somebody shows under a host's name is forgotten when the host shows its own") {
  Four net;
  const auto shown = [&] {
    net.ask(one, GetSigningKeys{});
    return std::get<SigningKeys>(net.told[one].back()).others.at(0).shown;
  };
  for (const std::uint64_t forged : {77, 78, 79}) {
    const PublicKey key = ToySigner(forged).own();
    const Hello hello{forged, net.shelves[two].disk, false, {key.begin(), key.end()}};
    net.step(one, node::FromPeer{two, wire::encode(ToPeer(hello), 2), 2, node::Way::stream});
    CHECK(shown() == text_of(key));
    net.step(one, node::Greeted{two});
    net.run(1s);
    CHECK(shown().empty());
  }
  REQUIRE(net.reports[one].size() == 1);
  CHECK(net.reports[one].front().find("or somebody does under its name") != std::string::npos);
}

TEST_CASE("pbft: of two keys that are shown under one name while the group is founded none is pinned") {
  Network net(4, toy_keys);
  const PublicKey key = ToySigner(77).own();
  const Hello hello{77, net.shelves[two].disk, false, {key.begin(), key.end()}};
  net.step(one, node::FromPeer{two, wire::encode(ToPeer(hello), 2), 2, node::Way::stream});
  net.run(1s);
  CHECK(net.pins[one].empty());  // as long as it is not founded
  net.found();
  net.run(1s);
  CHECK(net.pins[one].size() == 2);
  CHECK_FALSE(net.pins[one].contains("2"));
  REQUIRE(net.reports[one].size() == 1);
  CHECK(net.reports[one].front().find("two signing keys were shown under the name of 2") !=
        std::string::npos);
  net.start(two);
  net.run(1s);
  CHECK_FALSE(net.pins[one].contains("2"));
}

TEST_CASE("pbft: what is pinned by hand counts for a host that has come again under another number") {
  Four net;
  for (auto& [node, state] : net.log) {
    state.members[NodeId{1'004}] = "4";
    ++state.members_at.value;
    state.voters = std::vector{one, two, three, NodeId{1'004}};
  }
  const PublicKey key = ToySigner(77).own();
  const Hello hello{77, 77, false, {key.begin(), key.end()}};
  net.step(one, node::FromPeer{NodeId{1'004}, wire::encode(ToPeer(hello), 2), 2, node::Way::stream});
  const auto shown = [&] {
    net.ask(one, GetSigningKeys{});
    return std::get<SigningKeys>(net.told[one].back()).others.back().shown;
  };
  CHECK(shown() == text_of(key));
  net.ask(one, PinSigningKey{"4", text_of(key)});
  net.run(100ms);
  CHECK(shown().empty());
}

// The proof that the others have has a word in it by a key that nobody who was away believes any more.
TEST_CASE("pbft: what was decided with a key that was replaced since is told by those who know it") {
  for (const bool by_asking : {true, false}) {
    Four net;
    net.cut = {four};
    net.propose(1, "v");
    net.run(1s);
    REQUIRE(net.last_told(1) == "decided v");
    net.keys = [](NodeId node) { return toy_keys(node == three ? NodeId{77} : node); };
    for (auto& [node, pins] : net.pins) {
      if (node != three) pins["3"] = ToySigner(77).own();
    }
    for (const NodeId node : {one, two, three, four}) net.start(node);
    net.cut.clear();
    net.run(1s);
    if (by_asking) {
      CHECK(net.get(4) == "decided v");
    } else {
      net.propose(4, "w");
      net.run(10s);
      CHECK(net.last_told(4) == "decided v");
    }
    net.cut = {one, two, three};
    net.start(four);  // it knows that by itself now
    CHECK(net.get(4, 10ms) == "decided v");
  }
}

TEST_CASE("pbft: a host that was not heard when the sites were fixed is told that, and not of its disk") {
  Four net;
  for (auto& [node, state] : net.log) state.known->sites.at(3).disk = 0;
  net.propose(4, "v");
  const auto* why = std::get_if<CannotTell>(&net.told[four].back());
  REQUIRE(why != nullptr);
  CHECK(why->text.find("was not heard when its sites were fixed") != std::string::npos);
}

TEST_CASE("pbft: a peer that cannot read its key takes no part") {
  Four net;
  net.keys = [](NodeId node) { return node == four ? Keys{} : toy_keys(node); };
  net.start(four);
  net.propose(4, "v");
  net.run(1s);
  CHECK(net.last_told(4) == "store");
  net.propose(1, "v");
  net.run(1s);
  CHECK(net.last_told(1) == "decided v");
}

TEST_CASE("the file of pinned keys is read as it is written, and not otherwise") {
  const auto good = parse_peer_keys("# hosts\n\nweb1 " + text_of(ToySigner(1).own()) + "\n");
  REQUIRE(good.ok());
  CHECK(good->at("web1") == ToySigner(1).own());
  for (const std::string bad : {"web1", "web1 ", " x", "web1 ed25519:", "web1 ed25519:AAAA", "web1 rsa:AAAA"})
    CHECK_FALSE(parse_peer_keys(bad).ok());
  const std::string line = "web1 " + text_of(ToySigner(1).own()) + "\n";
  CHECK_FALSE(parse_peer_keys(line + line).ok());
}

TEST_CASE("pbft: keys are pinned by hand in a group that lives, and believed from then on") {
  Four net;
  for (auto& [node, state] : net.log) state.has_nothing = false;
  net.pins.clear();
  for (const NodeId node : {one, two, three, four}) net.start(node);
  net.run(1s);
  net.propose(1, "good");
  net.run(2s);
  CHECK(net.last_told(1).substr(0, 7) != "decided");
  for (std::uint64_t node = 1; node <= 4; ++node) {
    for (std::uint64_t other = 1; other <= 4; ++other) {
      const FromTool pin = PinSigningKey{std::to_string(other), text_of(ToySigner(other).own())};
      net.ask_as(node, 9, pin);
      net.run(10ms);
      if (other == node) CHECK(net.last_told(node) == "wrong");  // its own
    }
  }
  net.ask_as(1, 9, PinSigningKey{"7", text_of(ToySigner(7).own())});
  CHECK(net.last_told(1) == "wrong");  // nobody has this name
  net.ask_as(1, 9, PinSigningKey{"2", "ed25519:none"});
  CHECK(net.last_told(1) == "wrong");
  net.run(5s);
  CHECK(net.get(2) == "decided good");
}
