// SPDX-License-Identifier: MIT
// A host comes to a group: what it asks, what it refuses, and what is on its disk when. The rules are removed
// in turn.
#include "daemon_joining_world.hpp"

using namespace joining_test;
using namespace std::chrono_literals;

TEST_CASE("who was just started knows no level yet, and says that nobody leads") {
  World world;
  world.machine = service::StateMachine::at_level(1);
  const wire::IntroductionQuestion question{"delta", NodeId{12}, 9, "10.0.0.9:7411", "", newest_level};
  CHECK(world.ask({"10.0.0.1", 7411}, question)->why_not.find("is at level 1") != std::string::npos);
  world.leads = false;
  CHECK(world.ask({"10.0.0.1", 7411}, question)->why_not == "it sees no leader");
}

TEST_CASE("the group's id is on the disk before the group hears that this host wants to be of it") {
  World world;
  REQUIRE(world.run().ok());
  REQUIRE(world.asked.size() >= 2);
  for (std::size_t i = 0; i < world.asked.size(); ++i) {
    INFO(i);
    CHECK(world.asked[i].admit <= world.on_disk[i]);
  }
  CHECK(world.settings.group == group);
  CHECK(world.settings.level == 2);
  CHECK(world.settings.roster.find("alpha")->voter);
  CHECK(world.settings.roster.find("delta")->address == net::Address{"10.0.0.4", 7411});
  const auto& registration = world.machine.state().registrations.at(world.settings.node);
  CHECK(registration.name == "delta");
  CHECK(registration.nonce == world.settings.life);
}

TEST_CASE("a host that starts again has its number, and serves though nobody answers") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  const std::uint64_t life = world.settings.life;
  REQUIRE(world.run().ok());
  CHECK(world.settings.node == node);
  CHECK(world.settings.life != life);
  world.silent = 1000;
  REQUIRE(world.run().ok());
  CHECK(world.settings.node == node);
  CHECK(world.settings.roster.find("alpha")->address == net::Address{"10.0.0.1", 7411});
  CHECK(world.settings.roster.find("delta")->address == net::Address{"10.0.0.4", 7411});
}

TEST_CASE("a host that serves by what it knew asks on: where the group is, and whether it may go on") {
  World world;
  REQUIRE(world.run().ok());
  CHECK_FALSE(world.settings.goes_by_file);
  world.silent = 1000;
  world.waits = 0;
  REQUIRE(world.run().ok());
  CHECK(world.settings.goes_by_file);
  CHECK(world.waits == 0);  // nobody guards its holds meanwhile
  const std::uint64_t life = world.settings.life;
  const auto silent = world.again();
  REQUIRE(silent.ok());
  CHECK_FALSE(*silent);
  world.silent = 0;
  const auto first = world.again();
  REQUIRE(first.ok());
  const auto answered = *first ? first : world.again();
  REQUIRE(answered.ok());
  CHECK(*answered);
  CHECK(world.settings.life == life);
  CHECK(world.machine.state().registrations.at(world.settings.node).nonce == life);
  const auto forget = [&](bool is_ordered) {
    const NodeId node = world.settings.node;
    world.roster.remove(node);
    world.machine.apply(LogIndex{++world.last},
                        {.body = service::Forget{node, world.machine.registration(node), is_ordered}});
    world.settings.registered_at = LogIndex{1};
  };
  // The group has forgotten it for its silence, as it was suspended: it comes back by itself.
  forget(false);
  const auto silent_for_long = world.again();
  REQUIRE(silent_for_long.ok());
  CHECK((*silent_for_long || *world.again()));
  CHECK(world.machine.state().registrations.contains(world.settings.node));
  // By an operator's word: only if that was before it began.
  forget(true);
  const auto removed = world.again();
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().text().find("was removed from the group") != std::string::npos);
  CHECK(removed.error().kind == ErrorKind::usage);  // no service manager starts it again
  world.settings.registered_at.reset();
  CHECK(world.again().ok());
  world.id = another;
  CHECK_FALSE(world.again().ok());
}

TEST_CASE(
    "removed_by_who_is_not_behind: a peer that does not know this host yet cannot say that it was removed") {
  const auto goes_on = [] {
    World world;
    REQUIRE(world.run().ok());
    // Another peer answers, which has not come so far in the log.
    const NodeId node = world.settings.node;
    world.settings.registered_at = LogIndex{9};
    world.roster.remove(node);
    world.machine = service::StateMachine::at_level(2);
    // There an operator has put it out, and it has come again since.
    world.machine.apply(LogIndex{1}, {.body = service::Register{node, 1, {}, 2}});
    world.machine.apply(LogIndex{2}, {.body = service::Forget{node, world.machine.registration(node), true}});
    return world.again().ok();
  };
  CHECK(goes_on());
  const Without rule("removed_by_who_is_not_behind");
  CHECK_FALSE(goes_on());
}

