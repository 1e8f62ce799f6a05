// SPDX-License-Identifier: MIT
// Snapshots (Raft paper, section 7 and figure 13), in pieces.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

namespace {

// Ten commands, a snapshot of them at the leader, and a peer that has missed them all.
struct Behind {
  explicit Behind(Options options) : group(std::move(options)) {
    leader = group.settle();
    other = leader == 'a' ? 'b' : 'a';
    group.crash(other);
    for (int i = 0; i < 10; ++i) group.propose(leader, "x" + std::to_string(i));
    group.run(100);
    group.take_snapshot(leader);
    group.propose(leader, "after");
    group.run(100);
    group.forget_trace();
    group.trace_heartbeats(false);
  }

  Cluster group;
  char leader = 0;
  char other = 0;
};

Options in_pieces(std::size_t piece) {
  Options options;
  options.tune = [piece](Config& config) {
    config.snapshot_piece = piece;
    config.entries_behind = 0;
  };
  return options;
}

SnapshotRequest piece(std::uint64_t term, std::uint64_t index, std::uint64_t size, std::uint64_t offset,
                      Bytes data) {
  return {Term{term}, LogIndex{index}, Term{1}, size, offset, std::move(data)};
}

}  // namespace

TEST_CASE("section 7: who is too far behind is sent the snapshot in pieces, then the entries after it",
          "[raft]") {
  Behind behind(in_pieces(20));
  behind.group.start(behind.other);
  behind.group.run(300);
  CHECK(behind.group.trace() == R"([ 574] b applies up to 1
[ 574] b is follower in term 1 of a
[ 594] a > b append term 1 after 12@1 commit 12
[ 604] b > a append refused term 1 after 12 hint 1@1
[ 614] a > b snapshot term 1 of 11@1 bytes 0+20/52
[ 624] b > a snapshot reply term 1 of 11 has 20
[ 634] a > b snapshot term 1 of 11@1 bytes 20+20/52
[ 644] b > a snapshot reply term 1 of 11 has 40
[ 654] a > b snapshot term 1 of 11@1 bytes 40+12/52
[ 655] b starts again from the snapshot of 11
[ 665] b > a snapshot reply term 1 of 11 installed
[ 675] a > b append term 1 after 11@1 entries 12 commit 12
[ 675] b applies up to 12
[ 686] b > a appended term 1 match 12
)");
}

TEST_CASE("section 7: pieces are lost and doubled, the snapshot arrives whole", "[raft]") {
  Options options = in_pieces(7);
  options.latency = {1, 20};
  Behind behind(options);
  behind.group.drop() = 0.3;
  behind.group.duplicate() = 0.3;
  behind.group.start(behind.other);
  CHECK(behind.group.run_until([&] { return behind.group.has_applied(behind.other, "after"); }, 60000));
  for (int i = 0; i < 10; ++i) CHECK(behind.group.has_applied(behind.other, "x" + std::to_string(i)));
  CHECK(behind.group.violation == "");
}

TEST_CASE("section 7: a crash before the snapshot is durable leaves the old state, after it the new one",
          "[raft]") {
  for (const std::size_t writes : {0, 1}) {
    Options options = in_pieces(100000);
    options.disk = {40, 40};
    Behind behind(options);
    behind.group.start(behind.other);
    REQUIRE(behind.group.run_until([&] {
      const auto& in_flight = behind.group.peer(behind.other).writes;
      return !in_flight.empty() && in_flight.front().second.snapshot.has_value();
    }));
    CHECK(behind.group.peer(behind.other).applied.empty());  // nothing is shown before it is durable
    behind.group.crash_after_writing(behind.other, writes);
    CHECK(behind.group.peer(behind.other).disk.snapshot.has_value() == (writes == 1));
    behind.group.start(behind.other);
    CHECK(behind.group.run_until([&] { return behind.group.has_applied(behind.other, "after"); }));
    CHECK(behind.group.violation == "");
  }
}

