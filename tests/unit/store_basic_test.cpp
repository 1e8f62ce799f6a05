// SPDX-License-Identifier: MIT
// What goes in comes out: votes, entries, snapshots, tokens, over restarts and from segment to segment.
#include <catch2/catch.hpp>

#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;
using sim::VirtualDisk;

TEST_CASE("an empty directory gives a peer its incarnation, for life") {
  VirtualDisk disk(Random(1));
  {
    const Opened first = open_ok(disk);
    CHECK(first.was_empty);
    CHECK(first.incarnation == identity().incarnation);
    CHECK(state_of(first) == State{});
  }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  Result<Opened> second = Store::open(disk, identity(1, 99), small());
  REQUIRE(second.ok());
  CHECK_FALSE(second->was_empty);
  CHECK(second->incarnation == identity().incarnation);
}

TEST_CASE("votes, entries and tokens survive a power cut, whatever was synced") {
  VirtualDisk disk(Random(2));
  raft::Persist both = append(3, 1, 2);
  both.hard_state = vote(3, 2);
  both.hard_state->founders[NodeId{1}].fill(1);
  both.hard_state->founders[NodeId{2}].fill(2);
  both.hard_state->recovering_until = Term{3};
  both.entries[0].kind = raft::EntryKind::noop;
  both.entries[0].data.clear();
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(both).ok());
    REQUIRE(opened.store.reserve_tokens(Token{500}).ok());
    REQUIRE(opened.store.reserve_tokens(Token{400}).ok());
    REQUIRE(opened.store.persist(append(3, 3, 1)).ok());
    CHECK(opened.store.last_index() == LogIndex{3});
  }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  const Opened opened = open_ok(disk);
  CHECK(opened.recovered.hard_state == both.hard_state);
  CHECK(opened.recovered.entries == std::vector<raft::Entry>{both.entries[0], both.entries[1], entry(3, 3)});
  CHECK(opened.store.tokens_reserved() == Token{500});
  CHECK(opened.notes.empty());
}

TEST_CASE("several Persists cost one sync, and each is there") {
  VirtualDisk disk(Random(3));
  {
    Opened opened = open_ok(disk);
    const std::uint64_t before = disk.calls();
    const std::vector<raft::Persist> batch{voted(1, 1), append(1, 1, 1), append(1, 2, 3), append(1, 5, 1)};
    REQUIRE(opened.store.persist(batch).ok());
    CHECK(disk.calls() - before == 2);  // a write and a sync
    CHECK(disk.unsynced_sectors() == 0);
  }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  CHECK(indices(open_ok(disk).recovered.entries) == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("a peer alone does not sync entries: kill -9 leaves them, a power cut need not, tokens stay") {
  VirtualDisk disk(Random(4));
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(voted(1, 1)).ok());
    REQUIRE(opened.store.reserve_tokens(Token{1000}).ok());
    raft::Persist alone = append(1, 1, 1);
    alone.sync = false;
    REQUIRE(opened.store.persist(alone).ok());
    CHECK(disk.unsynced_sectors() > 0);
  }
  SECTION("kill -9") {
    disk.crash(sim::CrashKind::process);
    CHECK(indices(open_ok(disk).recovered.entries) == std::vector<std::uint64_t>{1});
  }
  SECTION("power cut") {
    disk.power_cut([](std::size_t) { return std::size_t{0}; });
    const Opened opened = open_ok(disk);
    CHECK(opened.recovered.entries.empty());
    CHECK(opened.recovered.hard_state == vote(1, 1));
    CHECK(opened.store.tokens_reserved() == Token{1000});
  }
}

TEST_CASE("a conflicting suffix is replaced (Raft figure 7)") {
  VirtualDisk disk(Random(5));
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(append(1, 1, 9)).ok());
    REQUIRE(opened.store.persist(append(4, 5, 2)).ok());
    CHECK(opened.store.last_index() == LogIndex{6});
    REQUIRE(opened.store.persist(append(5, 7, 1)).ok());
  }
  const Opened opened = open_ok(disk);
  CHECK(indices(opened.recovered.entries) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7});
  CHECK(opened.recovered.entries[3].term == Term{1});
  CHECK(opened.recovered.entries[4].term == Term{4});
  CHECK(opened.recovered.entries[6].term == Term{5});
}

