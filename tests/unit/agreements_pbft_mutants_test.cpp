// SPDX-License-Identifier: MIT
// Each rule of decisions among sites that may lie is removed in turn; a story must end otherwise.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "agreements_liar.hpp"
#include "mutants/stories.hpp"
#include "store/posix_disk.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;
namespace pbft = consensus::pbft;

namespace {

// All but the second are one man with the cluster's key, and a key of his own in place of theirs.
bool forged_votes_decide_nothing() {
  Four net;
  Liar first(net, one), third(net, three), fourth(net, four);
  net.run(100ms);
  const auto what = pre_prepare(first.notary(66), request(first.notary(66), one, "evil"));
  first.say(two, what, 66);
  third.say(two, prepare(third.notary(66), what.digest), 66);
  fourth.say(two, prepare(fourth.notary(66), what.digest), 66);
  first.say(two, commit(first.notary(66), what.digest), 66);
  third.say(two, commit(third.notary(66), what.digest), 66);
  fourth.say(two, commit(fourth.notary(66), what.digest), 66);
  net.run(100ms);
  net.propose(2, "good");
  net.run(1s);
  return net.last_told(2) == "sites" || net.last_told(2).empty();
}

// What was signed for another name by those whose names it bears, all of it.
bool votes_for_another_name_decide_nothing() {
  Four net;
  Liar first(net, one), third(net, three), fourth(net, four);
  net.run(100ms);
  const auto what = pre_prepare(first.notary(1, "other"), request(first.notary(1, "other"), one, "other's"));
  first.say(two, what, 1, "other");
  third.say(two, prepare(third.notary(3, "other"), what.digest), 3, "other");
  first.say(two, commit(first.notary(1, "other"), what.digest), 1, "other");
  third.say(two, commit(third.notary(3, "other"), what.digest), 3, "other");
  fourth.say(two, commit(fourth.notary(4, "other"), what.digest), 4, "other");
  net.run(100ms);
  net.propose(2, "good");
  net.run(1s);
  return net.last_told(2) != "decided other's";
}

// They run a group of the same hosts beside this one, with the same keys, and have signed all of it there.
bool votes_of_another_group_decide_nothing() {
  Four net;
  Liar first(net, one), third(net, three), fourth(net, four);
  net.run(100ms);
  for (Liar* liar : {&first, &third, &fourth}) liar->group = "another group";
  const auto what = pre_prepare(first.notary(1), request(first.notary(1), one, "the other group's"));
  first.say(two, what, 1);
  third.say(two, prepare(third.notary(3), what.digest), 3);
  fourth.say(two, prepare(fourth.notary(4), what.digest), 4);
  first.say(two, commit(first.notary(1), what.digest), 1);
  third.say(two, commit(third.notary(3), what.digest), 3);
  fourth.say(two, commit(fourth.notary(4), what.digest), 4);
  net.run(100ms);
  net.propose(2, "good");
  net.run(1s);
  return net.last_told(2) != "decided the other group's";
}

// The leader of the group has put this name's sites into two logs in two ways.
bool votes_of_another_list_decide_nothing() {
  Four net;
  Liar first(net, one), third(net, three), fourth(net, four);
  net.run(100ms);
  for (Liar* liar : {&first, &third, &fourth})
    liar->sites = {{one, 101, 0, ""}, {three, 103, 0, ""}, {four, 104, 0, ""}, {NodeId{5}, 105, 0, ""}};
  const auto what = pre_prepare(first.notary(1), request(first.notary(1), one, "the others'"));
  first.say(two, what, 1);
  third.say(two, prepare(third.notary(3), what.digest), 3);
  fourth.say(two, prepare(fourth.notary(4), what.digest), 4);
  first.say(two, commit(first.notary(1), what.digest), 1);
  third.say(two, commit(third.notary(3), what.digest), 3);
  fourth.say(two, commit(fourth.notary(4), what.digest), 4);
  net.run(100ms);
  net.propose(2, "good");
  net.run(1s);
  return net.last_told(2) != "decided the others'";
}

// Nobody has answers to it that were given before it was asked.
bool questions_cannot_be_foretold() {
  Four net;
  Liar first(net, one);
  net.run(100ms);
  net.ask(four, GetDecided{generation});
  net.run(50ms);
  for (const AnyItem& item : first.heard) {
    const auto* asks = std::get_if<AskDecided>(&item);
    if (asks != nullptr) return asks->question - first.lives.at(four) > 1'000'000;
  }
  return false;
}

// He has no key of theirs, and does not make them believe that they take part in anything.
bool a_forged_message_begins_nothing() {
  Four net;
  Liar third(net, three);
  third.say(two, request(third.notary(66), three, "evil"), 66);
  third.say(one, request(third.notary(66), three, "evil"), 66);
  net.run(100ms);
  net.cut = {three};
  return net.get(4) == "undecided";
}

// It was decided while the one who asks was away; whoever says to him that nobody has begun is not believed.
bool forged_answers_are_none() {
  Four net;
  net.cut = {four};
  net.propose(1, "good");
  net.run(1s);
  if (net.last_told(1) != "decided good") return false;
  net.cut.clear();
  Liar first(net, one), second(net, two), third(net, three);
  net.run(100ms);
  net.ask(four, GetDecided{generation});
  net.run(50ms);
  for (Liar* liar : {&first, &second, &third}) {
    for (const AnyItem& item : liar->heard) {
      const auto* asks = std::get_if<AskDecided>(&item);
      if (asks == nullptr) continue;
      TellDecided lie;
      lie.generation = generation;
      lie.question = asks->question;
      liar->say(four, AnyItem(lie));
    }
  }
  net.run(2s);
  return net.last_told(4) != "undecided";
}

// One site lies, twice: what it says alone is not believed.
bool one_who_says_that_it_is_decided_is_not_believed() {
  Four net;
  Liar third(net, three);
  net.run(100ms);
  third.say_decided(two, "evil", "evil");
  third.say_decided(two, "evil", "evil");
  net.run(100ms);
  return net.get(2) != "decided evil";
}

// What two have signed for one value is carried along with another one.
bool a_value_that_was_not_signed_is_not_believed() {
  Four net;
  Liar third(net, three), fourth(net, four);
  net.run(100ms);
  third.say_decided(two, "evil", "good");
  fourth.say_decided(two, "evil", "good");
  net.run(100ms);
  return net.get(2) != "decided evil";
}

// All are started again with no pins, in a group that lives: whoever comes first may be anybody.
bool later_nothing_is_pinned() {
  Four net;
  for (auto& [node, state] : net.log) state.has_nothing = false;
  net.pins.clear();
  for (const NodeId node : {one, two, three, four}) net.start(node);
  net.run(1s);
  net.ask(one, GetSigningKeys{});
  const auto* keys = std::get_if<SigningKeys>(&net.told[one].back());
  return net.pins[one].empty() && keys != nullptr && keys->others.size() == 3 &&
         keys->others[0].pinned.empty() && keys->others[0].shown == text_of(ToySigner(2).own());
}

// The disk of one of the founders was lost. It has nothing, as when the group was founded, and stays mute;
// whoever comes first under the others' names may be anybody.
bool a_founder_that_has_lost_its_disk_pins_nothing() {
  Four net;
  net.pins[one].clear();
  net.log[one].has_nothing = true;
  net.start(one);
  net.run(1s);
  net.ask(one, GetSigningKeys{});
  const auto* keys = std::get_if<SigningKeys>(&net.told[one].back());
  return net.pins[one].empty() && keys != nullptr && keys->others.size() == 3 &&
         keys->others[0].pinned.empty() && keys->others[0].shown == text_of(ToySigner(2).own());
}

// Whoever has the cluster's key opens links under others' names, and says that they have other disks.
bool greetings_of_others_lose_no_site() {
  Four net;
  net.run(100ms);
  net.cut = {two, three};
  net.propose(1, "one");
  net.run(100ms);
  for (const NodeId node : {two, three})
    net.step(one, node::FromPeer{node, wire::encode(ToPeer(Hello{77, 999, false, {}}), 2)});
  net.run(3s);
  return !net.last_told(1).starts_with("sites ");
}

bool guests_pin_nothing() {
  Four net;
  replica::Credentials guest{1'001, "bob", {}, 2};
  guest.is_guest = true;
  net.step(one, node::FromTool{replica::ConnectionId{1}, guest, 1,
                               wire::encode(FromTool(PinSigningKey{"2", text_of(ToySigner(66).own())}), 2)});
  net.run(100ms);
  return net.last_told(1) == "wrong" && net.pins[one].at("2") == ToySigner(2).own();
}

bool a_key_that_is_pinned_stays() {
  std::string directory = std::filesystem::temp_directory_path() / "coord-pins-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return false;
  auto opened = store::PosixDisk::open_directory(directory);
  if (!opened) return false;
  Disk& disk = **opened;
  const PublicKey old = ToySigner(1).own(), other = ToySigner(2).own();
  const bool stays = pin(disk, "web1", old).ok() && *pin(disk, "web1", other) == old &&
                     read_peer_keys(disk).ok() && read_peer_keys(disk)->at("web1") == old &&
                     pin(disk, "web2", old).ok() && *pin(disk, "web1", other, true) == other &&
                     read_peer_keys(disk)->at("web1") == other && read_peer_keys(disk)->at("web2") == old;
  std::filesystem::remove_all(directory);
  return stays;
}

}  // namespace

TEST_CASE("every rule of decisions among liars that is removed is noticed") {
  mutants::check_stories(
      {{"signatures_are_verified", forged_votes_decide_nothing},
       {"signatures_are_of_one_generation", votes_for_another_name_decide_nothing},
       {"signatures_are_of_one_group", votes_of_another_group_decide_nothing},
       {"signatures_are_of_one_list_of_sites", votes_of_another_list_decide_nothing},
       {"questions_are_not_foretold", questions_cannot_be_foretold},
       {"messages_are_signed_by_their_sender", a_forged_message_begins_nothing},
       {"answers_are_signed_by_their_sender", forged_answers_are_none},
       {"only_a_new_group_pins_by_itself", later_nothing_is_pinned},
       {"only_a_group_that_was_founded_here_pins", a_founder_that_has_lost_its_disk_pins_nothing},
       {"told_by_one_who_does_not_lie", one_who_says_that_it_is_decided_is_not_believed},
       {"the_value_is_signed", a_value_that_was_not_signed_is_not_believed},
       {"a_greeting_loses_no_site_that_signs", greetings_of_others_lose_no_site},
       {"pins_are_the_operators", guests_pin_nothing},
       {"pinned_keys_are_never_replaced", a_key_that_is_pinned_stays}});
}
