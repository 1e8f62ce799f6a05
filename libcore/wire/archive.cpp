// SPDX-License-Identifier: MIT
#include "wire/archive.hpp"

namespace coord::wire {

void malformed(const char* why) {
  throw Malformed(why);
}

Error unreadable(const cereal::Exception& why) {
  return {ErrorKind::data, "message", why.what(), ""};
}

// ---- reading

ByteView BoundedReader::raw(std::size_t size) {
  if (size > rest_.size()) malformed("it ends within a field");
  const ByteView front = rest_.first(size);
  rest_ = rest_.subspan(size);
  return front;
}

std::uint64_t BoundedReader::integer_of(std::size_t size) {
  const ByteView bytes = raw(size);
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8U) | bytes[i];
  return value;
}

std::size_t BoundedReader::count(std::size_t max) {
  const std::size_t n = integer<std::uint32_t>();
  if (n > rest_.size()) malformed("it counts more elements than it has bytes");
  if (n > max) malformed("a field is longer than its bound");
  return n;
}

std::size_t BoundedReader::element_count(std::size_t max) {
  const std::size_t n = count(max);
  if (n > elements_) malformed("it has too many elements");
  elements_ -= n;
  return n;
}

// ---- writing

void BoundedWriter::raw(ByteView data) {
  out_.insert(out_.end(), data.begin(), data.end());
}

void BoundedWriter::integer_of(std::uint64_t value, std::size_t size) {
  std::array<std::uint8_t, sizeof(value)> bytes;
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8U * i));
  raw(ByteView(bytes).first(size));
}

void BoundedWriter::count(std::size_t n, std::size_t max) {
  COORD_CHECK(n <= max && n <= std::numeric_limits<std::uint32_t>::max());
  integer(static_cast<std::uint32_t>(n));
}

std::size_t BoundedWriter::begin_counted() {
  integer(std::uint32_t{0});
  return out_.size();
}

void BoundedWriter::end_counted(std::size_t begin) {
  const std::size_t size = out_.size() - begin;
  COORD_CHECK(size <= std::numeric_limits<std::uint32_t>::max());
  for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i)
    out_[begin - sizeof(std::uint32_t) + i] = static_cast<std::uint8_t>(size >> (8U * i));
}

}  // namespace coord::wire