TEST_CASE(
    "a host that begins anew, and was removed since it was of the group, does not come again by itself") {
  World world;
  REQUIRE(world.run().ok());
  world.settings.registered_at = LogIndex{world.last};
  REQUIRE(world.run().ok());  // its vote was taken away, and that is all
  const NodeId node = world.settings.node;
  world.machine.apply(LogIndex{++world.last},
                      {.body = service::Forget{node, world.machine.registration(node), true}});
  world.roster.remove(node);
  const Status ended = world.run();
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.error().kind == ErrorKind::usage);
  CHECK(world.machine.state().registrations.empty());
  world.settings.registered_at.reset();  // started by a person
  CHECK(world.run().ok());
}

TEST_CASE("a peer that sees nobody lead introduces nobody, and ends nobody") {
  World world;
  REQUIRE(world.run().ok());
  world.leads = false;
  world.settings.registered_at = LogIndex{1};
  world.roster.remove(world.settings.node);
  const auto answer = world.again();
  REQUIRE(answer.ok());
  CHECK_FALSE(*answer);
  const auto told = introduce({"alpha", 5, group, true, false, world.roster, world.machine},
                              {"zeta", NodeId{12}, 9, "10.0.0.9:7411", group, 2, true}, "10.0.0.9");
  CHECK_FALSE(told.admit);
  CHECK(told.answer.why_not == "it sees no leader");
}

TEST_CASE("a host that came later and votes is of the group at once when it starts again") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  world.settings.keep_log = true;
  world.roster.set_voter(node, true);
  world.waits = 0;
  REQUIRE(world.run().ok());
  CHECK(world.waits == 0);
  CHECK_FALSE(world.settings.goes_by_file);
  CHECK_FALSE(world.settings.may_be_copy);  // what it says of who held what counts
  CHECK(world.settings.node == node);
  // Nobody else is that voter: not under its number, nor its name, nor at another address.
  const auto admitted = [&](const std::string& name, NodeId of, const std::string& address) {
    const auto told = introduce({"alpha", 5, group, true, true, world.roster, world.machine},
                                {name, of, 9, address, group, 2, true}, "10.0.0.9");
    return told.answer.admitted || told.admit;
  };
  CHECK(admitted("delta", node, "10.0.0.4:7411"));
  CHECK_FALSE(admitted("delta", node, "10.0.0.5:7411"));
  CHECK_FALSE(admitted("delta", NodeId{12}, "10.0.0.4:7411"));
  CHECK_FALSE(admitted("epsilon", node, "10.0.0.4:7411"));
}

TEST_CASE("whether a host keeps a log stands in its file before it begins so, and stays until that changes") {
  World world;
  REQUIRE(world.run().ok());
  CHECK_FALSE((*read_member_file(world.disk))->keeps_log);
  world.settings.keep_log = true;  // it was sent the log
  REQUIRE(world.run().ok());
  CHECK((*read_member_file(world.disk))->keeps_log);
  world.settings.keep_log.reset();  // another process
  REQUIRE(world.run().ok());
  CHECK(world.settings.keep_log == true);
  CHECK(world.settings.roster.find("alpha")->founder);
  world.settings.keep_log = false;
  REQUIRE(world.run().ok());
  CHECK_FALSE((*read_member_file(world.disk))->keeps_log);
  const auto again = parse_member_file(to_text(**read_member_file(world.disk)));
  REQUIRE(again.ok());
}

TEST_CASE("names are decided in the log: who has come meanwhile is looked at anew") {
  World world;
  REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
  world.machine.apply(LogIndex{++world.last},
                      {.body = service::Register{NodeId{50}, 3, {}, 2, "delta", "10.0.0.8:7411"}});
  // The former one is back between the two questions.
  world.on_admit = [&] {
    world.machine.apply(LogIndex{++world.last},
                        {.body = service::Register{NodeId{50}, 4, world.machine.registration(NodeId{50}), 2,
                                                   "delta", "10.0.0.8:7411"}});
    world.lives["10.0.0.8:7411"] = "delta";
  };
  CHECK_FALSE(world.run().ok());
  CHECK(world.machine.state().registrations.at(NodeId{50}).name == "delta");
  CHECK(world.machine.state().registrations.size() == 1);
}

