// SPDX-License-Identifier: MIT
#include "engines/protobuf.hpp"

namespace coord::engines {

void ProtoWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out_.push_back(static_cast<std::uint8_t>(0x80U | (value & 0x7fU)));
  out_.push_back(static_cast<std::uint8_t>(value));
}

ProtoWriter& ProtoWriter::number(unsigned field, std::uint64_t value) {
  if (value == 0) return *this;
  varint(static_cast<std::uint64_t>(field) << 3U);
  varint(value);
  return *this;
}

ProtoWriter& ProtoWriter::bytes(unsigned field, ByteView value) {
  varint((static_cast<std::uint64_t>(field) << 3U) | 2U);
  varint(value.size());
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

std::optional<std::uint64_t> ProtoReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    const std::uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  failed_ = true;
  return std::nullopt;
}

std::optional<ProtoReader::Field> ProtoReader::next() {
  if (failed_ || rest_.empty()) return std::nullopt;
  const auto key = varint();
  if (!key) return std::nullopt;
  Field field;
  field.number = static_cast<unsigned>(*key >> 3U);
  std::uint64_t size = 0;
  switch (*key & 7U) {
    case 0: {
      const auto value = varint();
      if (!value) return std::nullopt;
      field.value = *value;
      return field;
    }
    case 1:
      size = 8;
      break;
    case 2: {
      const auto said = varint();
      if (!said) return std::nullopt;
      size = *said;
      break;
    }
    case 5:
      size = 4;
      break;
    default:
      failed_ = true;
      return std::nullopt;
  }
  if (size > rest_.size()) {
    failed_ = true;
    return std::nullopt;
  }
  field.bytes = rest_.first(static_cast<std::size_t>(size));
  rest_ = rest_.subspan(static_cast<std::size_t>(size));
  return field;
}

}  // namespace coord::engines
