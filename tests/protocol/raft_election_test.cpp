// Raft paper, section 5.2 (leader election) and 5.4.1 (who may be elected); thesis 9.6 (pre-vote), 4.2.3
// and 6.2.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"

using namespace raft_test;

TEST_CASE("section 5.2: a peer that hears from no leader asks, is elected, and announces itself", "[raft]") {
  Cluster group;
  REQUIRE(group.run_until([&] { return group.has_leader(); }));
  group.run(25);
  CHECK(group.trace() == R"([ 172] a is pre-candidate in term 0
[ 182] a > b pre-vote request term 1 log 0@0
[ 182] a > c pre-vote request term 1 log 0@0
[ 192] b > a pre-vote term 1 granted
[ 192] a is candidate in term 1
[ 192] c > a pre-vote term 1 granted
[ 203] a > b vote request term 1 log 0@0
[ 203] b is follower in term 1
[ 203] a > c vote request term 1 log 0@0
[ 203] c is follower in term 1
[ 214] b > a vote term 1 granted
[ 214] a is leader in term 1
[ 214] c > a vote term 1 granted
[ 224] a > b heartbeat term 1 round 1 commit 0
[ 224] b is follower in term 1 of a
[ 224] a > c heartbeat term 1 round 1 commit 0
[ 224] c is follower in term 1 of a
[ 224] a > b append term 1 after 0@0 entries 1 commit 0
[ 224] a > c append term 1 after 0@0 entries 1 commit 0
[ 234] b > a heartbeat reply term 1 round 1
[ 234] c > a heartbeat reply term 1 round 1
[ 235] b > a appended term 1 match 1
[ 235] a applies up to 1
[ 235] c > a appended term 1 match 1
)");
}
