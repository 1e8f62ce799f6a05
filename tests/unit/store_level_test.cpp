// SPDX-License-Identifier: MIT
// The levels of a group on its peers' disks (base/level.hpp): which release reads which.
#include <catch2/catch.hpp>

#include "store/segment.hpp"
#include "store/snapshot_file.hpp"
#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;

namespace {

raft::Persist entries_of(Level level, std::uint64_t first, std::uint64_t count) {
  raft::Persist persist = append(1, first, count);
  for (raft::Entry& entry : persist.entries) entry.level = level;
  return persist;
}

Result<Opened> open_as(sim::VirtualDisk& disk, Level newest) {
  Options options = small();
  options.level = newest;
  return Store::open(disk, identity(), options);
}

Level version_of(sim::VirtualDisk& disk, std::uint64_t sequence) {
  return *segment_version(disk.contents().at(segment_name(sequence)));
}

}  // namespace

TEST_CASE("the first entry of a level opens a segment of its version, and both are read back") {
  sim::VirtualDisk disk(Random(1));
  {
    auto opened = open_as(disk, 2);
    REQUIRE(opened.ok());
    REQUIRE(opened->store.persist(entries_of(1, 1, 3)).ok());
    CHECK(disk.contents().count(segment_name(2)) == 0);
    CHECK(version_of(disk, 1) == 1);
    REQUIRE(opened->store.persist(entries_of(2, 4, 2)).ok());
    CHECK(version_of(disk, 2) == 2);
    REQUIRE(opened->store.persist(entries_of(1, 6, 1)).ok());  // of a peer that lags: it stays as it is
    CHECK(disk.contents().count(segment_name(3)) == 0);
  }
  const auto again = open_as(disk, 2);
  REQUIRE(again.ok());
  REQUIRE(again->recovered.entries.size() == 6);
  const std::vector<Level> wanted{1, 1, 1, 2, 2, 1};
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(again->recovered.entries[i].level == wanted[i]);
}

TEST_CASE(
    "a disk of a level that a release does not know is refused with its number, and not a byte is changed") {
  sim::VirtualDisk disk(Random(1));
  {
    auto opened = open_as(disk, 2);
    REQUIRE(opened->store.persist(entries_of(2, 1, 3)).ok());
  }
  const auto before = disk.contents();
  const auto refused = open_as(disk, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().text().find("it is of level 2 of the group, and this program knows level 1") !=
        std::string::npos);
  CHECK(refused.error().text().find("--rejoin") == std::string::npos);  // nothing is lost
  CHECK(disk.contents() == before);
}

TEST_CASE("a snapshot's file says its level and voters, and an installed one opens a segment of it") {
  const raft::Voters voters{{NodeId{1}, NodeId{4}}, {NodeId{2}}};
  sim::VirtualDisk disk(Random(1));
  {
    auto opened = open_as(disk, 2);
    raft::Persist persist;
    persist.snapshot = raft::Snapshot{LogIndex{9}, Term{1}, {1, 2, 3}, 2, voters};
    REQUIRE(opened->store.persist(persist).ok());
    CHECK(version_of(disk, 2) == 2);
  }
  const auto again = open_as(disk, 2);
  REQUIRE(again.ok());
  REQUIRE(again->recovered.snapshot.has_value());
  CHECK(again->recovered.snapshot->level == 2);
  CHECK(again->recovered.snapshot->voters == voters);
  CHECK(again->recovered.snapshot->data == SharedBytes(Bytes{1, 2, 3}));
  CHECK_FALSE(open_as(disk, 1).ok());
}

TEST_CASE(
    "what a peer's own snapshot of a later level covers is refused by a release that does not know it") {
  sim::VirtualDisk disk(Random(1));
  {
    auto opened = open_as(disk, 2);
    REQUIRE(opened->store.persist(entries_of(1, 1, 3)).ok());
    REQUIRE(opened->store.save_snapshot({LogIndex{3}, Term{1}, {1, 2, 3}, 2}).ok());
  }
  CHECK(open_as(disk, 2)->recovered.snapshot->level == 2);
  CHECK_FALSE(open_as(disk, 1).ok());
}

TEST_CASE("at level 1 a log has the bytes that release 0.1.0 writes") {
  const raft::Persist persist = entries_of(1, 1, 1);
  const Bytes body = encode_persist(persist, std::nullopt);
  CHECK(body.size() == 1 + 8 + 4 + 8 + 1 + 4 + persist.entries[0].data.size());
  SegmentHeader header;
  header.size = 8192;
  CHECK(encode_segment_header(header)[8] == 1);
}
