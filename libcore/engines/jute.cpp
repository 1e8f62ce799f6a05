// SPDX-License-Identifier: MIT
#include "engines/jute.hpp"

#include <utility>

namespace coord::engines {

JuteWriter& JuteWriter::number(std::int32_t value) {
  const auto bits = static_cast<std::uint32_t>(value);
  for (unsigned shift = 32; shift > 0; shift -= 8)
    out_.push_back(static_cast<std::uint8_t>(bits >> (shift - 8)));
  return *this;
}

JuteWriter& JuteWriter::longer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  for (unsigned shift = 64; shift > 0; shift -= 8)
    out_.push_back(static_cast<std::uint8_t>(bits >> (shift - 8)));
  return *this;
}

JuteWriter& JuteWriter::flag(bool value) {
  out_.push_back(value ? 1 : 0);
  return *this;
}

JuteWriter& JuteWriter::text(std::string_view value) {
  return buffer(bytes_of(value));
}

JuteWriter& JuteWriter::buffer(ByteView value) {
  number(static_cast<std::int32_t>(value.size()));
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

JuteWriter& JuteWriter::append(ByteView written) {
  out_.insert(out_.end(), written.begin(), written.end());
  return *this;
}

std::uint64_t JuteReader::big_endian(std::size_t size) {
  if (failed_ || left_.size() < size) {
    failed_ = true;
    return 0;
  }
  std::uint64_t value = 0;
  for (const std::uint8_t byte : left_.first(size)) value = (value << 8U) | byte;
  left_ = left_.subspan(size);
  return value;
}

std::int32_t JuteReader::number() {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(big_endian(4)));
}

std::int64_t JuteReader::longer() {
  return static_cast<std::int64_t>(big_endian(8));
}

bool JuteReader::flag() {
  return big_endian(1) != 0;
}

ByteView JuteReader::buffer() {
  const std::int32_t size = number();
  if (failed_ || size == -1) return {};
  if (size < 0 || static_cast<std::size_t>(size) > left_.size()) {
    failed_ = true;
    return {};
  }
  const ByteView found = left_.first(static_cast<std::size_t>(size));
  left_ = left_.subspan(found.size());
  return found;
}

std::string JuteReader::text() {
  const ByteView found = buffer();
  return {found.begin(), found.end()};
}

std::size_t JuteReader::count() {
  const std::int32_t count = number();
  if (failed_ || count == -1) return 0;
  if (count < 0 || static_cast<std::size_t>(count) > left_.size() / 4) {
    failed_ = true;
    return 0;
  }
  return static_cast<std::size_t>(count);
}

std::optional<Bytes> JuteFrames::next() {
  constexpr std::size_t head = 4, limit = 16U << 20U;
  if (failed_) return std::nullopt;
  if (in_.size() - at_ >= head) {
    const std::int32_t size = JuteReader(ByteView(in_).subspan(at_, head)).number();
    failed_ = size < 0 || static_cast<std::size_t>(size) > limit;
    if (failed_) return std::nullopt;
    const ByteView rest = ByteView(in_).subspan(at_ + head);
    if (rest.size() >= static_cast<std::size_t>(size)) {
      at_ += head + static_cast<std::size_t>(size);
      return Bytes(rest.begin(), rest.begin() + size);
    }
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(std::exchange(at_, 0)));
  return std::nullopt;
}

std::int32_t JuteFrames::begun() const {
  constexpr std::size_t head = 4, up_to_xid = 8;
  return in_.size() < up_to_xid ? 0 : JuteReader(ByteView(in_).subspan(head, head)).number();
}

}  // namespace coord::engines
