// SPDX-License-Identifier: MIT
// Snapshots of a group whose voters change: whose each one is.
#include "sweep/watched.hpp"

using namespace coord;
using namespace coord::sweep;

TEST_CASE("a voter that was replaced is not in a snapshot, and the one in its place is, and takes one") {
  CHECK(wrong_after_replacing() == "");
}

TEST_CASE("a host without a vote takes no snapshot, and says which hosts do, and takes one with a vote") {
  Watched group(3, 12, 1);
  group.reach_level_two();
  group.ask(NodeId{4});
  group.scene.run(10ms);
  CHECK(group.tools.refused == 1);
  CHECK(group.tools.why_refused == "this host does not vote: ask on one of 1, 2, 3");
  group.ask(NodeId{1});
  REQUIRE(group.scene.until(2s, [&] { return group.tools.taken.size() == 1; }));
  CHECK(group.tools.taken.back().complete());
  CHECK(recorded(group.tools.taken.back()) == std::vector<std::string>{"1", "2", "3"});
  const std::vector<NodeId> four{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}};
  REQUIRE(group.order({replica::VoterVerb::promote, NodeId{4}, {}, "test"},
                      [&] { return group.all_vote(four); }));
  for (const NodeId taker : {NodeId{4}, NodeId{2}}) {
    const std::size_t before = group.tools.taken.size();
    group.ask(taker);
    REQUIRE(group.scene.until(2s, [&] { return group.tools.taken.size() == before + 1; }));
    INFO(*record::to_text(group.tools.taken.back()));
    CHECK(group.tools.taken.back().complete());
    CHECK(recorded(group.tools.taken.back()) == std::vector<std::string>{"1", "2", "3", "4"});
    CHECK(findings_of(group.tools.taken.back(), false).empty());
  }
  CHECK(group.scene.violation() == "");
}

TEST_CASE("while the voters change each snapshot is of one set of them, and consistent") {
  Watched group(3, 13, 1);
  group.reach_level_two();
  const std::vector<NodeId> three{NodeId{1}, NodeId{2}, NodeId{3}};
  std::vector<NodeId> four = three;
  four.push_back(NodeId{4});
  int turn = 0;
  const auto takes_meanwhile = [&] {
    if (++turn % 10 != 0) return;
    group.submit(NodeId{1 + static_cast<std::uint64_t>(turn) % 3});
    group.ask(NodeId{1 + static_cast<std::uint64_t>(turn / 10) % 3});
  };
  for (int i = 0; i < 4; ++i) {
    REQUIRE(group.order({replica::VoterVerb::promote, NodeId{4}, {}, "test"}, [&] {
      takes_meanwhile();
      return group.all_vote(four);
    }));
    for (int k = 0; k < 100; ++k) takes_meanwhile(), group.scene.run(1ms);
    REQUIRE(group.order({replica::VoterVerb::remove, NodeId{4}, {}, "test"}, [&] {
      takes_meanwhile();
      return group.all_vote(three);
    }));
    for (int k = 0; k < 100; ++k) takes_meanwhile(), group.scene.run(1ms);
    group.begin_anew(NodeId{4}, false);
  }
  group.scene.run(3s);
  std::size_t of_three = 0, of_four = 0;
  for (const auto& snapshot : group.tools.taken) {
    INFO(*record::to_text(snapshot));
    CHECK(findings_of(snapshot, true).empty());
    CHECK((snapshot.members.size() == 3 || snapshot.members.size() == 4));
    if (!snapshot.complete()) continue;
    CHECK(snapshot.peers.size() == snapshot.members.size());
    ++(snapshot.members.size() == 3 ? of_three : of_four);
  }
  CHECK(of_three > 10);
  CHECK(of_four > 10);
  CHECK(group.scene.violation() == "");
}
