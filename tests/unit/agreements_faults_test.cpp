// SPDX-License-Identifier: MIT
// Faults at moments that are short: between a write and what it lets out, between an answer and who hears it,
// after a clock or a queue has run for long.
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
using service::CommitBy;
using What = AskDeal::What;

namespace {

std::optional<Bytes> stored(Network& net, NodeId node, const std::string& record) {
  const auto& kept = net.shelves[node].kept;
  const auto found = kept.find(generation);
  if (found == kept.end() || !found->second.records.contains(record)) return std::nullopt;
  return found->second.records.at(record);
}

// All have voted yes. The coordinator's disk takes so long to write that all are told so that the next in
// line gives it up for dead: it has decided, and says so in the moment in which that write ends.
bool one_whose_disk_was_slow_hears_what_was_decided() {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 10ms);
  for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, What::yes);
  std::set<Bytes> of_coordinator;
  net.run(5s, [&] {
    if (const auto state = stored(net, one, "1/state")) of_coordinator.insert(*state);
    return !of_coordinator.empty();
  });
  net.run(5s, [&] {  // it is about to write that all said yes
    if (of_coordinator.size() == 1 && net.work[one].size() == 1 && stored(net, two, "3/state") &&
        stored(net, three, "4/state"))
      net.stalled = {one};
    return net.stalled.contains(one);
  });
  std::set<Bytes> of_second{*stored(net, two, "3/state")};
  net.run(5s, [&] {
    of_second.insert(*stored(net, two, "3/state"));
    return of_second.size() == 2;
  });
  net.stalled.clear();
  net.run(5s);
  return net.deals_told() == "aborted, aborted, aborted";
}

// Who gives leases cannot read how long the longest one is; somebody leads by a long one, and is cut off.
bool a_lease_that_nobody_remembers_is_waited_for() {
  Network net(3);
  net.run(2min);
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 60s});
  net.run(1s);
  if (!std::get<Standing>(net.told[two].back()).leads) return false;
  net.cut = {two};
  net.shelves[one] = Shelf{};
  net.start(one);
  net.run(3s);
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(20s);
  return !std::get<Standing>(net.told[three].back()).leads;
}

// The giver of leases has lost its disk, and with it what it has given; somebody leads by a long one, and
// is cut off.
bool a_lease_of_a_lost_disk_is_waited_for() {
  Network net(3);
  net.found();
  net.run(2min);
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 60s});
  net.run(1s);
  if (!std::get<Standing>(net.told[two].back()).leads) return false;
  net.cut = {two};
  net.replace_disk(1);
  net.run(3s);
  net.start(one);  // the next life knows no more
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(20s);
  return !std::get<Standing>(net.told[three].back()).leads;
}

// One and four are one man, whose key the second believes for both.
bool who_has_two_names_votes_once() {
  Network net(4, [](NodeId node) {
    Keys keys = toy_keys(node);
    if (node == two) keys.pinned["4"] = ToySigner(1).own();
    return keys;
  });
  net.run(1s);
  net.open(service::Agreement::pbft, 4);
  Liar first(net, one), fourth(net, four);
  net.run(100ms);
  const auto what = pre_prepare(first.notary(1), request(first.notary(1), one, "evil"));
  first.say(two, what, 1);
  fourth.say(two, prepare(fourth.notary(1), what.digest), 1);
  first.say(two, commit(first.notary(1), what.digest), 1);
  fourth.say(two, commit(fourth.notary(1), what.digest), 1);
  net.run(100ms);
  net.propose(2, "good");
  net.run(1s);
  return net.last_told(2) != "decided evil";
}

}  // namespace

TEST_CASE("every rule of agreements under faults that is removed is noticed") {
  mutants::check_stories(
      {{"patience_begins_when_it_was_said", one_whose_disk_was_slow_hears_what_was_decided},
       {"unknown_leases_may_be_the_longest", a_lease_that_nobody_remembers_is_waited_for},
       {"a_wiped_giver_may_have_given", a_lease_of_a_lost_disk_is_waited_for},
       {"one_key_is_one_voice", who_has_two_names_votes_once}});
}

TEST_CASE("what is known of leases is read where the rest of the shelf cannot be") {
  std::string directory = std::filesystem::temp_directory_path() / "coord-shelf-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  auto opened = store::PosixDisk::open_directory(directory);
  REQUIRE(opened.ok());
  Disk& disk = **opened;
  const auto longest = [&] {
    const Shelf shelf = no_shelf(disk);
    const auto kept = shelf.kept.find(longest_lease_place);
    return kept == shelf.kept.end() ? std::optional<Duration>() : longest_lease_in(kept->second);
  };
  CHECK_FALSE(longest().has_value());  // it may have been lost
  REQUIRE(read_shelf(disk, 1).ok());
  CHECK(longest_lease_in(read_shelf(disk, 1)->kept.at(longest_lease_place)) == longest_of_leases);
  REQUIRE(save(disk, kept_longest_lease(40s)).ok());
  REQUIRE(save(disk, {Token{7}, {{"state", Bytes{1}}}}).ok());
  CHECK(longest() == 40s);
  const auto damage = [&](const std::string& name) {
    auto file = disk.create(name);
    REQUIRE(file.ok());
    REQUIRE((*file)->write(0, Bytes{1, 2, 3, 4, 5}).ok());
  };
  REQUIRE(disk.remove("agreement-7").ok());
  damage("agreement-7");
  CHECK_FALSE(read_shelf(disk, 1).ok());
  CHECK(longest() == 40s);
  REQUIRE(disk.remove("agreement-7").ok());
  REQUIRE(read_shelf(disk, 1).ok());  // another disk, of which that is known
  CHECK(longest() == 40s);
  REQUIRE(disk.remove("agreement-0").ok());
  damage("agreement-0");
  CHECK_FALSE(longest().has_value());
  std::filesystem::remove_all(directory);
}

