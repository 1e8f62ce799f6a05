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
