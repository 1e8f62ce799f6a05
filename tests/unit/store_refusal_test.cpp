// SPDX-License-Identifier: MIT
// Field fault 16, and what else must make a peer refuse to start rather than go on
// without what it acknowledged.
#include <catch2/catch.hpp>

#include "store_damage.hpp"
#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;
using sim::VirtualDisk;

namespace {

constexpr unsigned bits_of_a_byte = 8;

// Flips one bit, opens a copy; true if it refused. If it did not, everything must be there.
bool refuses_flip(const VirtualDisk& disk, const std::string& name, std::uint64_t offset, unsigned bit,
                  const State& all) {
  const auto damaged = disk.clone();
  REQUIRE(damaged->flip_bit(name, offset, bit));
  const Result<Opened> opened = Store::open(*damaged, identity(), small());
  if (!opened.ok()) {
    CHECK(opened.error().kind == ErrorKind::data);
    return true;
  }
  INFO(name << " byte " << offset << " bit " << bit);
  REQUIRE(state_of(*opened) == all);
  return false;
}

// Three segments, a snapshot, some entries beyond it; everything synced.
void long_log(VirtualDisk& disk) {
  Opened opened = open_ok(disk);
  REQUIRE(opened.store.persist(voted(1, 1)).ok());
  for (std::uint64_t index = 1; index <= 24; ++index)
    REQUIRE(opened.store.persist(append(1, index, 1, 1000)).ok());
  REQUIRE(opened.store.save_snapshot(snapshot(1, 2)).ok());
}

}  // namespace

TEST_CASE("any flipped bit in a small log and its snapshot: all that was acknowledged, or a refusal") {
  VirtualDisk disk(Random(1));
  {
    Opened opened = open_ok(disk);
    raft::Persist first = append(1, 1, 2, 30);
    first.hard_state = vote(1, 2);
    REQUIRE(opened.store.persist(first).ok());
    REQUIRE(opened.store.save_snapshot(snapshot(1, 1, 100)).ok());
    REQUIRE(opened.store.reserve_tokens(Token{1U << 20U}).ok());
    REQUIRE(opened.store.persist(append(1, 3, 2, 90)).ok());
    REQUIRE(opened.store.persist(voted(2, 3)).ok());
  }
  const State all = state_of(open_ok(*disk.clone()));
  const auto log = decode_segment(disk.contents().at(segment_name(1)));
  REQUIRE(log.has_value());
  REQUIRE(log->records.size() == 5);
  std::size_t silent = 0;
  for (const auto& [name, content] : disk.contents()) {
    const std::size_t used = name == segment_name(1) ? log->end : content.size();
    for (std::uint64_t offset = 0; offset < used; ++offset) {
      for (unsigned bit = 0; bit < bits_of_a_byte; ++bit)
        silent += refuses_flip(disk, name, offset, bit, all) ? 0 : 1;
    }
    for (std::uint64_t offset = used; offset < content.size(); offset += 7) {  // zeros: nothing to lose
      CHECK_FALSE(refuses_flip(disk, name, offset, offset % bits_of_a_byte, all));
    }
  }
  CHECK(silent == 0);  // within what was written each bit is guarded
}

TEST_CASE("a lost sector below what was synced is found by what later records state") {
  for (std::uint64_t sector = 8; sector <= 10; ++sector) {
    INFO("sector " << sector);
    CHECK_FALSE(lost_sector_is_refused(sector).has_value());
  }
  VirtualDisk disk(Random(2));
  three_records(disk);
  zero_sector(disk, segment_name(1), 9);
  const std::string text = refusal_of(disk);
  CHECK(text.find("state/segment-0000000000000001: at byte 4096: damaged") == 0);
  CHECK(text.find("coordd --rejoin") != std::string::npos);
}

TEST_CASE("missing files are refused, whichever it is") {
  VirtualDisk disk(Random(3));
  long_log(disk);
  for (const auto& [name, content] : disk.contents()) {
    const auto copy = disk.clone();
    REQUIRE(copy->remove(name).ok());
    INFO(name << " is missing: " << refusal_of(*copy));
  }
  SECTION("all segments, but not the snapshot") {
    for (const auto& [name, content] : disk.contents()) {
      if (segment_sequence(name)) REQUIRE(disk.remove(name).ok());
    }
    CHECK(refusal_of(disk).find("a snapshot without its log") != std::string::npos);
  }
}

TEST_CASE("the last segment is missed although the crash came before the one before it was sealed") {
  VirtualDisk disk(Random(4));
  std::uint64_t index = 1;
  {
    Opened opened = open_ok(disk);
    while (disk.contents().size() < 2) {
      disk.disarm();
      // Making a segment: create, zeros, sync, header, sync, rename, sync of the
      // directory, and then the seal.
      disk.arm(7, sim::DiskFault::error);
      if (!opened.store.persist(append(1, index++, 1, 1000)).ok()) break;
    }
  }
  disk.disarm();
  disk.crash(sim::CrashKind::process);
  REQUIRE(disk.contents().contains(segment_name(2)));
  REQUIRE(decode_segment(disk.contents().at(segment_name(1)))->records.back().type != RecordType::seal);
  open_ok(disk);  // seals it
  REQUIRE(disk.remove(segment_name(2)).ok());
  CHECK(refusal_of(disk).find("which is missing") != std::string::npos);
}

TEST_CASE("a file that was cut short or has grown is refused, wherever it ends") {
  VirtualDisk disk(Random(5));
  long_log(disk);
  for (const auto& [name, content] : disk.contents()) {
    for (std::uint64_t size = 0; size < content.size() + 600; size += size < 600 ? 1 : 255) {
      if (size == content.size()) continue;
      const auto copy = disk.clone();
      REQUIRE(copy->open(name).value()->truncate(size).ok());
      INFO(name << " with " << size << " bytes");
      CHECK_FALSE(Store::open(*copy, identity(), small()).ok());
    }
  }
}

TEST_CASE("the log of another peer, group or life is refused, and not touched") {
  VirtualDisk disk(Random(6));
  long_log(disk);
  const auto before = disk.contents();
  CHECK(refusal_of(disk, identity(2)).find("the log of another peer") != std::string::npos);
  CHECK(refusal_of(disk, identity(1, 7, 10)).find("the list of peers was changed") != std::string::npos);
  CHECK(disk.contents() == before);

  VirtualDisk other(Random(7));
  {
    Opened opened = Store::open(other, identity(1, 8), small()).value();
    for (std::uint64_t index = 1; index <= 24; ++index) {
      REQUIRE(opened.store.persist(append(1, index, 1, 1000)).ok());
    }
  }
  const Bytes foreign = other.contents().at(segment_name(2));
  REQUIRE(disk.open(segment_name(2)).value()->write(0, foreign).ok());
  CHECK(refusal_of(disk).find("another life") != std::string::npos);
}

TEST_CASE(
    "files under another segment's name, of another version, or that nobody made are refused or left alone") {
  VirtualDisk disk(Random(8));
  long_log(disk);
  REQUIRE(disk.create("socket").ok());
  REQUIRE(disk.create("segment-1").ok());
  CHECK(open_ok(*disk.clone()).recovered.entries.size() == 22);
  SECTION("swapped") {
    REQUIRE(disk.rename(segment_name(1), segment_name(2)).ok());
    refusal_of(disk);
  }
  SECTION("another version") {
    REQUIRE(disk.open(segment_name(1)).value()->write(8, Bytes{2}).ok());
    CHECK(refusal_of(disk).find("another version") != std::string::npos);
  }
}