TEST_CASE("lease-race: in a group that is new nobody waits for leases of earlier disks") {
  Network net(3);
  for (const NodeId node : {one, two, three}) {
    net.shelves[node] = new_shelf(net.shelves[node].disk);
    net.start(node);
  }
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(3s);
  CHECK_FALSE(std::get<Standing>(net.told[two].back()).leads);
  net.found();
  net.run(3s);
  CHECK(std::get<Standing>(net.told[two].back()).leads);
  net.cut = {two};
  net.start(one);  // it knows what was given
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(10s);
  CHECK(std::get<Standing>(net.told[three].back()).leads);
}

TEST_CASE("three phases: a coordinator that is killed before anybody was asked makes nobody wait") {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 100ms);
  for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, What::yes);
  net.run(5s, [&] { return stored(net, one, "1/state").has_value(); });
  net.on_way.clear();
  net.start(one);
  net.run(10s);
  CHECK(net.last_told(2) == "aborted");
  CHECK(net.last_told(3) == "aborted");
  net.deal(1, What::yes);  // its tool has tied its line again
  net.run(10s);
  CHECK(net.last_told(1) == "aborted");
}

TEST_CASE("three phases: who can vote after a coordinator came back that had asked nobody is told as well") {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 100ms);
  net.deal(1, What::yes);
  net.deal(2, What::no);
  net.run(5s, [&] { return stored(net, one, "1/state").has_value(); });
  net.on_way.clear();
  net.start(one);
  net.run(5s);
  net.deal(3, What::yes);
  net.run(20s);
  CHECK(net.last_told(2) == "aborted");
  CHECK(net.last_told(3) == "aborted");
}

TEST_CASE("who asks for a transaction that was forgotten while its peer was away is told so") {
  Network net(3);
  net.open_deal(CommitBy::two_phase);
  net.deal(1, What::yes);
  net.deal(2, What::yes);
  net.run(1s);
  net.parts[two].reset();
  net.parts.erase(two);
  net.forget_at({one, three});
  net.log[two] = net.log[one];
  net.start(two);
  net.deal(2, What::yes);
  CHECK(net.last_told(2) == "forgotten");
  net.open_deal(CommitBy::two_phase);
  for (auto& [node, state] : net.log) state.is_gathering = true;
  net.deal(2, What::yes);
  CHECK(net.last_told(2) == "behind");
}

TEST_CASE("whose turn passed on while it was stopped does not wait, if it was not to wait") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.stopped = {10};
  net.enter(1, 10, true);
  net.run(100ms);
  REQUIRE(net.last_told(1) == "entered");
  net.enter(2, 20);
  net.run(3s);
  REQUIRE(net.last_told(2) == "entered");
  net.ask_as(1, 10, Begin{SessionId{10}, 1});
  net.run(3s);
  CHECK(net.last_told(1) == "passed on");
  net.enter(1, 10, true);  // as it had asked
  net.run(3s);
  CHECK(net.last_told(1) == "busy");
}

TEST_CASE("lease-race: a host that has been up for decades leads as well") {
  Network net(3);
  net.now = Instant{std::chrono::hours(24 * 365 * 30)};
  net.run(2s);
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(1s);
  CHECK(std::get<Standing>(net.told[two].back()).leads);
  CHECK(net.reports[one].empty());
}

TEST_CASE("pbft: what a liar asks for while the disk stalls is not kept without a bound") {
  Four net;
  net.cut = {two};
  net.propose(1, "v");
  net.run(1s);
  REQUIRE(net.last_told(1) == "decided v");
  net.cut.clear();
  net.stalled = {two};
  net.propose(2, "late");  // others prove what was decided
  net.run(1s);
  REQUIRE_FALSE(net.work[two].empty());
  Liar third(net, three);
  net.run(100ms);
  for (int i = 0; i < 2'000; ++i) {
    third.say(two, request(third.notary(3), three, "again", 1), 3);
    net.run(0ms, [&] { return net.on_way.empty(); });
  }
  net.run(1s);
  net.stalled.clear();
  net.run(1s);
  CHECK(third.heard.size() > 0);
  CHECK(third.heard.size() < 200);
}
