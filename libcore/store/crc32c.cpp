// SPDX-License-Identifier: MIT
#include "store/crc32c.hpp"

#include <array>

namespace coord::store {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected
constexpr std::size_t stride = 8;  // bytes taken at once ("slicing by 8", Kounavis and Berry 2005)

using Table = std::array<std::array<std::uint32_t, 256>, stride>;

constexpr Table make_table() {
  Table table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? polynomial : 0U);
    table[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < stride; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = table[slice - 1][byte];
      table[slice][byte] = (crc >> 8U) ^ table[0][crc & 0xffU];
    }
  }
  return table;
}
constexpr Table table = make_table();

}  // namespace

std::uint32_t crc32c(ByteView data, std::uint32_t before) {
  std::uint32_t crc = ~before;
  while (data.size() >= stride) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      next ^= table[7 - i][data[i] ^ ((crc >> (8 * i)) & 0xffU)];
      next ^= table[3 - i][data[4 + i]];
    }
    crc = next;
    data = data.subspan(stride);
  }
  for (const std::uint8_t byte : data) crc = (crc >> 8U) ^ table[0][(crc ^ byte) & 0xffU];
  return ~crc;
}

}  // namespace coord::store
