// SPDX-License-Identifier: MIT
// Each rule of the part that decides by classical algorithms is removed in turn; a story must end otherwise.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/rule.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

// Two of the three sites that were fixed are a majority, whoever else votes by now.
bool sites_stay() {
  Network net(6);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{3}, NodeId{4}, NodeId{5}, NodeId{6}};
  net.propose(1, "one");
  net.run(3s);
  return net.last_told(1) == "decided one";
}

// A site that has lost its disk with what it had accepted takes no part.
bool a_replaced_disk_takes_no_part() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(2s);
  net.replace_disk(1);
  net.propose(1, "two");
  net.run(2s);
  return net.last_told(1) == "no site";
}

// Nor does it count that such hosts take themselves for sites.
bool others_are_not_heard() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  for (const std::uint64_t node : {1, 2}) {
    net.replace_disk(node);
    net.known[NodeId{node}]->sites[node - 1].disk = 200 + node;
  }
  net.propose(3, "three");
  net.run(5s);
  return net.last_told(3).empty();
}

// A site whose disk does not answer has promised nothing.
bool nothing_is_told_before_it_is_stored() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.stalled = {NodeId{2}, NodeId{3}};
  net.propose(1, "one");
  net.run(3s);
  return net.last_told(1) == "sites";
}

}  // namespace

TEST_CASE("every rule of decisions by classical algorithms that is removed is noticed") {
  const std::map<std::string, bool (*)()> stories{
      {"acceptors_are_those_of_the_first_entry", sites_stay},
      {"site_is_the_one_that_was_fixed", a_replaced_disk_takes_no_part},
      {"only_fixed_sites_are_heard", others_are_not_heard},
      {"stored_before_it_is_told", nothing_is_told_before_it_is_stored}};
  for (const auto& [rule, story] : stories) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    const bool holds = story();
    mutants::removed.clear();
    CHECK_FALSE(holds);
  }
}