TEST_CASE("name_is_decided_once: what was ordered because the former one did not live is waited for") {
  // It takes the name from one that does not listen yet. That one does by the next question, and the order
  // stands in the log then: whoever is there is told of that by the log.
  const auto comes = [] {
    World world;
    REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
    world.machine.apply(LogIndex{++world.last},
                        {.body = service::Register{NodeId{50}, 3, {}, 2, "delta", "10.0.0.8:7411"}});
    world.late = [&] { world.lives["10.0.0.8:7411"] = "delta"; };
    return world.run().ok() && world.machine.state().registrations.at(NodeId{50}).name.empty();
  };
  CHECK(comes());
  const Without rule("name_is_decided_once");
  CHECK_FALSE(comes());
}

TEST_CASE("a host whose name another one has taken takes it back if that one is gone, and ends if it lives") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  const std::uint64_t life = world.settings.life;
  const auto taken = [&](std::uint64_t by) {
    world.machine.apply(LogIndex{++world.last},
                        {.body = service::Register{NodeId{by},
                                                   3,
                                                   {},
                                                   2,
                                                   "delta",
                                                   "10.0.0.8:7411",
                                                   world.machine.state().registrations.at(node).named}});
    world.roster.remove(node);
    REQUIRE(world.roster.admit({NodeId{by}, "delta", {"10.0.0.8", 7411}}).ok());
  };
  taken(50);
  world.settings.registered_at = LogIndex{1};
  const auto once = world.again();
  REQUIRE(once.ok());
  const auto& own = world.machine.state().registrations.at(node);
  CHECK(own.name == "delta");
  CHECK(own.nonce == life);
  world.roster.remove(NodeId{50});
  REQUIRE(world.roster.admit({node, "delta", {"10.0.0.4", 7411}}).ok());
  const auto back = world.again();
  REQUIRE(back.ok());
  CHECK(*back);
  taken(51);
  world.lives["10.0.0.8:7411"] = "delta";
  const auto refused = world.again();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::usage);
}

TEST_CASE("a host that never was of a group waits for it") {
  World world;
  world.silent = 20;
  REQUIRE(world.run().ok());
  CHECK(world.waits > 0);
  CHECK(world.log.find("waits for the group") != std::string::npos);
}

TEST_CASE("a key that is refused ends the start at once") {
  World world;
  world.refuses = true;
  const Status refused = world.run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::unavailable);
  CHECK_FALSE(read_member_file(world.disk)->has_value());
}

TEST_CASE("member_of_one_group: a host of one group is not of another, and both are named") {
  const auto run = [] {
    World world;
    REQUIRE(world.run().ok());
    world.id = another;
    return world.run();
  };
  const Status refused = run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().text().find(group) != std::string::npos);
  CHECK(refused.error().text().find(another) != std::string::npos);
  const Without rule("member_of_one_group");
  CHECK(run().ok());
}

