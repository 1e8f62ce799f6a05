// SPDX-License-Identifier: MIT
// Places on the ring: numbers of 160 bits, modulo 2^160, and the arcs between them.
//
// Problem: which host keeps a key must follow from the key alone, the same at every host, and must change for
// few keys when a host comes or goes. The obvious answer, the key's hash modulo the number of hosts, moves
// nearly all keys when that number changes: N/(N+1) of them. Consistent hashing (Karger et al., "Consistent
// Hashing and Random Trees", STOC 1997): hosts and keys have places on one circle, and a key belongs to the
// first host at or after its place, its successor; who comes takes keys from one neighbour only, 1/N of them.
//
// All arcs are circular and open at their left end. An arc from a place to itself is the whole circle, with
// (a, a] or without (a, a) that place: so a ring of one owns everything.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace coord::chord {

struct Id {
  std::array<std::uint32_t, 5> words{};  // the most significant first

  // Two ids differ in their first word nearly always; arrays are compared by a call of memcmp.
  bool operator==(const Id& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const Id& other) const {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words.at(i) != other.words.at(i)) return words.at(i) <=> other.words.at(i);
    }
    return std::strong_ordering::equal;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(words);
  }
};

inline constexpr unsigned id_bits = 160;

// ---- arithmetic modulo 2^160
Id operator+(const Id& a, const Id& b);
Id operator-(const Id& a, const Id& b);
Id power_of_two(unsigned exponent);     // below id_bits
unsigned highest_bit_of(const Id& id);  // the exponent of the largest power of two in it; 0 has none

// ---- arcs
bool in_open(const Id& from, const Id& place, const Id& to);       // place in (from, to)
bool in_left_open(const Id& from, const Id& place, const Id& to);  // place in (from, to]

// Of the whole circle, the arc from `from` to `to`: above 0, at most 1.
double share_of_ring(const Id& from, const Id& to);

// ---- made from something else
Id id_of_digest(const std::array<std::uint8_t, 20>& digest);  // of SHA-1
Id drawn_id(std::uint64_t seed);  // as good as a digest where nothing is to be looked up by name
std::string text(const Id& id);   // 40 hexadecimal digits

}  // namespace coord::chord
