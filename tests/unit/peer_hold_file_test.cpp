// The file in which a peer keeps what its next life must know of the sessions that are held.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "peer/hold_file.hpp"
#include "temporary_directory.hpp"
#include "wire/codec.hpp"

using namespace coord;
using peer::HoldFile;
using peer::KeptHold;

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
  }
  const HoldFile file = place.open();
  CHECK(file.complete_since() == service::ClientId{7});
  CHECK(sessions_in(file) == std::set<std::uint64_t>{1, 3, 4, 5, 6});
  for (const KeptHold& kept : file.found()) {
    KeptHold wanted = sample(kept.hold.session.value);
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