TEST_CASE("a group that has as many hosts as there may be says so to one more") {
  World world;
  for (std::uint64_t i = 0; i < 4'096; ++i)
    world.machine.apply(LogIndex{++world.last}, {.body = service::Register{NodeId{5000 + i}, 7, {}, 2}});
  REQUIRE(world.machine.state().registrations.size() == 4'096);
  const NodeId first{5000};
  world.on_wait = [&] {
    if (world.waits == 3)
      world.machine.apply(LogIndex{++world.last},
                          {.body = service::Forget{first, world.machine.registration(first), true}});
  };
  REQUIRE(world.run().ok());
  CHECK(world.waits >= 3);
  CHECK(world.log.find("its group has 4096 hosts, which is the most: dpeers remove one") !=
        std::string::npos);
}

TEST_CASE("introduced_by_who_has_the_state: a peer whose group has not begun introduces nobody") {
  const auto run = [] {
    World world;
    world.begun = false;
    REQUIRE(world.run().ok());
    return world.waits;
  };
  CHECK(run() == 2);  // for the group, and until it has admitted the host
  const Without rule("introduced_by_who_has_the_state");
  CHECK(run() == 1);
}

TEST_CASE("names_of_voters_are_theirs: nobody comes under the name or the number of one that votes") {
  const World world;
  const auto admits = [&](const std::string& name, NodeId node) {
    const wire::IntroductionQuestion question{name, node, 9, "10.0.0.9:7411", group, 2, true};
    const auto nobody = [](NodeId) { return false; };
    return introduce({"alpha", 5, group, true, true, world.roster, world.machine, {}, nobody, nobody},
                     question, "10.0.0.9")
        .admit.has_value();
  };
  CHECK(admits("delta", NodeId{12}));
  CHECK_FALSE(admits("alpha", NodeId{12}));
  CHECK_FALSE(admits("delta", net::Roster::founding_id("alpha")));
  const Without rule("names_of_voters_are_theirs");
  CHECK(admits("alpha", NodeId{12}));
}

TEST_CASE("what makes no sense admits nobody") {
  const World world;
  const auto admits = [&](const wire::IntroductionQuestion& question) {
    return introduce({"alpha", 5, group, true, true, world.roster, world.machine}, question, "10.0.0.9")
        .admit.has_value();
  };
  const wire::IntroductionQuestion right{"delta", NodeId{12}, 9, "10.0.0.9:7411", group, 2, true};
  CHECK(admits(right));
  for (const auto& spoil : std::vector<std::function<void(wire::IntroductionQuestion&)>>{
           [](auto& q) { q.name = "a b"; }, [](auto& q) { q.name.clear(); }, [](auto& q) { q.node = {}; },
           [](auto& q) { q.life = 0; }, [](auto& q) { q.address = ":7411"; },
           [](auto& q) { q.address = "x"; }, [](auto& q) { q.group = another; },
           [](auto& q) { q.group.clear(); }, [](auto& q) { q.knows = 1; },
           [](auto& q) { q.admit = false; }}) {
    wire::IntroductionQuestion wrong = right;
    spoil(wrong);
    CHECK_FALSE(admits(wrong));
  }
}

TEST_CASE("a number that another host has is drawn anew") {
  World world;
  const NodeId taken{1002};  // the second that it draws
  REQUIRE(world.roster.admit({taken, "other", {"10.0.0.8", 7411}}).ok());
  world.machine.apply(LogIndex{++world.last},
                      {.body = service::Register{taken, 3, {}, 2, "other", "10.0.0.8:7411"}});
  REQUIRE(world.run().ok());
  CHECK(world.settings.node != taken);
  CHECK(world.machine.state().registrations.at(taken).name == "other");
  CHECK(world.machine.state().registrations.at(world.settings.node).name == "delta");
}

TEST_CASE("a group of a later release is refused, with what to do") {
  World world;
  world.machine = service::StateMachine::at_level(newest_level + 1);
  const Status refused = world.run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::unavailable);
  CHECK(refused.error().text().find("install the group's release") != std::string::npos);
  CHECK_FALSE(read_member_file(world.disk)->has_value());
}

TEST_CASE("a machine that was cloned is refused as long as the other one lives, and moves when it does not") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  world.settings.listen = {"10.0.0.7", 7411};
  world.lives["10.0.0.4:7411"] = "delta";
  CHECK_FALSE(world.run().ok());
  world.lives.clear();
  CHECK_FALSE(world.settings.may_be_copy);
  REQUIRE(world.run().ok());
  CHECK(world.settings.node == node);
  CHECK(world.settings.may_be_copy);  // the other one may be cut off, and hold locks
  CHECK(world.machine.state().registrations.at(node).address == "10.0.0.7:7411");
}

TEST_CASE("an answer that cannot be kept, or that contradicts itself, is refused and changes nothing") {
  World blank;
  blank.roster = {};
  REQUIRE(blank.roster.found("al pha", {"10.0.0.1", 7411}).ok());
  CHECK(blank.run().error().kind == ErrorKind::data);
  World other;
  other.id = "not a group";
  CHECK(other.run().error().kind == ErrorKind::data);
  CHECK_FALSE(read_member_file(other.disk)->has_value());
}

TEST_CASE("a handshake that ends early is tried again: only who is refused again and again gives up") {
  World world;
  world.refusals = 5;
  CHECK(world.run().ok());
}

TEST_CASE("a directory of another name, of a peer that votes, or that is damaged is refused") {
  World world;
  REQUIRE(world.run().ok());
  world.settings.name = "epsilon";
  CHECK(world.run().error().kind == ErrorKind::usage);
  World damaged;
  auto file = damaged.disk.create(member_file_name);
  REQUIRE(file.ok());
  REQUIRE((*file)->write(0, bytes_of("coordutils member 1\ngroup x\n")).ok());
  CHECK(damaged.run().error().kind == ErrorKind::data);
}

TEST_CASE("what is known of the group survives its writing, and what is not it is refused") {
  const MemberFile file{
      group,      "delta",
      NodeId{12}, "10.0.0.4:7411",
      2,          {{NodeId{1}, "alpha", "10.0.0.1:7411", true}, {NodeId{2}, "beta", "[::1]:7411", false}}};
  const std::string text = to_text(file);
  CHECK(*parse_member_file(text) == file);
  CHECK_FALSE(parse_member_file("").ok());
  CHECK_FALSE(parse_member_file(text + "what\n").ok());
  CHECK_FALSE(parse_member_file(text + "voter gamma x 10.0.0.3:7411\n").ok());
  CHECK_FALSE(parse_member_file(text + "voter gamma 3 10.0.0.3\n").ok());
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto cut = parse_member_file(text.substr(0, length));  // whatever it says, it ends
    if (cut.ok()) CHECK_FALSE(cut->voters.empty());
  }
}
