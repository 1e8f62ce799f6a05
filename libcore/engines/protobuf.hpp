// SPDX-License-Identifier: MIT
// Messages of Protocol Buffers, field by field, without a schema: what few messages an engine's protocol has
// are put together and read by hand. Pure. Reading is bounded by the bytes that are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"

namespace coord::engines {

class ProtoWriter {
 public:
  ProtoWriter& number(unsigned field, std::uint64_t value);  // 0 is said by silence
  ProtoWriter& bytes(unsigned field, ByteView value);        // empty too
  ProtoWriter& text(unsigned field, std::string_view value) { return bytes(field, bytes_of(value)); }
  ProtoWriter& message(unsigned field, const ProtoWriter& value) { return bytes(field, value.out_); }
  const Bytes& out() const { return out_; }

 private:
  void varint(std::uint64_t value);
  Bytes out_;
};

class ProtoReader {
 public:
  explicit ProtoReader(ByteView message) : rest_(message) {}
  struct Field {
    unsigned number = 0;
    std::uint64_t value = 0;  // of a number
    ByteView bytes;           // of anything else
  };
  // Nothing: that was all, or it cannot be read.
  std::optional<Field> next();
  bool failed() const { return failed_; }

 private:
  std::optional<std::uint64_t> varint();
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace coord::engines
