// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "base/random.hpp"

using namespace coord;

TEST_CASE("integers are written little-endian and read back") {
  ByteWriter writer;
  writer.put(std::uint16_t{0x1234});
  writer.put(std::uint64_t{0x0102030405060708});
  CHECK(writer.bytes()[0] == 0x34);
  ByteReader reader(writer.bytes());
  CHECK(reader.get<std::uint16_t>() == 0x1234);
  CHECK(reader.get<std::uint64_t>() == 0x0102030405060708);
  CHECK(reader.left() == 0);
  CHECK_FALSE(reader.failed());
}

TEST_CASE("a read past the end fails for good") {
  const Bytes data{1, 2, 3};
  ByteReader reader(data);
  CHECK(reader.get<std::uint32_t>() == 0);
  CHECK(reader.failed());
  CHECK(reader.get<std::uint8_t>() == 0);
}

TEST_CASE("the same seed gives the same numbers on every machine") {
  Random random(42);
  CHECK(random.next() == 1546998764402558742U);
  CHECK(random.next() == 6990951692964543102U);
}

TEST_CASE("reads of bytes: all, none, one too many") {
  const Bytes data{1, 2, 3};
  ByteReader reader(data);
  CHECK(reader.get(0).empty());
  CHECK_FALSE(reader.failed());
  CHECK(reader.get(3).size() == 3);
  CHECK(reader.left() == 0);
  CHECK(reader.get(0).empty());
  CHECK_FALSE(reader.failed());
  CHECK(reader.get<std::uint8_t>() == 0);
  CHECK(reader.failed());
  CHECK(reader.get(0).empty());
  CHECK(reader.failed());
  ByteReader hostile(data);
  CHECK(hostile.get(~std::size_t{0}).empty());
  CHECK(hostile.failed());
  CHECK(hostile.left() == 3);  // nothing was consumed
}

TEST_CASE("every width goes through a writer and a reader, and take() empties the writer") {
  ByteWriter writer;
  writer.put(std::uint8_t{0xff});
  writer.put(std::uint16_t{0xfffe});
  writer.put(std::uint32_t{0xfffffffd});
  writer.put(~std::uint64_t{0});
  writer.put(bytes_of("text"));
  CHECK(writer.size() == 19);
  const Bytes bytes = writer.take();
  ByteReader reader(bytes);
  CHECK(reader.get<std::uint8_t>() == 0xff);
  CHECK(reader.get<std::uint16_t>() == 0xfffe);
  CHECK(reader.get<std::uint32_t>() == 0xfffffffd);
  CHECK(reader.get<std::uint64_t>() == ~std::uint64_t{0});
  const ByteView text = reader.get(4);
  CHECK(std::equal(text.begin(), text.end(), bytes_of("text").begin()));
  CHECK_FALSE(reader.failed());
}
