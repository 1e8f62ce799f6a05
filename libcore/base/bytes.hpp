// SPDX-License-Identifier: MIT
// Byte strings, and a reader and writer of little-endian integers that cannot run past their end.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace coord {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class ByteWriter {
 public:
  template <class Integer>
  requires std::is_unsigned_v<Integer>
  void put(Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      out_.push_back(static_cast<std::uint8_t>(value));
      if constexpr (sizeof value > 1) value = static_cast<Integer>(value >> 8U);
    }
  }
  void put(ByteView data) { out_.insert(out_.end(), data.begin(), data.end()); }
  std::size_t size() const { return out_.size(); }
  const Bytes& bytes() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Reads stop at the first one that does not fit: from then on every read gives zero and failed() is true.
class ByteReader {
 public:
  explicit ByteReader(ByteView data) : rest_(data) {}

  template <class Integer>
  requires std::is_unsigned_v<Integer> Integer get() {
    const ByteView raw = get(sizeof(Integer));
    Integer value = 0;
    for (std::size_t i = raw.size(); i-- > 0;)
      value = static_cast<Integer>((static_cast<std::uint64_t>(value) << 8U) | raw[i]);
    return value;
  }
  ByteView get(std::size_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const ByteView front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }
  std::size_t left() const { return rest_.size(); }
  bool failed() const { return failed_; }

 private:
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace coord
