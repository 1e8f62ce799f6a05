// SPDX-License-Identifier: MIT
// Backups: what is written is read, what is cut or damaged is not; any log is read as it is, and not changed.
#include "store/backup.hpp"
#include "store_fixture.hpp"

namespace coord::store {

namespace {

Backup backup() {
  Backup made;
  made.founding.fill(0xab);
  made.state = snapshot(3, 17);
  made.state.level = 2;
  return made;
}

}  // namespace

TEST_CASE("a backup is read as it was written, and nothing else is", "[store]") {
  const Bytes file = encode_backup(backup());
  CHECK(decode_backup(file) == backup());
  for (std::size_t size = 0; size < file.size(); ++size)
    CHECK_FALSE(decode_backup(ByteView(file).first(size)));
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes damaged = file;
    damaged[at] ^= 1U;
    INFO(at);
    CHECK_FALSE(decode_backup(damaged));
  }
  Bytes longer = file;
  longer.push_back(0);
  CHECK_FALSE(decode_backup(longer));
}

TEST_CASE("the id of a founding is 32 hexadecimal digits", "[store]") {
  FoundingId id{};
  id[0] = 0x0f;
  id[15] = 0xa0;
  CHECK(text_of(id) == "0f0000000000000000000000000000a0");
  CHECK(parse_founding_id(text_of(id)) == id);
  for (const char* wrong : {"", "0f", "0F0000000000000000000000000000a0", "0f0000000000000000000000000000a0 ",
                            "0f0000000000000000000000000000g0"})
    CHECK_FALSE(parse_founding_id(wrong));
}

TEST_CASE("the log of any peer is read, and its disk stays as it is", "[store]") {
  sim::VirtualDisk disk(Random(1));
  auto none = read_log_of_any(disk, "state");
  REQUIRE(none.ok());
  CHECK_FALSE(*none);
  {
    auto opened = Store::open(disk, identity(5, 6, 7), small());
    REQUIRE(opened.ok());
    REQUIRE(opened->store.persist(append(1, 1, 4)).ok());
    REQUIRE(opened->store.save_snapshot(snapshot(1, 2)).value() == Saved::yes);
    REQUIRE(opened->store.persist(append(2, 5, 2)).ok());
  }
  const auto names = disk.list();
  const auto log = read_log_of_any(disk, "state");
  REQUIRE(log.ok());
  REQUIRE(*log);
  CHECK((*log)->snapshot == snapshot(1, 2));
  REQUIRE((*log)->entries.size() == 4);
  CHECK((*log)->entries.back() == entry(2, 6));
  CHECK(disk.list().value() == names.value());
}

}  // namespace coord::store
