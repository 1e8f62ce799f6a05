// SPDX-License-Identifier: MIT
// Hosts whose disk was lost come to their group again. The rules are removed in turn.
#include <algorithm>
#include <set>

#include "base/small_file.hpp"
#include "daemon/address_book.hpp"
#include "daemon/asking_around.hpp"
#include "daemon/nameless.hpp"
#include "daemon_joining_world.hpp"

using namespace joining_test;

namespace {

// Gamma founded the group, too, and its disk was lost.
struct LostFounder : World {
  LostFounder() {
    REQUIRE(roster.found("gamma", {"10.0.0.4", 7411}).ok());
    founders = {net::Roster::founding_id("alpha"), lost};
    std::ranges::sort(founders);
    settings.name = "gamma";
    settings.comes_anew = true;
  }
  // It gives up when it has asked so often.
  bool comes() {
    try {
      return run().ok();
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  const NodeId lost = net::Roster::founding_id("gamma");
};

}  // namespace

TEST_CASE("a founder whose disk was lost comes again under another number, and the former one is retired") {
  LostFounder world;
  world.is_out = world.lost;
  REQUIRE(world.comes());
  CHECK(world.settings.node != world.lost);
  CHECK(world.machine.state().retired == std::set{world.lost});
  CHECK(world.settings.founders == world.founders);
  const auto file = read_member_file(world.disk);
  REQUIRE((file.ok() && file->has_value()));
  CHECK((*file)->founders == world.founders);
  CHECK(parse_member_file(to_text(**file)).ok());
}

TEST_CASE("it waits, and says for what, until the group has removed it and hears nobody under its name") {
  LostFounder votes;
  CHECK_FALSE(votes.comes());
  CHECK(votes.machine.state().registrations.empty());
  CHECK(votes.log.find("waits until the group has removed it") != std::string::npos);
  LostFounder lives;
  lives.is_out = lives.is_alive = lives.lost;
  CHECK_FALSE(lives.comes());
  CHECK(lives.machine.state().registrations.empty());
}

TEST_CASE("with --rejoin it has the group remove it, and nobody who lives or has lost nothing") {
  LostFounder world;
  world.settings.options.rejoin = true;
  CHECK(world.comes());  // the group of this test removes as it is asked to
  CHECK(world.removed == world.lost);
  CHECK(world.settings.lost_its_vote);
  CHECK(world.settings.node != world.lost);
  LostFounder lives;
  lives.settings.options.rejoin = true;
  lives.is_alive = lives.lost;
  CHECK_FALSE(lives.comes());
  CHECK(lives.removed == NodeId{});
  LostFounder later;
  later.settings.options.rejoin = true;
  later.is_out = later.lost;
  CHECK(later.comes());
  CHECK(later.removed == NodeId{});
  LostFounder mute;
  CHECK_FALSE(mute.comes());
  CHECK(mute.removed == NodeId{});
  // One that came later notes it before it has a number: it may be killed at once.
  World killed;
  killed.settings.options.rejoin = true;
  REQUIRE(killed.roster.admit({NodeId{9}, "delta", {"10.0.0.4", 7411}, false, true}).ok());
  std::optional<std::string> noted;
  killed.on_admit = [&] { noted = *read_small_file(killed.disk, rejoin_file_name, 64); };
  killed.on_removal = [&] { killed.roster.set_voter(NodeId{9}, false); };
  CHECK(killed.run().ok());
  CHECK(killed.removed == NodeId{9});
  CHECK(noted == rejoin_wants_vote(killed.settings.name));
  // A voter that came later, and answers at another address: this is a copy.
  World copy;
  copy.settings.options.rejoin = true;
  REQUIRE(copy.roster.admit({NodeId{9}, "delta", {"10.0.0.8", 7411}, false, true}).ok());
  CHECK_FALSE(copy.run().ok());
  CHECK(copy.removed == NodeId{});
  World new_one;
  new_one.settings.options.rejoin = true;
  CHECK(new_one.run().ok());
  CHECK_FALSE(new_one.settings.lost_its_vote);
}

TEST_CASE(
    "a host that came later and votes: an empty directory in its place waits, elsewhere it is refused") {
  World world;
  REQUIRE(world.roster.admit({NodeId{9}, "delta", {"10.0.0.4", 7411}, false, true}).ok());
  CHECK_THROWS_AS(world.run(), std::runtime_error);
  CHECK(world.log.find("dpeers remove delta") != std::string::npos);
  CHECK(world.machine.state().registrations.empty());
  World elsewhere;
  REQUIRE(elsewhere.roster.admit({NodeId{9}, "delta", {"10.0.0.8", 7411}, false, true}).ok());
  const Status refused = elsewhere.run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::usage);
}

// The host came later, as number 9, and votes.
static void delta_voted(World& world, const std::string& named = "delta", bool voted = true) {
  REQUIRE(world.roster.admit({NodeId{9}, named, {"10.0.0.4", 7411}, false, true}).ok());
  const service::Register itself{NodeId{9}, 7, {}, 2, named, "10.0.0.4:7411", {}, {}, {}};
  world.machine.apply(LogIndex{++world.last}, {.body = itself});
  if (voted) (void)world.machine.apply_voters(LogIndex{++world.last}, {NodeId{9}});
  const service::Register again{
      NodeId{9}, 8, world.machine.registration(NodeId{9}), 2, named, "10.0.0.4:7411", {}, {}, {}};
  world.machine.apply(LogIndex{++world.last}, {.body = again});  // its next life
}

TEST_CASE("retired_once_it_is_out: the lost disk of a host that came later is refused for ever, too") {
  World world;
  delta_voted(world);
  world.on_wait = [&] {
    world.roster.set_voter(NodeId{9}, false);  // dpeers remove
    world.is_out = NodeId{9};
  };
  REQUIRE(world.run().ok());
  CHECK(world.machine.state().retired == std::set{NodeId{9}});
  // Its vote was taken away before the new disk asks, and while the old one seems to be alive.
  World removed_first;
  delta_voted(removed_first);
  removed_first.roster.set_voter(NodeId{9}, false);
  removed_first.is_out = removed_first.is_alive = NodeId{9};
  removed_first.on_wait = [&] {
    if (removed_first.waits == 5) removed_first.is_alive = NodeId{};
  };
  REQUIRE(removed_first.run().ok());
  CHECK(removed_first.waits >= 5);
  CHECK(removed_first.machine.state().retired == std::set{NodeId{9}});
  // The process that has waited for the removal is killed before the group hears of its new number.
  World killed;
  delta_voted(killed);
  killed.on_wait = [&] {
    killed.roster.set_voter(NodeId{9}, false);
    killed.is_out = NodeId{9};
  };
  killed.on_admit = [] { throw std::runtime_error("killed"); };
  REQUIRE_THROWS(killed.run());
  killed.settings.name_of_dead = 0;
  killed.settings.lost_its_vote = false;
  REQUIRE(killed.run().ok());
  CHECK(killed.machine.state().retired == std::set{NodeId{9}});
  World uncommitted;
  delta_voted(uncommitted);
  uncommitted.on_wait = [&] {
    uncommitted.roster.set_voter(NodeId{9}, false);
    if (uncommitted.waits == 5) uncommitted.is_out = NodeId{9};
  };
  REQUIRE(uncommitted.run().ok());
  CHECK(uncommitted.waits >= 5);
  CHECK(uncommitted.machine.state().retired == std::set{NodeId{9}});
  // Not a number that votes, or lives; nor that of another name, or of one that never voted.
  const auto retires = [](NodeId out, NodeId alive, const std::string& named, bool voted = true) {
    World other;
    delta_voted(other, named, voted);
    other.roster.set_voter(NodeId{9}, false);
    const wire::IntroductionQuestion question{"delta", NodeId{12}, 9, "10.0.0.4:7411", group, 2, true};
    const auto told = introduce({"alpha",
                                 5,
                                 group,
                                 true,
                                 true,
                                 other.roster,
                                 other.machine,
                                 {},
                                 [=](NodeId node) { return node == out; },
                                 [=](NodeId node) { return node == alive; }},
                                question, "10.0.0.4");
    return told.admit && told.admit->retires == NodeId{9};
  };
  CHECK(retires(NodeId{9}, NodeId{}, "delta"));
  CHECK_FALSE(retires(NodeId{}, NodeId{}, "delta"));
  CHECK_FALSE(retires(NodeId{9}, NodeId{9}, "delta"));
  CHECK_FALSE(retires(NodeId{9}, NodeId{}, "epsilon"));
  CHECK_FALSE(retires(NodeId{9}, NodeId{}, "delta", false));
  const Without rule("retired_once_it_is_out");
  CHECK(retires(NodeId{9}, NodeId{9}, "delta"));
}

TEST_CASE("a group that can note no more lost disks says so to who has lost one, and takes others in") {
  World world;
  delta_voted(world);
  world.roster.set_voter(NodeId{9}, false);
  const NodeId other{5000};
  for (std::uint64_t i = 0; i < 4'096; ++i) {
    const service::ClientId before = world.machine.registration(other);
    const NodeId lost{9000 + i};
    const service::Register again{other, i + 1, before, 2, "other", "10.0.0.7:7411", {}, {}, lost};
    world.machine.apply(LogIndex{++world.last}, {.body = again});
  }
  REQUIRE(world.machine.state().retired.size() == 4'096);
  const auto told = [&](const wire::IntroductionQuestion& question) {
    return introduce({"alpha",
                      5,
                      group,
                      true,
                      true,
                      world.roster,
                      world.machine,
                      {},
                      [](NodeId node) { return node == NodeId{9}; },
                      [](NodeId) { return false; }},
                     question, "10.0.0.4");
  };
  const auto refused = told({"delta", NodeId{12}, 9, "10.0.0.4:7411", group, 2, true});
  CHECK_FALSE(refused.admit);
  CHECK_FALSE(refused.answer.admitted);
  CHECK(refused.answer.why_not.find("its group has noted 4096 disks that were lost, which is the most") !=
        std::string::npos);
  const auto taken = told({"epsilon", NodeId{13}, 9, "10.0.0.5:7411", group, 2, true});
  CHECK(taken.admit);
  CHECK(taken.answer.why_not.empty());
}

TEST_CASE(
    "the lost disk of a host that has voted is refused for ever also if its host was forgotten meanwhile") {
  const auto forgotten = [](World& world, NodeId came_again) {
    delta_voted(world);
    world.roster.remove(NodeId{9});
    world.is_out = NodeId{9};
    const auto forget = [&](NodeId node) {
      world.machine.apply(LogIndex{++world.last},
                          {.body = service::Forget{node, world.machine.registration(node), true}});
      REQUIRE_FALSE(world.machine.state().registrations.contains(node));
    };
    forget(NodeId{9});
    if (came_again == NodeId{}) return;
    world.machine.apply(
        LogIndex{++world.last},
        {.body = service::Register{came_again, 9, {}, 2, "delta", "10.0.0.4:7411", {}, {}, {}}});
    CHECK(world.machine.state().voted_before.empty());
    forget(came_again);
  };
  World world;
  forgotten(world, NodeId{});
  REQUIRE(world.run().ok());
  CHECK(world.machine.state().retired == std::set{NodeId{9}});
  CHECK(world.machine.state().voted_before.empty());
  World twice;  // the same disk came again in between
  forgotten(twice, NodeId{9});
  REQUIRE(twice.run().ok());
  CHECK(twice.machine.state().retired == std::set{NodeId{9}});
}

TEST_CASE("a disk that was lost and turns up again ends when it asks, whoever has its name") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId lost = world.settings.node;
  world.machine.apply(
      LogIndex{++world.last},
      {.body = service::Register{NodeId{50}, 3, {}, 2, "epsilon", "10.0.0.8:7411", {}, "", lost}});
  REQUIRE(world.machine.state().retired.contains(lost));
  world.settings.options.state_dir = "/var/lib/coordd";
  const Status ended = world.run();
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.error().kind == ErrorKind::usage);
  CHECK(ended.error().text().find("alpha at 10.0.0.1:7411 says that the group goes on with another disk") !=
        std::string::npos);
  CHECK(ended.error().text().find("move /var/lib/coordd away") != std::string::npos);
}