TEST_CASE("figure 13: a snapshot does not take back what is committed", "[raft]") {
  Solo a({1, 1, 1});
  a.receive('b', Heartbeat{Term{1}, LogIndex{3}, 1});
  REQUIRE(a.raft().commit_index() == LogIndex{3});
  a.receive('b', piece(1, 2, 4, 0, {1, 2, 3, 4}));
  CHECK(a.sent() == Lines{"b snapshot reply term 1 of 2 installed"});
  CHECK(a.all<Persist>().empty());
  CHECK(a.raft().last_index() == LogIndex{3});
  CHECK(a.raft().commit_index() == LogIndex{3});
}

TEST_CASE("figure 13: a log that has the snapshot's last entry is kept, and learns that it is committed",
          "[raft]") {
  Solo a({1, 1, 1});
  a.receive('b', piece(2, 2, 4, 0, {1, 2, 3, 4}));
  CHECK(a.raft().last_index() == LogIndex{3});
  CHECK(a.raft().commit_index() == LogIndex{2});
  CHECK(a.all<Install>().empty());
  a.durable();  // the term
  CHECK(a.sent() == Lines{"b snapshot reply term 2 of 2 installed"});
}

TEST_CASE("figure 13: otherwise the whole log goes, in one Persist, and Install comes when it is durable",
          "[raft]") {
  Solo a({1, 1, 1});
  a.receive('b', piece(2, 9, 4, 0, {1, 2}));
  a.durable();
  CHECK(a.sent() == Lines{"b snapshot reply term 2 of 9 has 2"});
  a.receive('b', piece(2, 9, 4, 3, {9}));  // one is missing
  CHECK(a.sent() == Lines{"b snapshot reply term 2 of 9 has 2"});
  a.receive('b', piece(2, 9, 4, 0, {1, 2}));  // again
  CHECK(a.sent() == Lines{"b snapshot reply term 2 of 9 has 2"});
  a.receive('b', piece(2, 9, 4, 2, {3, 4}));
  REQUIRE(a.all<Persist>().size() == 1);
  CHECK(a.all<Persist>()[0].snapshot->data == Bytes{1, 2, 3, 4});
  CHECK(a.sent() == Lines{});
  CHECK(a.all<Install>().empty());
  // Entries after it come while it is being written: they wait for it.
  const std::uint64_t write = a.last_write;
  a.receive('b', AppendRequest{Term{2}, LogIndex{9}, Term{1}, LogIndex{10}, {entry(2, 10, "x")}});
  CHECK(a.all<Apply>().empty());
  a.step(Persisted{write});
  CHECK(a.sent() == Lines{"b snapshot reply term 2 of 9 installed"});
  REQUIRE(a.all<Install>().size() == 1);
  REQUIRE(a.all<Apply>().size() == 1);
  CHECK(a.all<Apply>()[0].entries.front().index == LogIndex{10});
  a.durable();
  CHECK(a.sent() == Lines{"b appended term 2 match 10"});
}

TEST_CASE("a snapshot above the limit, or a piece that does not fit, is refused and held by nobody",
          "[raft]") {
  Solo a;
  a.config.snapshot_limit = 100;
  for (const SnapshotRequest& bad : {piece(2, 9, 101, 0, {1}), piece(2, 9, 4, 5, {}),
                                     piece(2, 9, 4, 3, {1, 2}), piece(2, 9, 4, UINT64_MAX, {1})}) {
    a.receive('b', bad);
    CHECK(a.all<Refused>().size() == 1);
    CHECK(a.raft().last_index() == LogIndex{0});
  }
}

TEST_CASE("the log behind a stored snapshot is dropped but for a few entries", "[raft]") {
  Solo a({1, 1, 1, 1, 1});
  a.config.entries_behind = 2;
  a.receive('b', Heartbeat{Term{1}, LogIndex{5}, 1});
  a.step(SnapshotStored{{LogIndex{4}, Term{1}, {7}}});
  CHECK(a.raft().log().base() == LogIndex{2});
  CHECK(a.raft().snapshot()->index == LogIndex{4});
  a.step(SnapshotStored{{LogIndex{3}, Term{1}, {6}}});  // overtaken
  CHECK(a.raft().snapshot()->index == LogIndex{4});
}
