// SPDX-License-Identifier: MIT
// The record of the highest token seen: crashes at every call, rot, other programs' files.
#include "store_fence_model.hpp"

using namespace coord;
using namespace coord::store;

namespace {

void put(sim::VirtualDisk& disk, std::uint64_t offset, const std::string& text) {
  const auto file = fence_file(disk);
  const Bytes bytes(text.begin(), text.end());
  REQUIRE(file->write(offset, bytes).ok());
  REQUIRE(file->sync().ok());
}

bool is_refused(sim::VirtualDisk& disk) {
  const auto used = use_fence(disk, Token{7});
  return !used && used.error().kind == ErrorKind::data;
}

}  // namespace

TEST_CASE("a fence lets rising and equal tokens in, and no lower one") {
  sim::VirtualDisk disk{Random(1)};
  (void)fence_file(disk);
  CHECK(use_fence(disk, Token{5}).value());
  CHECK(use_fence(disk, Token{5}).value());
  CHECK_FALSE(use_fence(disk, Token{4}).value());
  CHECK(use_fence(disk, Token{(std::uint64_t{1} << 53) - 1}).value());
  CHECK_FALSE(use_fence(disk, Token{6}).value());
}

TEST_CASE("an equal token writes nothing") {
  sim::VirtualDisk disk{Random(1)};
  (void)fence_file(disk);
  REQUIRE(use_fence(disk, Token{5}).value());
  disk.crash(sim::CrashKind::power);
  REQUIRE(use_fence(disk, Token{5}).value());
  CHECK(disk.unsynced_sectors() == 0);
  const std::uint64_t before = disk.calls();
  REQUIRE(use_fence(disk, Token{5}).value());
  CHECK(disk.calls() - before == 3);  // open and two reads
}

TEST_CASE("no crash and no failed call lets a fence forget") {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    const auto violation = fence_run(seed);
    INFO("seed " << seed << ": " << violation.value_or(""));
    REQUIRE_FALSE(violation.has_value());
  }
}

TEST_CASE("one flipped bit anywhere in a fence record changes nothing") {
  for (const std::uint64_t copy : {std::uint64_t{0}, std::uint64_t{4096}}) {
    for (std::uint64_t offset = copy; offset < copy + 55; ++offset) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        const auto violation = fence_with_flipped_bit(offset, bit);
        INFO("byte " << offset << ", bit " << bit << ": " << violation.value_or(""));
        REQUIRE_FALSE(violation.has_value());
      }
    }
  }
}

TEST_CASE("a fence record that is none, or has lost both copies, is refused and not overwritten") {
  SECTION("another program's file") {
    sim::VirtualDisk disk{Random(1)};
    put(disk, 0, "my notes\n");
    CHECK(is_refused(disk));
    CHECK(disk.contents().at(fence_name).size() == 9);
  }
  SECTION("one that looks like ours only in the second block") {
    sim::VirtualDisk disk{Random(1)};
    put(disk, 4096, "my notes, page two\n");
    CHECK(is_refused(disk));
  }
  SECTION("both damaged") {
    sim::VirtualDisk disk{Random(1)};
    (void)fence_file(disk);
    REQUIRE(use_fence(disk, Token{9}).value());
    REQUIRE(disk.flip_bit(fence_name, 30, 2));
    REQUIRE(disk.flip_bit(fence_name, 4096 + 31, 2));
    CHECK(is_refused(disk));
  }
  SECTION("a number that is too long, with a checksum of its own") {
    sim::VirtualDisk disk{Random(1)};
    put(disk, 0, "coordutils fence 1 token 99999999999999999999 00000000\n");
    put(disk, 4096, "coordutils fence 1 token 0000000000000000000x 00000000\n");
    CHECK(is_refused(disk));
  }
}

TEST_CASE("what an interrupted first use of a fence leaves is a new record") {
  for (const std::string text :
       {"", "coord", "coordutils fence 1 token 0000000", "coordutils fence 1 token "}) {
    sim::VirtualDisk disk{Random(1)};
    put(disk, 0, text + std::string(512 - text.size(), '\0'));
    INFO(text);
    CHECK(use_fence(disk, Token{3}).value());
    CHECK_FALSE(use_fence(disk, Token{2}).value());
  }
}