TEST_CASE("the log goes from segment to segment, each begins with the hard state") {
  VirtualDisk disk(Random(6));
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(voted(2, 3)).ok());
    for (std::uint64_t index = 1; index <= 60; ++index) {
      REQUIRE(opened.store.persist(append(2, index, 1, 1000)).ok());
      if (index % 3 == 0) REQUIRE(opened.store.prepare().ok());
    }
  }
  CHECK(disk.contents().size() > 4);
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  {
    Opened opened = open_ok(disk);
    CHECK(opened.recovered.entries.size() == 60);
    CHECK(opened.recovered.entries[41] == entry(2, 42, 1000));
    CHECK(opened.recovered.hard_state == vote(2, 3));
    REQUIRE(opened.store.persist(append(2, 61, 1, 40000)).ok());  // larger than a segment: gets a larger one
    REQUIRE(opened.store.persist(append(2, 62, 1)).ok());
  }
  const Opened opened = open_ok(disk);
  CHECK(opened.recovered.entries.size() == 62);
  CHECK(opened.recovered.entries[60] == entry(2, 61, 40000));
}

TEST_CASE("a snapshot of the peer's own lets old segments go, and entries beyond it stay") {
  VirtualDisk disk(Random(7));
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(voted(2, 3)).ok());
    REQUIRE(opened.store.reserve_tokens(Token{77}).ok());
    for (std::uint64_t index = 1; index <= 60; ++index)
      REQUIRE(opened.store.persist(append(2, index, 1, 1000)).ok());
    const std::uint64_t before = opened.store.log_bytes();
    REQUIRE(opened.store.save_snapshot(snapshot(2, 30)).ok());
    CHECK(opened.store.save_snapshot(snapshot(2, 30)).value() == Saved::not_newer);
    REQUIRE(opened.store.save_snapshot(snapshot(2, 50)).ok());
    CHECK(opened.store.log_bytes() < before / 2);
    CHECK(opened.store.snapshot_index() == LogIndex{50});
  }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  const Opened opened = open_ok(disk);
  CHECK(opened.recovered.snapshot == snapshot(2, 50));
  CHECK(indices(opened.recovered.entries) ==
        std::vector<std::uint64_t>{51, 52, 53, 54, 55, 56, 57, 58, 59, 60});
  CHECK(opened.recovered.hard_state == vote(2, 3));
  CHECK(opened.store.tokens_reserved() == Token{77});
}

TEST_CASE("a leader's snapshot replaces the log, atomically with what comes with it") {
  VirtualDisk disk(Random(8));
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(append(1, 1, 40, 500)).ok());
    raft::Persist install = append(6, 101, 2);
    install.snapshot = snapshot(5, 100);
    install.hard_state = vote(6, 0);
    REQUIRE(opened.store.persist(install).ok());
    REQUIRE(opened.store.persist(append(6, 103, 1)).ok());
  }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  const Opened opened = open_ok(disk);
  CHECK(opened.recovered.snapshot == snapshot(5, 100));
  CHECK(indices(opened.recovered.entries) == std::vector<std::uint64_t>{101, 102, 103});
  CHECK(opened.recovered.hard_state == vote(6, 0));
}

TEST_CASE("what does not fit the log is an error and stops the store before anything is written") {
  VirtualDisk disk(Random(9));
  Opened opened = open_ok(disk);
  REQUIRE(opened.store.persist(append(1, 1, 3)).ok());
  raft::Persist wrong;
  std::optional<raft::Snapshot> beyond;
  SECTION("a gap") {
    wrong = append(1, 5, 1);
  }
  SECTION("index 0") {
    wrong = append(1, 0, 1);
  }
  SECTION("the last index there is") {
    wrong = append(1, UINT64_MAX, 1);
  }
  SECTION("entries that are not contiguous") {
    wrong = append(1, 4, 2);
    wrong.entries[1].index = LogIndex{7};
  }
  SECTION("a snapshot of nothing") {
    wrong.snapshot = snapshot(1, 0);
  }
  SECTION("a snapshot of what is not in the log") {
    beyond = snapshot(1, 4);
  }
  const auto before = disk.contents();
  CHECK_FALSE((beyond ? opened.store.save_snapshot(*beyond).ok() : opened.store.persist(wrong).ok()));
  CHECK_FALSE(opened.store.persist(append(1, 4, 1)).ok());
  CHECK(disk.contents() == before);
}
