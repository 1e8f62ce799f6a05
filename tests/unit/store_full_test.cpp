// SPDX-License-Identifier: MIT
// Field fault 18: the disk fills up, and somebody makes room again.
#include <catch2/catch.hpp>

#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;
using sim::VirtualDisk;

TEST_CASE("fault 18: nearly full long before it is full, what still has to pass, passes, then it goes on") {
  VirtualDisk disk(Random(1));
  Opened opened = open_ok(disk);
  std::uint64_t index = 1;
  REQUIRE(opened.store.prepare().ok());
  CHECK_FALSE(opened.store.nearly_full());
  disk.set_capacity(disk.used_bytes() + small().keep_free_bytes - 1);
  CHECK(opened.store.nearly_full());

  // At least the segment that was made ahead and one more, for releases, expiries, elections.
  const std::uint64_t reserve = 2 * (small().segment_bytes - segment_header_size);
  std::uint64_t passed = 0;
  for (; passed < reserve; passed += 300) {  // what an entry of 200 bytes takes
    REQUIRE(opened.store.persist(append(1, index++, 1, 200)).ok());
    REQUIRE(opened.store.prepare().ok());
    CHECK(opened.store.nearly_full());
  }

  disk.set_capacity(std::uint64_t{1} << 30U);
  CHECK_FALSE(opened.store.nearly_full());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(opened.store.persist(append(1, index++, 1, 200)).ok());
    REQUIRE(opened.store.prepare().ok());
  }
  CHECK(opened.store.last_index().value == index - 1);
}

TEST_CASE("fault 18: a disk that is really full is waited for. A crash loses nothing. With room it goes on") {
  VirtualDisk disk(Random(2));
  std::uint64_t acknowledged = 0;
  {
    Opened opened = open_ok(disk);
    disk.set_capacity(disk.used_bytes() + 10000);
    Status status = done();
    while ((status = opened.store.persist(append(1, acknowledged + 1, 1, 500))).ok()) ++acknowledged;
    CHECK(status.error().text().find("no space left") != std::string::npos);
    CHECK(status.error().text().find("free some space") != std::string::npos);
    CHECK_FALSE(opened.store.failure());
    CHECK_FALSE(opened.store.persist(append(1, acknowledged + 1, 1, 500)).ok());  // as often as one likes
    disk.set_capacity(disk.used_bytes() + 100'000);
    CHECK(opened.store.persist(append(1, ++acknowledged, 1, 500)).ok());
    disk.set_capacity(disk.used_bytes());
    while (opened.store.persist(append(1, acknowledged + 1, 1, 500)).ok()) ++acknowledged;
    CHECK_FALSE(opened.store.failure());
  }
  REQUIRE(acknowledged > 5);
  disk.crash(sim::CrashKind::process);
  CHECK(open_ok(*disk.clone()).store.last_index().value >= acknowledged);  // starts although it is still full
  disk.set_capacity(std::uint64_t{1} << 30U);
  disk.crash(sim::CrashKind::power);
  Opened opened = open_ok(disk);
  CHECK(opened.store.last_index().value == acknowledged);
  CHECK(opened.store.persist(append(1, opened.store.last_index().value + 1, 1)).ok());
}

TEST_CASE("room is wanting at any call of a batch: the same batch goes through when there is some") {
  for (std::uint64_t call = 0; call < 30; ++call) {
    VirtualDisk disk(Random{call});
    Opened opened = open_ok(disk);
    std::uint64_t index = 1;
    std::uint64_t waits = 0;
    const auto persist = [&](const std::vector<raft::Persist>& batch) {
      while (!opened.store.persist(batch).ok()) {
        REQUIRE_FALSE(opened.store.failure());
        REQUIRE(++waits < 10);
      }
    };
    for (int i = 0; i < 12; ++i) {
      disk.arm(call, sim::DiskFault::no_space);
      std::vector<raft::Persist> batch;
      for (int k = 0; k < 4; ++k) batch.push_back(append(1, index++, 1, 900));
      persist(batch);
      disk.arm(call, sim::DiskFault::no_space);
      while (i % 3 == 0 && !opened.store.save_snapshot(snapshot(1, index - 1, 2000)).ok()) {
        REQUIRE_FALSE(opened.store.failure());
        REQUIRE(++waits < 10);
      }
      disk.disarm();
      waits = 0;
    }
    INFO("call " << call);
    disk.crash(sim::CrashKind::power);
    const Opened again = open_ok(disk);
    CHECK(again.store.last_index().value == index - 1);
  }
}

TEST_CASE("room is wanting at any call of a reservation of tokens: the log that goes on can be read back") {
  for (std::uint64_t call = 0; call < 8; ++call) {
    INFO("call " << call);
    VirtualDisk disk(Random{call});
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(append(1, 1, 1)).ok());
    disk.arm(call, sim::DiskFault::no_space);
    const bool reserved = opened.store.reserve_tokens(Token{500}).ok();
    disk.disarm();
    CHECK(opened.store.tokens_reserved() == Token{reserved ? 500U : 0U});
    // Nobody asks for tokens again, and the log goes on beyond its segment.
    for (std::uint64_t index = 2; index < 40; ++index)
      REQUIRE(opened.store.persist(append(1, index, 1, 900)).ok());
    disk.crash(sim::CrashKind::power);
    const Opened again = open_ok(disk);
    CHECK(again.store.last_index().value == 39);
    CHECK(again.store.tokens_reserved() >= opened.store.tokens_reserved());
  }
}

TEST_CASE("a snapshot for which there is no room is not stored, and nothing is changed") {
  VirtualDisk disk(Random(3));
  Opened opened = open_ok(disk);
  REQUIRE(opened.store.persist(append(1, 1, 2)).ok());
  disk.set_capacity(disk.used_bytes() + 50000);
  CHECK(opened.store.save_snapshot(snapshot(1, 1, 60000)).value() == Saved::no_room);
  CHECK(opened.store.snapshot_index().value == 0);
  CHECK(opened.store.save_snapshot(snapshot(1, 1, 5000)).value() == Saved::yes);
}

TEST_CASE("the next segment is made in bounded steps, and not at all without room") {
  VirtualDisk disk(Random(4));
  Options options = small();
  options.first_segment_bytes = std::uint64_t{1} << 20U;
  options.segment_bytes = std::uint64_t{2} << 20U;
  Opened opened = open_ok(disk, options);
  std::uint64_t before = disk.used_bytes();
  for (int step = 0; step < 8; ++step) {
    REQUIRE(opened.store.prepare().ok());
    CHECK(disk.used_bytes() - before == std::uint64_t{256} << 10U);
    before = disk.used_bytes();
  }
  REQUIRE(opened.store.prepare().ok());
  CHECK(disk.used_bytes() == before);
}
