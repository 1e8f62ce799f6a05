// SPDX-License-Identifier: MIT
// The disk format by itself: marks, checksums, and what is read from bytes that nobody wrote.
#include <catch2/catch.hpp>

#include "store/crc32c.hpp"
#include "store/record.hpp"
#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;

namespace {

Bytes record_of(std::size_t body_size, std::uint32_t* crc = nullptr) {
  Bytes out;
  const std::uint32_t found = append_record(out, RecordType::persist, entry(1, 1, body_size).data, 4711, 99);
  if (crc != nullptr) *crc = found;
  return out;
}

}  // namespace

TEST_CASE("CRC-32C of the test vectors of RFC 3720, appendix B.4") {
  CHECK(crc32c(Bytes(32, 0)) == 0x8a9136aaU);
  CHECK(crc32c(Bytes(32, 0xff)) == 0x62a8ab43U);
  Bytes ascending(32);
  for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<std::uint8_t>(i);
  CHECK(crc32c(ascending) == 0x46dd794eU);
  CHECK(crc32c(bytes_of("123456789")) == 0xe3069283U);
  CHECK(crc32c(bytes_of("56789"), crc32c(bytes_of("1234"))) == 0xe3069283U);
}

TEST_CASE("a record comes back as it was written") {
  for (const std::size_t size : {0U, 1U, 6U, 7U, 8U, 100U, 5000U}) {
    std::uint32_t crc = 0;
    const Bytes raw = record_of(size, &crc);
    REQUIRE(raw.size() == stored_size(size));
    const Found found = read_record(raw, 0);
    REQUIRE(found.kind == Found::Kind::whole);
    CHECK(found.body == entry(1, 1, size).data);
    CHECK(found.header.synced == 4711);
    CHECK(found.header.previous == 99);
    CHECK(found.header.crc == crc);
    CHECK(found.end == raw.size());
  }
}

TEST_CASE("a flipped bit is damage, never an unfinished write") {
  for (const std::size_t size : {0U, 3U, 50U}) {
    const Bytes raw = record_of(size);
    for (std::size_t bit = 0; bit < raw.size() * 8; ++bit) {
      Bytes flipped = raw;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      CHECK(read_record(flipped, 0).kind == Found::Kind::damaged);
    }
  }
}

TEST_CASE("a prefix with zeros behind it is an unfinished write, never damage") {
  const Bytes raw = record_of(50);
  for (std::size_t size = 0; size < raw.size(); ++size) {
    Bytes torn(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(size));
    torn.resize(raw.size());
    CHECK(read_record(torn, 0).kind == Found::Kind::unfinished);
  }
}

TEST_CASE("a record that reaches beyond its segment is damage") {
  const Bytes raw = record_of(50);
  CHECK(read_record(ByteView(raw).first(header_size), 0).kind == Found::Kind::damaged);
  CHECK(read_record(ByteView(raw).first(raw.size() - 8), 0).kind == Found::Kind::damaged);
}

TEST_CASE("names sort as numbers do, and only they are taken for segments") {
  CHECK(segment_name(255) == "segment-00000000000000ff");
  CHECK(segment_sequence(segment_name(UINT64_MAX)) == UINT64_MAX);
  for (const char* const name :
       {"segment-", "segment-00000000000000FF", "segment-0000000000000ff", "segment.tmp",
        "segment-00000000000000ff0", "segment-+0000000000000ff", "snapshot-00000000000000ff"}) {
    CHECK_FALSE(segment_sequence(name).has_value());
  }
}

TEST_CASE("bodies cut short anywhere, or with bytes behind them, are not read") {
  raft::Persist persist = append(3, 5, 2, 10);
  persist.hard_state = vote(3, 1);
  persist.hard_state->founders[NodeId{4}].fill(4);
  const Bytes body = encode_persist(persist, SnapshotRef{LogIndex{4}, Term{2}, 100, 7});
  const auto read = decode_persist(body);
  REQUIRE(read.has_value());
  CHECK(read->entries == persist.entries);
  CHECK(read->hard_state == persist.hard_state);
  for (std::size_t size = 0; size < body.size(); ++size)
    CHECK_FALSE(decode_persist(ByteView(body).first(size)));
  Bytes longer = body;
  longer.push_back(0);
  CHECK_FALSE(decode_persist(longer));
}

TEST_CASE("counts that promise more than is there allocate nothing") {
  ByteWriter out;
  out.put(std::uint8_t{2});
  out.put(std::uint64_t{1});
  out.put(std::uint32_t{UINT32_MAX});
  CHECK_FALSE(decode_persist(out.bytes()));
}

TEST_CASE("random bytes behind a good header are read without harm") {
  SegmentHeader header;
  header.identity = identity();
  header.size = 8192;
  Random random(5);
  for (int round = 0; round < 2000; ++round) {
    Bytes file = encode_segment_header(header);
    file.resize(header.size);
    const std::uint64_t count = random.below(4096);
    for (std::uint64_t i = 0; i < count; ++i) {
      file[segment_header_size + i] =
          static_cast<std::uint8_t>(random.chance(0.3) ? body_mark : random.next());
    }
    const auto segment = decode_segment(file);
    REQUIRE(segment.has_value());
    CHECK(segment->end == segment_header_size);
  }
}
