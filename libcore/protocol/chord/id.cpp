// SPDX-License-Identifier: MIT
#include "protocol/chord/id.hpp"

#include <bit>
#include <cmath>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/random.hpp"

namespace coord::chord {

namespace {

constexpr unsigned word_bits = 32;

}  // namespace

Id operator+(const Id& a, const Id& b) {
  Id sum;
  std::uint64_t carry = 0;
  for (std::size_t i = sum.words.size(); i-- > 0;) {
    carry += std::uint64_t{a.words[i]} + b.words[i];
    sum.words[i] = static_cast<std::uint32_t>(carry);
    carry >>= word_bits;
  }
  return sum;
}

Id operator-(const Id& a, const Id& b) {
  Id difference;
  std::uint64_t borrow = 0;
  for (std::size_t i = difference.words.size(); i-- > 0;) {
    const std::uint64_t less = std::uint64_t{b.words[i]} + borrow;
    borrow = a.words[i] < less ? 1 : 0;
    difference.words[i] = static_cast<std::uint32_t>(a.words[i] - less);
  }
  return difference;
}

Id power_of_two(unsigned exponent) {
  COORD_CHECK(exponent < id_bits);
  Id id;
  id.words[id.words.size() - 1 - exponent / word_bits] = std::uint32_t{1} << (exponent % word_bits);
  return id;
}

unsigned highest_bit_of(const Id& id) {
  for (std::size_t i = 0; i < id.words.size(); ++i) {
    if (id.words[i] != 0)
      return static_cast<unsigned>((id.words.size() - i) * word_bits - 1) -
             static_cast<unsigned>(std::countl_zero(id.words[i]));
  }
  COORD_CHECK(false);
  return 0;
}

bool in_open(const Id& from, const Id& place, const Id& to) {
  if (from < to) return from < place && place < to;
  return from < place || place < to ? place != from : false;
}

bool in_left_open(const Id& from, const Id& place, const Id& to) {
  return place == to || in_open(from, place, to);
}

double share_of_ring(const Id& from, const Id& to) {
  if (from == to) return 1;
  const Id length = to - from;
  double share = 0;
  for (std::size_t i = length.words.size(); i-- > 0;)
    share = std::ldexp(share + static_cast<double>(length.words[i]), -static_cast<int>(word_bits));
  return share;
}

Id id_of_digest(const std::array<std::uint8_t, 20>& digest) {
  Id id;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    std::uint32_t& word = id.words[i / 4];
    word = (word << 8U) | digest[i];
  }
  return id;
}

Id drawn_id(std::uint64_t seed) {
  Random random(seed);
  Id id;
  for (std::uint32_t& word : id.words) word = static_cast<std::uint32_t>(random.next() >> word_bits);
  return id;
}

std::string text(const Id& id) {
  std::string text;
  for (const std::uint32_t word : id.words) text += fmt::format("{:08x}", word);
  return text;
}

}  // namespace coord::chord