TEST_CASE("it waits where it is seen by another network of this host, too") {
  World world;
  REQUIRE(world.roster.admit({NodeId{9}, "delta", {"10.9.9.9", 7411}, false, true}).ok());
  world.local = "10.9.9.9";
  CHECK_THROWS_AS(world.run(), std::runtime_error);
  CHECK(world.log.find("dpeers remove delta") != std::string::npos);
}

TEST_CASE("the name of a host that learns is its own until it is removed: nobody could name it else") {
  World world;
  REQUIRE(world.roster.admit({NodeId{9}, "delta", {"10.0.0.4", 7411}, false, false}).ok());
  world.learns = NodeId{9};
  CHECK_THROWS_AS(world.run(), std::runtime_error);
  CHECK(world.machine.state().registrations.empty());
  world.learns = {};
  world.is_out = NodeId{9};
  world.waits = 0;
  CHECK(world.run().ok());
}

TEST_CASE("a host that learns and has its disk comes again at once, also at another address") {
  World world;
  REQUIRE(world.run().ok());
  world.learns = world.settings.node;
  world.settings.listen = {"10.0.0.7", 7411};
  CHECK(world.run().ok());
}

TEST_CASE("who founded the group is remembered, whatever the book says of who has those names by now") {
  World world;
  REQUIRE(world.roster.found("gamma", {"10.0.0.3", 7411}).ok());
  world.founders = {net::Roster::founding_id("alpha"), net::Roster::founding_id("gamma")};
  std::ranges::sort(world.founders);
  REQUIRE(world.run().ok());
  auto file = read_member_file(world.disk);
  REQUIRE((file.ok() && file->has_value()));
  CHECK((*file)->founders == world.founders);
  (*file)->founders.clear();  // as an earlier life has written it
  REQUIRE(write_member_file(world.disk, **file).ok());
  AddressBook book;
  book.group = group;
  book.at = LogIndex{9};
  book.known = {{net::Roster::founding_id("alpha"), "alpha", "10.0.0.1:7411", true}};
  REQUIRE(write_address_book(world.disk, book).ok());
  world.silent = 1000;
  REQUIRE(world.run().ok());
  CHECK(world.settings.founders == world.founders);
}

