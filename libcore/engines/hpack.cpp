// SPDX-License-Identifier: MIT
#include "engines/hpack.hpp"

#include <array>

namespace coord::engines {

namespace {

// Of a byte: its code, and how many bits that has (RFC 7541, appendix B).
struct Code {
  std::uint32_t bits;
  std::uint8_t length;
};
constexpr std::array<Code, 256> codes{{
    {0x1ff8, 13},    {0x7fffd8, 23},   {0xfffffe2, 28}, {0xfffffe3, 28}, {0xfffffe4, 28},  {0xfffffe5, 28},
    {0xfffffe6, 28}, {0xfffffe7, 28},  {0xfffffe8, 28}, {0xffffea, 24},  {0x3ffffffc, 30}, {0xfffffe9, 28},
    {0xfffffea, 28}, {0x3ffffffd, 30}, {0xfffffeb, 28}, {0xfffffec, 28}, {0xfffffed, 28},  {0xfffffee, 28},
    {0xfffffef, 28}, {0xffffff0, 28},  {0xffffff1, 28}, {0xffffff2, 28}, {0x3ffffffe, 30}, {0xffffff3, 28},
    {0xffffff4, 28}, {0xffffff5, 28},  {0xffffff6, 28}, {0xffffff7, 28}, {0xffffff8, 28},  {0xffffff9, 28},
    {0xffffffa, 28}, {0xffffffb, 28},  {0x14, 6},       {0x3f8, 10},     {0x3f9, 10},      {0xffa, 12},
    {0x1ff9, 13},    {0x15, 6},        {0xf8, 8},       {0x7fa, 11},     {0x3fa, 10},      {0x3fb, 10},
    {0xf9, 8},       {0x7fb, 11},      {0xfa, 8},       {0x16, 6},       {0x17, 6},        {0x18, 6},
    {0x0, 5},        {0x1, 5},         {0x2, 5},        {0x19, 6},       {0x1a, 6},        {0x1b, 6},
    {0x1c, 6},       {0x1d, 6},        {0x1e, 6},       {0x1f, 6},       {0x5c, 7},        {0xfb, 8},
    {0x7ffc, 15},    {0x20, 6},        {0xffb, 12},     {0x3fc, 10},     {0x1ffa, 13},     {0x21, 6},
    {0x5d, 7},       {0x5e, 7},        {0x5f, 7},       {0x60, 7},       {0x61, 7},        {0x62, 7},
    {0x63, 7},       {0x64, 7},        {0x65, 7},       {0x66, 7},       {0x67, 7},        {0x68, 7},
    {0x69, 7},       {0x6a, 7},        {0x6b, 7},       {0x6c, 7},       {0x6d, 7},        {0x6e, 7},
    {0x6f, 7},       {0x70, 7},        {0x71, 7},       {0x72, 7},       {0xfc, 8},        {0x73, 7},
    {0xfd, 8},       {0x1ffb, 13},     {0x7fff0, 19},   {0x1ffc, 13},    {0x3ffc, 14},     {0x22, 6},
    {0x7ffd, 15},    {0x3, 5},         {0x23, 6},       {0x4, 5},        {0x24, 6},        {0x5, 5},
    {0x25, 6},       {0x26, 6},        {0x27, 6},       {0x6, 5},        {0x74, 7},        {0x75, 7},
    {0x28, 6},       {0x29, 6},        {0x2a, 6},       {0x7, 5},        {0x2b, 6},        {0x76, 7},
    {0x2c, 6},       {0x8, 5},         {0x9, 5},        {0x2d, 6},       {0x77, 7},        {0x78, 7},
    {0x79, 7},       {0x7a, 7},        {0x7b, 7},       {0x7ffe, 15},    {0x7fc, 11},      {0x3ffd, 14},
    {0x1ffd, 13},    {0xffffffc, 28},  {0xfffe6, 20},   {0x3fffd2, 22},  {0xfffe7, 20},    {0xfffe8, 20},
    {0x3fffd3, 22},  {0x3fffd4, 22},   {0x3fffd5, 22},  {0x7fffd9, 23},  {0x3fffd6, 22},   {0x7fffda, 23},
    {0x7fffdb, 23},  {0x7fffdc, 23},   {0x7fffdd, 23},  {0x7fffde, 23},  {0xffffeb, 24},   {0x7fffdf, 23},
    {0xffffec, 24},  {0xffffed, 24},   {0x3fffd7, 22},  {0x7fffe0, 23},  {0xffffee, 24},   {0x7fffe1, 23},
    {0x7fffe2, 23},  {0x7fffe3, 23},   {0x7fffe4, 23},  {0x1fffdc, 21},  {0x3fffd8, 22},   {0x7fffe5, 23},
    {0x3fffd9, 22},  {0x7fffe6, 23},   {0x7fffe7, 23},  {0xffffef, 24},  {0x3fffda, 22},   {0x1fffdd, 21},
    {0xfffe9, 20},   {0x3fffdb, 22},   {0x3fffdc, 22},  {0x7fffe8, 23},  {0x7fffe9, 23},   {0x1fffde, 21},
    {0x7fffea, 23},  {0x3fffdd, 22},   {0x3fffde, 22},  {0xfffff0, 24},  {0x1fffdf, 21},   {0x3fffdf, 22},
    {0x7fffeb, 23},  {0x7fffec, 23},   {0x1fffe0, 21},  {0x1fffe1, 21},  {0x3fffe0, 22},   {0x1fffe2, 21},
    {0x7fffed, 23},  {0x3fffe1, 22},   {0x7fffee, 23},  {0x7fffef, 23},  {0xfffea, 20},    {0x3fffe2, 22},
    {0x3fffe3, 22},  {0x3fffe4, 22},   {0x7ffff0, 23},  {0x3fffe5, 22},  {0x3fffe6, 22},   {0x7ffff1, 23},
    {0x3ffffe0, 26}, {0x3ffffe1, 26},  {0xfffeb, 20},   {0x7fff1, 19},   {0x3fffe7, 22},   {0x7ffff2, 23},
    {0x3fffe8, 22},  {0x1ffffec, 25},  {0x3ffffe2, 26}, {0x3ffffe3, 26}, {0x3ffffe4, 26},  {0x7ffffde, 27},
    {0x7ffffdf, 27}, {0x3ffffe5, 26},  {0xfffff1, 24},  {0x1ffffed, 25}, {0x7fff2, 19},    {0x1fffe3, 21},
    {0x3ffffe6, 26}, {0x7ffffe0, 27},  {0x7ffffe1, 27}, {0x3ffffe7, 26}, {0x7ffffe2, 27},  {0xfffff2, 24},
    {0x1fffe4, 21},  {0x1fffe5, 21},   {0x3ffffe8, 26}, {0x3ffffe9, 26}, {0xffffffd, 28},  {0x7ffffe3, 27},
    {0x7ffffe4, 27}, {0x7ffffe5, 27},  {0xfffec, 20},   {0xfffff3, 24},  {0xfffed, 20},    {0x1fffe6, 21},
    {0x3fffe9, 22},  {0x1fffe7, 21},   {0x1fffe8, 21},  {0x7ffff3, 23},  {0x3fffea, 22},   {0x3fffeb, 22},
    {0x1ffffee, 25}, {0x1ffffef, 25},  {0xfffff4, 24},  {0xfffff5, 24},  {0x3ffffea, 26},  {0x7ffff4, 23},
    {0x3ffffeb, 26}, {0x7ffffe6, 27},  {0x3ffffec, 26}, {0x3ffffed, 26}, {0x7ffffe7, 27},  {0x7ffffe8, 27},
    {0x7ffffe9, 27}, {0x7ffffea, 27},  {0x7ffffeb, 27}, {0xffffffe, 28}, {0x7ffffec, 27},  {0x7ffffed, 27},
    {0x7ffffee, 27}, {0x7ffffef, 27},  {0x7fffff0, 27}, {0x3ffffee, 26},
}};

// Appendix A.
constexpr std::array<std::pair<std::string_view, std::string_view>, 61> fixed{
    {{":authority", ""},
     {":method", "GET"},
     {":method", "POST"},
     {":path", "/"},
     {":path", "/index.html"},
     {":scheme", "http"},
     {":scheme", "https"},
     {":status", "200"},
     {":status", "204"},
     {":status", "206"},
     {":status", "304"},
     {":status", "400"},
     {":status", "404"},
     {":status", "500"},
     {"accept-charset", ""},
     {"accept-encoding", "gzip, deflate"},
     {"accept-language", ""},
     {"accept-ranges", ""},
     {"accept", ""},
     {"access-control-allow-origin", ""},
     {"age", ""},
     {"allow", ""},
     {"authorization", ""},
     {"cache-control", ""},
     {"content-disposition", ""},
     {"content-encoding", ""},
     {"content-language", ""},
     {"content-length", ""},
     {"content-location", ""},
     {"content-range", ""},
     {"content-type", ""},
     {"cookie", ""},
     {"date", ""},
     {"etag", ""},
     {"expect", ""},
     {"expires", ""},
     {"from", ""},
     {"host", ""},
     {"if-match", ""},
     {"if-modified-since", ""},
     {"if-none-match", ""},
     {"if-range", ""},
     {"if-unmodified-since", ""},
     {"last-modified", ""},
     {"link", ""},
     {"location", ""},
     {"max-forwards", ""},
     {"proxy-authenticate", ""},
     {"proxy-authorization", ""},
     {"range", ""},
     {"referer", ""},
     {"refresh", ""},
     {"retry-after", ""},
     {"server", ""},
     {"set-cookie", ""},
     {"strict-transport-security", ""},
     {"transfer-encoding", ""},
     {"user-agent", ""},
     {"vary", ""},
     {"via", ""},
     {"www-authenticate", ""}}};

constexpr std::size_t field_overhead = 32;  // section 4.1
constexpr std::size_t fields_limit = 256;

// Section 5.1. Nothing: it does not end, or is too large.
std::optional<std::uint64_t> get_number(ByteView block, std::size_t& at, unsigned prefix) {
  if (at >= block.size()) return std::nullopt;
  const std::uint64_t most = (1U << prefix) - 1;
  std::uint64_t number = block[at++] & most;
  if (number < most) return number;
  for (unsigned shift = 0; shift <= 28; shift += 7) {
    if (at >= block.size()) return std::nullopt;
    const std::uint8_t byte = block[at++];
    number += static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return number;
  }
  return std::nullopt;
}

void put_number(Bytes& out, std::uint8_t first, unsigned prefix, std::size_t number) {
  const std::size_t most = (1U << prefix) - 1;
  if (number < most) return out.push_back(static_cast<std::uint8_t>(first | number));
  out.push_back(static_cast<std::uint8_t>(first | most));
  for (number -= most; number >= 0x80; number >>= 7U)
    out.push_back(static_cast<std::uint8_t>(0x80U | (number & 0x7fU)));
  out.push_back(static_cast<std::uint8_t>(number));
}

// Codes by length and value: the longest has 30 bits.
std::optional<std::string> unpacked(ByteView packed) {
  std::string text;
  std::uint32_t bits = 0;
  unsigned length = 0;
  for (const std::uint8_t byte : packed) {
    for (unsigned bit = 8; bit-- > 0;) {
      bits = (bits << 1U) | ((byte >> bit) & 1U);
      if (++length < 5) continue;
      for (std::size_t i = 0; i < codes.size(); ++i) {
        if (codes.at(i).length != length || codes.at(i).bits != bits) continue;
        text.push_back(static_cast<char>(i));
        bits = length = 0;
        break;
      }
      if (length > 30) return std::nullopt;
    }
  }
  const bool is_padding = length < 8 && bits == (1U << length) - 1;
  return is_padding ? std::optional(text) : std::nullopt;
}

std::optional<std::string> get_text(ByteView block, std::size_t& at) {
  if (at >= block.size()) return std::nullopt;
  const bool is_packed = (block[at] & 0x80U) != 0;
  const auto size = get_number(block, at, 7);
  if (!size || *size > block.size() - at) return std::nullopt;
  const ByteView bytes = block.subspan(at, static_cast<std::size_t>(*size));
  at += static_cast<std::size_t>(*size);
  if (is_packed) return unpacked(bytes);
  return std::string(bytes.begin(), bytes.end());
}

void put_text(Bytes& out, std::string_view text) {
  put_number(out, 0, 7, text.size());
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace

// Each as a literal with a name of its own: a server's table stays empty.
Bytes encode_headers(const Headers& headers) {
  Bytes out;
  for (const auto& [name, value] : headers) {
    out.push_back(0);
    put_text(out, name);
    put_text(out, value);
  }
  return out;
}

std::optional<HeaderDecoder::Field> HeaderDecoder::at(std::uint64_t index) const {
  if (index == 0) return std::nullopt;
  if (index <= fixed.size()) {
    const auto& [name, value] = fixed.at(static_cast<std::size_t>(index) - 1);
    return Field(name, value);
  }
  const std::uint64_t place = index - fixed.size() - 1;
  if (place >= table_.size()) return std::nullopt;
  return table_.at(static_cast<std::size_t>(place));
}

void HeaderDecoder::shrink(std::size_t limit) {
  while (size_ > limit) {
    size_ -= table_.back().first.size() + table_.back().second.size() + field_overhead;
    table_.pop_back();
  }
}

void HeaderDecoder::remember(Field field) {
  const std::size_t size = field.first.size() + field.second.size() + field_overhead;
  shrink(size > limit_ ? 0 : limit_ - size);
  if (size > limit_) return;
  size_ += size;
  table_.push_front(std::move(field));
}

std::optional<Headers> HeaderDecoder::decode(ByteView block) {
  Headers headers;
  std::size_t at_byte = 0;
  while (at_byte < block.size()) {
    const std::uint8_t first = block[at_byte];
    if ((first & 0x80U) != 0) {  // all of it is in a table
      const auto index = get_number(block, at_byte, 7);
      auto field = index ? at(*index) : std::nullopt;
      if (!field) return std::nullopt;
      headers.push_back(std::move(*field));
    } else if ((first & 0xe0U) == 0x20U) {  // the table's size
      const auto limit = get_number(block, at_byte, 5);
      if (!limit || *limit > table_limit) return std::nullopt;
      limit_ = static_cast<std::size_t>(*limit);
      shrink(limit_);
    } else {
      const bool is_kept = (first & 0xc0U) == 0x40U;
      const auto index = get_number(block, at_byte, is_kept ? 6 : 4);
      if (!index) return std::nullopt;
      Field field;
      if (*index != 0) {
        auto known = at(*index);
        if (!known) return std::nullopt;
        field.first = std::move(known->first);
      } else {
        auto name = get_text(block, at_byte);
        if (!name) return std::nullopt;
        field.first = std::move(*name);
      }
      auto value = get_text(block, at_byte);
      if (!value) return std::nullopt;
      field.second = std::move(*value);
      if (is_kept) remember(field);
      headers.push_back(std::move(field));
    }
    if (headers.size() > fields_limit) return std::nullopt;
  }
  return headers;
}

}  // namespace coord::engines
