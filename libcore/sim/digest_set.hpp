// SPDX-License-Identifier: MIT
// Which configurations a search has been in: a set of 128-bit digests that is only ever added to and asked.
// Flat, because a tree of ten million nodes is most of a gigabyte and slow: 16 bytes an entry, a third to two
// thirds of the table in use. What is in it depends on the order of additions in no way that can be seen.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace coord::sim {

// A word at a time into 128 bits; for telling configurations apart, not against an adversary.
class Digest {
 public:
  void add(std::uint64_t word) {
    low_ = mix(low_ ^ word);
    high_ = mix(high_ + word + 0x9e3779b97f4a7c15U);
  }
  std::uint64_t low() const { return low_; }
  std::uint64_t high() const { return high_; }

 private:
  static std::uint64_t mix(std::uint64_t z) {  // SplitMix64's
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t low_ = 0x243f6a8885a308d3U;
  std::uint64_t high_ = 0x13198a2e03707344U;
};

class DigestSet {
 public:
  // False: it was there.
  bool insert(const Digest& digest) {
    if (3 * (size_ + 1) > 2 * table_.size()) grow();
    if (!place({digest.low(), digest.high()})) return false;
    ++size_;
    return true;
  }
  std::size_t size() const { return size_; }

 private:
  using Entry = std::pair<std::uint64_t, std::uint64_t>;
  static constexpr Entry empty{0,
                               0};  // a digest that is this one is not remembered: as likely as a collision

  bool place(const Entry& entry) {
    const std::size_t mask = table_.size() - 1;
    std::size_t at = static_cast<std::size_t>(entry.first) & mask;
    for (; table_[at] != empty; at = (at + 1) & mask) {
      if (table_[at] == entry) return false;
    }
    table_[at] = entry;
    return true;
  }
  void grow() {
    const std::vector<Entry> old =
        std::exchange(table_, std::vector<Entry>(table_.empty() ? 64 : 2 * table_.size()));
    for (const Entry& entry : old) {
      if (entry != empty) place(entry);
    }
  }

  std::vector<Entry> table_;  // its size is a power of two
  std::size_t size_ = 0;
};

}  // namespace coord::sim