TEST_CASE(
    "a book that gives this host's name to another number, or its number to another name, is a hint only") {
  for (const bool has_its_name : {true, false}) {
    World world;
    REQUIRE(world.run().ok());
    wire::KnownPeer wrong{NodeId{777}, "delta", "10.0.0.9:7411", false};
    if (!has_its_name) wrong = {world.settings.node, "epsilon", "10.0.0.9:7411", true};
    AddressBook book;
    book.group = group;
    book.at = LogIndex{9};
    book.known = {{net::Roster::founding_id("alpha"), "alpha", "10.0.0.1:7411", true}, wrong};
    REQUIRE(write_address_book(world.disk, book).ok());
    world.silent = 1000;
    REQUIRE(world.run().ok());
    const net::Roster::Node* const own = world.settings.roster.find(world.settings.node);
    REQUIRE(own != nullptr);
    CHECK(own->name == "delta");
    CHECK(world.settings.roster.find("alpha") != nullptr);
  }
}

namespace {

// What alpha answers to a host that has nothing, and asks under the number of its name.
OwnPlace place_of_lost(LostFounder& world, const std::string& of_group = "") {
  const auto said =
      world.ask({"10.0.0.1", 7411}, {"gamma", world.lost, 9, "10.0.0.4:7411", "", newest_level});
  REQUIRE(said.ok());
  return own_place(*said, of_group, world.founders);
}

}  // namespace

