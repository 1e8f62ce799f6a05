// SPDX-License-Identifier: MIT
#include "store/segment.hpp"

#include <algorithm>
#include <string_view>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "store/crc32c.hpp"
#include "store/numbered_name.hpp"

namespace coord::store {
namespace {

constexpr std::string_view segment_magic = "coordlog";
constexpr std::string_view segment_prefix = "segment-";
constexpr std::size_t sealed_bytes =
    segment_header_size - 4;  // of the header block, its checksum stands behind them

std::size_t last_nonzero_end(ByteView file, std::size_t from) {
  std::size_t end = file.size();
  while (end > from && file[end - 1] == 0) --end;
  return end;
}

// Looks at every aligned word beyond the damage for a header, whose statement counts
// although its body may be damaged.
void scan_beyond(Segment& segment, ByteView file) {
  for (std::size_t at = segment.end; at + header_size <= segment.dirty_end; at += word_size) {
    if (const std::optional<RecordHeader> header = read_header(file, at)) {
      segment.synced = std::max(segment.synced, header->synced);
    }
  }
}

}  // namespace

std::string segment_name(std::uint64_t sequence) {
  return numbered_name(segment_prefix, sequence);
}

std::optional<std::uint64_t> segment_sequence(const std::string& name) {
  return number_in_name(segment_prefix, name);
}

Bytes encode_segment_header(const SegmentHeader& header) {
  ByteWriter out;
  out.put(bytes_of(segment_magic));
  out.put(std::uint32_t{header.version});
  put_identity(out, header.identity);
  out.put(header.sequence);
  out.put(header.size);
  out.put(header.start);
  out.put(header.chain);
  put_state(out, header.state);
  COORD_CHECK(out.size() <= sealed_bytes);
  Bytes block = out.take();
  block.resize(sealed_bytes);
  ByteWriter seal;
  seal.put(crc32c(block));
  block.insert(block.end(), seal.bytes().begin(), seal.bytes().end());
  return block;
}

std::optional<Level> segment_version(ByteView block) {
  if (block.size() < segment_header_size) return std::nullopt;
  ByteReader in(block);
  const ByteView found_magic = in.get(segment_magic.size());
  const Level version = in.get<std::uint32_t>();
  ByteReader seal(block.subspan(sealed_bytes, 4));
  if (!std::ranges::equal(found_magic, bytes_of(segment_magic)) || version < first_level) return std::nullopt;
  if (seal.get<std::uint32_t>() != crc32c(block.first(sealed_bytes))) return std::nullopt;
  return version;
}

std::optional<SegmentHeader> decode_segment_header(ByteView block, Level newest) {
  const std::optional<Level> version = segment_version(block);
  if (!version || *version > newest) return std::nullopt;
  ByteReader in(block.first(sealed_bytes));
  static_cast<void>(in.get(segment_magic.size() + sizeof(std::uint32_t)));
  SegmentHeader header;
  header.version = *version;
  const std::optional<Identity> identity = get_identity(in);
  header.sequence = in.get<std::uint64_t>();
  header.size = in.get<std::uint64_t>();
  header.start = in.get<std::uint64_t>();
  header.chain = in.get<std::uint32_t>();
  const std::optional<LogState> state = get_state(in);
  if (!identity || !state) return std::nullopt;
  if (header.size < segment_header_size + header_size || header.size > segment_limit) return std::nullopt;
  if (header.size % word_size != 0 || header.start > UINT64_MAX - header.size) return std::nullopt;
  header.identity = *identity;
  header.state = *state;
  return header;
}

std::optional<Segment> decode_segment(ByteView file, std::optional<std::uint64_t> until, Level newest) {
  const std::optional<SegmentHeader> header = decode_segment_header(file, newest);
  if (!header || header->size != file.size()) return std::nullopt;
  Segment segment;
  segment.header = *header;
  segment.end = segment_header_size;
  segment.chain = header->chain;
  segment.synced = header->start;
  while (segment.end + header_size <= file.size() && !(until && segment.offset(segment.end) >= *until)) {
    Found found = read_record(file, segment.end);
    if (found.kind == Found::Kind::whole && found.header.previous != segment.chain)
      found.kind = Found::Kind::damaged;
    segment.tail = found.kind;
    if (found.kind != Found::Kind::whole) break;
    segment.synced = std::max(segment.synced, found.header.synced);
    segment.records.push_back({segment.end, found.header.type, std::move(found.body)});
    segment.chain = found.header.crc;
    segment.end = found.end;
    segment.tail = Found::Kind::unfinished;
  }
  segment.dirty_end = last_nonzero_end(file, segment.end);
  if (COORD_RULE_OR(scan_beyond_damage, true, false)) scan_beyond(segment, file);
  return segment;
}

}  // namespace coord::store
