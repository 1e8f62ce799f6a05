// SPDX-License-Identifier: MIT
// The file in which a peer keeps what its next life must know of the sessions that are held.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "daemon/hold_file.hpp"
#include "store/crc32c.hpp"
#include "temporary_directory.hpp"
#include "wire/codec.hpp"

using namespace coord;
using daemon::HoldFile;
using daemon::KeptHold;

namespace {

struct Place {
  HoldFile open() const {
    auto file = HoldFile::open(path);
    REQUIRE(file.ok());
    return std::move(*file);
  }
  TemporaryDirectory directory;
  std::string path = directory.path() + "/holds";
};

KeptHold sample(std::uint64_t session) {
  KeptHold kept;
  kept.hold.session = SessionId{session};
  kept.hold.request = 1;
  kept.hold.token = Token{1855425871872001};
  kept.hold.secret = {1, 2};
  kept.hold.uid = 1000;
  kept.hold.ttl = std::chrono::seconds(10);
  kept.hold.renewal_sent = Instant(std::chrono::seconds(100));
  kept.hold.pid = 4712;
  kept.hold.grace = std::chrono::seconds(3);
  kept.boot.fill(0xb0);
  kept.tool = {4711, 99};
  kept.command = {4712, 100};
  kept.file = session + 7;
  return kept;
}

// By a tool in a container, which has not taken it up yet.
KeptHold untaken(std::uint64_t session) {
  KeptHold kept = sample(session);
  kept.hold.taken_up = false;
  kept.hold.takes_part = true;
  kept.maker = 2;
  return kept;
}

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put32(std::string& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8U * i));
}

// The place of `kept` as a release writes it that has appended `later` to the record.
std::string place_with(const KeptHold& kept, std::uint32_t version, const std::string& later) {
  const Bytes record = wire::encode(kept);
  std::string place(256, '\0');
  std::copy(record.begin(), record.end(), place.begin() + 8);
  put32(place, 4, static_cast<std::uint32_t>(record.size()));
  put32(place, 0, store::crc32c(bytes_of(place).subspan(4, record.size() + 4)));
  if (later.empty()) return place;
  const std::size_t at = 8 + record.size();
  put32(place, at, version);
  put32(place, at + 4, static_cast<std::uint32_t>(later.size()));
  later.copy(place.data() + at + 8, later.size());
  put32(place, at + 8 + later.size(), store::crc32c(bytes_of(place).subspan(4, at + 4 + later.size())));
  return place;
}

std::set<std::uint64_t> sessions_in(const HoldFile& file) {
  std::set<std::uint64_t> found;
  for (const KeptHold& kept : file.found()) found.insert(kept.hold.session.value);
  return found;
}

}  // namespace

TEST_CASE("what is kept is found by the next life, the last state of each, what is forgotten is not") {
  const Place place;
  {
    HoldFile file = place.open();
    CHECK(file.complete_since() == service::ClientId{});  // a new file knows nothing of what was before it
    REQUIRE(file.complete_since(service::ClientId{7}).ok());
    for (std::uint64_t session = 1; session <= 5; ++session) REQUIRE(file.keep(sample(session)).ok());
    file.forget(SessionId{2});
    REQUIRE(file.keep(sample(6)).ok());  // in the place of 2
    KeptHold renewed = sample(3);
    renewed.hold.renewal_sent += std::chrono::seconds(5);
    REQUIRE(file.keep(renewed).ok());
    REQUIRE(file.keep(untaken(5)).ok());
  }
  const HoldFile file = place.open();
  CHECK(file.complete_since() == service::ClientId{7});
  CHECK(sessions_in(file) == std::set<std::uint64_t>{1, 3, 4, 5, 6});
  for (const KeptHold& kept : file.found()) {
    KeptHold wanted = sample(kept.hold.session.value);
    if (kept.hold.session.value == 5) wanted = untaken(5);
    if (kept.hold.session.value == 3) wanted.hold.renewal_sent += std::chrono::seconds(5);
    CHECK(kept == wanted);
  }
  CHECK(std::filesystem::file_size(place.path) == 256 * 6);
}

TEST_CASE("a damaged record is none, and harms no other, the file never makes the peer fail") {
  const Place place;
  {
    HoldFile file = place.open();
    for (std::uint64_t session = 1; session <= 20; ++session) REQUIRE(file.keep(sample(session)).ok());
  }
  std::ifstream in(place.path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    const std::size_t at = 256 + random.below(damaged.size() - 256);
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + random.below(255)));
    const std::size_t place_of = at / 256;  // = its session
    std::ofstream(place.path, std::ios::binary) << damaged;
    const std::set<std::uint64_t> found = sessions_in(place.open());
    CHECK(found.size() >= 19);
    for (std::uint64_t session = 1; session <= 20; ++session)
      CHECK((session == place_of || found.contains(session)));
  }
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    std::ofstream(place.path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    CHECK(sessions_in(place.open()).size() <= size / 256);
  }
}

TEST_CASE("the record's bytes are what they were") {
  const Bytes bytes = wire::encode(sample(12));
  std::string hex;
  for (const std::uint8_t byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  CHECK(hex ==
        "0c000000000000000100000000000000010000008097060001000000000000000200000000000000"
        "e803000000e40b540200000000e876481700000068120000005ed0b2000000000000000000000000"
        "00b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b06712000063000000000000006812000064000000000000"
        "000000000000000000000000001300000000000000");
}

// Release 0.1.0 reads a place's record by its length and checksum, and looks at nothing after it.
TEST_CASE("what release 0.1.0 reads stands in a place as it wrote it") {
  const Place place;
  {
    HoldFile file = place.open();
    REQUIRE(file.keep(sample(12)).ok());
  }
  const std::string content = content_of(place.path);
  REQUIRE(content.size() == 512);
  CHECK(content.substr(0, 16) == std::string("coord holds 2\n\0\0", 16));
  CHECK(content.substr(256, 8 + wire::encode(sample(12)).size()) ==
        place_with(sample(12), 1, "").substr(0, 8 + wire::encode(sample(12)).size()));
}

TEST_CASE("a hold of a later release is found, and what this one writes is whole without its fields") {
  const Place place;
  (void)place.open();
  const std::string head = content_of(place.path);
  std::ofstream(place.path, std::ios::binary)
      << head << place_with(sample(1), 3, "later") << place_with(sample(2), 1, "");
  HoldFile file = place.open();
  REQUIRE(file.found().size() == 2);
  CHECK(file.found()[0] == sample(1));
  CHECK(file.found()[1] == sample(2));
  REQUIRE(file.keep(sample(1)).ok());
  CHECK(content_of(place.path).substr(256, 256).find("later") == std::string::npos);
}

TEST_CASE("damage to the later fields of a hold loses no holder") {
  const Place place;
  (void)place.open();
  const std::string head = content_of(place.path);
  const std::string whole = place_with(sample(1), 3, "later");
  const std::size_t record_end = 8 + wire::encode(sample(1)).size();
  for (std::size_t at = record_end; at < 256; ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      std::ofstream(place.path, std::ios::binary | std::ios::trunc) << head << damaged;
      CHECK(sessions_in(place.open()) == std::set<std::uint64_t>{1});
    }
  }
}