TEST_CASE("a founder that has nothing is told what its number is to the group by any host of it") {
  LostFounder world;
  CHECK(place_of_lost(world) == OwnPlace::kept);
  world.is_out = world.lost;
  CHECK(place_of_lost(world) == OwnPlace::out);
  CHECK(place_of_lost(world, group) == OwnPlace::out);
  CHECK(place_of_lost(world, another) == OwnPlace::foreign);
  world.leads = false;
  CHECK(place_of_lost(world) == OwnPlace::unknown);
  world.leads = true;
  std::swap(world.founders.front(), world.founders.back());  // in any order
  CHECK(place_of_lost(world) == OwnPlace::out);
  const auto said =
      world.ask({"10.0.0.1", 7411}, {"gamma", world.lost, 9, "10.0.0.4:7411", "", newest_level});
  CHECK(own_place(*said, "", {world.lost}) == OwnPlace::foreign);  // of another list
  {
    const Without rule("place_in_own_group_only");
    CHECK(place_of_lost(world, another) == OwnPlace::out);
  }
  world.is_out = {};
  const Without rule("out_before_it_comes_anew");
  CHECK(place_of_lost(world) == OwnPlace::out);
}

TEST_CASE("who is behind what this host knows says nothing of its place") {
  LostFounder world;
  world.is_out = world.lost;
  auto said = world.ask({"10.0.0.1", 7411}, {"gamma", world.lost, 9, "10.0.0.4:7411", "", newest_level});
  REQUIRE(said.ok());
  said->at = LogIndex{30};
  CHECK(own_place(*said, group, {}, LogIndex{30}) == OwnPlace::out);
  CHECK(own_place(*said, group, {}, LogIndex{31}) == OwnPlace::unknown);
  said->is_out = false;
  CHECK(own_place(*said, group, {}, LogIndex{31}) == OwnPlace::unknown);
  const Without rule("place_by_who_is_not_behind");
  said->is_out = true;
  CHECK(own_place(*said, group, {}, LogIndex{31}) == OwnPlace::out);
}

TEST_CASE("who stands is heard if its log says more of who votes, or if this host's log names it") {
  CHECK(is_heard_by_its_word(LogIndex{40}, LogIndex{34}, false));
  CHECK(is_heard_by_its_word(LogIndex{20}, LogIndex{34}, true));
  CHECK_FALSE(is_heard_by_its_word(LogIndex{20}, LogIndex{34}, false));  // a disk that was lost
  CHECK_FALSE(is_heard_by_its_word(LogIndex{34}, LogIndex{34}, false));
  const Without rule("introduced_by_a_later_word");
  CHECK(is_heard_by_its_word(LogIndex{20}, LogIndex{34}, false));
}

TEST_CASE("a number without a name is named by what listings call it, and nothing else is taken for one") {
  const NodeId node{7426785567860314607};
  CHECK(nameless(node) == "node 7426785567860314607");
  CHECK(nameless_number(nameless(node)) == node);
  for (const char* other :
       {"node", "node ", "node 0", "node -1", "node 1 ", "node 1x", "node 99999999999999999999", "a", ""})
    CHECK_FALSE(nameless_number(other));
}

TEST_CASE("a number is of its log: where that is lost the host comes under another one, when it is out") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId before = world.settings.node;
  auto file = read_member_file(world.disk);
  REQUIRE((file.ok() && file->has_value()));
  (*file)->keeps_log = true;
  (*file)->log = std::string(32, 'c');
  REQUIRE(write_member_file(world.disk, **file).ok());
  world.roster.remove(before);
  REQUIRE(world.roster.admit({before, "delta", {"10.0.0.4", 7411}, false, true}).ok());
  CHECK_THROWS_AS(world.run(), std::runtime_error);  // it votes
  CHECK(world.log.find("comes to the group under another number") != std::string::npos);
  world.roster.set_voter(before, false);
  world.is_out = before;
  world.waits = 0;
  REQUIRE(world.run().ok());
  CHECK(world.settings.node != before);
  CHECK(world.settings.group == group);
  World without;
  REQUIRE(without.run().ok());
  const NodeId same = without.settings.node;
  file = read_member_file(without.disk);
  (*file)->log = std::string(32, 'c');
  REQUIRE(write_member_file(without.disk, **file).ok());
  const Without rule("number_is_of_its_log");
  REQUIRE(without.run().ok());
  CHECK(without.settings.node == same);
}

TEST_CASE("a voter that listens everywhere is itself at its own address, whichever network it is seen from") {
  const auto begins_again = [](const std::string& local) {
    World world;
    REQUIRE(world.run().ok());
    const NodeId node = world.settings.node;
    world.roster.remove(node);
    REQUIRE(world.roster.admit({node, "delta", {"10.9.9.9", 7411}, false, true}).ok());
    world.local = local;
    return world.run().ok();
  };
  CHECK(begins_again("10.9.9.9"));
  CHECK_FALSE(begins_again("10.7.7.7"));  // it has moved, or is a copy
}

TEST_CASE("a voter that was moved to a name which no name server knows yet goes by its file") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  world.roster.remove(node);
  REQUIRE(world.roster.admit({node, "delta", {"delta.example", 7411}, false, true}).ok());
  world.local = "delta.example";
  world.unknown_for = 100;
  REQUIRE(world.run().ok());
  CHECK(world.settings.goes_by_file);
  CHECK(world.log.find("the name delta.example cannot be looked up yet") != std::string::npos);
  world.unknown_for = 1;
  world.settings.goes_by_file = false;
  REQUIRE(world.run().ok());
  CHECK_FALSE(world.settings.goes_by_file);
}

TEST_CASE("a file or an answer with a voter of number 0 is refused in words") {
  MemberFile file;
  file.group = group;
  file.name = "delta";
  file.node = NodeId{7};
  file.address = "10.0.0.4:7411";
  file.voters = {{NodeId{9}, "alpha", "10.0.0.1:7411", true}};
  CHECK(parse_member_file(to_text(file)).ok());
  file.voters.front().node = NodeId{};
  CHECK_FALSE(parse_member_file(to_text(file)).ok());
  net::Roster roster;
  CHECK_FALSE(roster.admit({NodeId{}, "alpha", {"10.0.0.1", 7411}, false, true}).ok());
}

TEST_CASE("founder_is_out_before_its_name_is_taken") {
  LostFounder world;
  const Without rule("founder_is_out_before_its_name_is_taken");
  CHECK(world.comes());
}
