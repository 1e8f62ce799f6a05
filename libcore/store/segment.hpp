// SPDX-License-Identifier: MIT
// One file of the log: a header block, records, and zeros.
//
// A segment is made whole before it gets its name: filled with zeros, headed, synced, renamed. Its
// size never changes. So a named segment whose header is unreadable or whose size is another than the
// header says has been damaged.
//
// The header's version is a level of the group (base/level.hpp): all that is in the segment is of that
// level or an earlier one, and laid out as that version says. The first entry of a level opens a
// segment of its version, so that a release which does not know it refuses the log at its header,
// before it has changed anything.
//
// Log offsets count the bytes of records over all segments: the header's `start` is the offset of its first
// record, and all before it was durable when the segment was made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "store/body.hpp"
#include "store/record.hpp"

namespace coord::store {

// one page, so that records never share a sector with it
inline constexpr std::size_t segment_header_size = 4096;
inline constexpr std::uint64_t segment_limit = std::uint64_t{64}
                                               << 20U;  // bound on what is read into memory at once
inline constexpr std::size_t record_limit = std::size_t{48} << 20U;  // a body; fits a segment with its marks

struct SegmentHeader {
  Identity identity;
  std::uint64_t sequence = 1;  // 1, 2, ...: the number in the file's name
  std::uint64_t size = 0;      // of the file
  std::uint64_t start = 0;     // log offset of the first record
  std::uint32_t chain = 0;     // `crc` of the last record before it
  LogState state;              // of the log before the first record
  Level version = first_level;
};

std::string segment_name(std::uint64_t sequence);
std::optional<std::uint64_t> segment_sequence(const std::string& name);  // nothing: not a segment's name

Bytes encode_segment_header(const SegmentHeader& header);
// Also of a version that is not known here, and without looking at it any further: nothing, it is no header.
std::optional<Level> segment_version(ByteView block);
std::optional<SegmentHeader> decode_segment_header(ByteView block, Level newest = newest_level);

struct Record {
  std::size_t at = 0;  // in the file
  RecordType type = RecordType::persist;
  Bytes body;
};

// A whole segment, read without judging it. Pure; any bytes whatever are safe.
struct Segment {
  SegmentHeader header;
  std::vector<Record> records;  // those that follow the header in an unbroken chain
  std::size_t end = 0;          // in the file: behind the last of them
  std::uint32_t chain = 0;      // `crc` of the last of them
  std::uint64_t synced = 0;  // the highest offset that any record, also one beyond the end, states as synced
  // What stands at `end`: an unfinished record if there are only zeros.
  Found::Kind tail = Found::Kind::unfinished;
  std::size_t dirty_end = 0;  // in the file: behind the last byte that is not zero (>= end)

  std::uint64_t offset(std::size_t at) const { return header.start + (at - segment_header_size); }
};

// Reads records up to the place `until` in the log if that is given (where the next segment begins), else to
// the end. Nothing if the header is unreadable or states another size than `file` has.
std::optional<Segment> decode_segment(ByteView file, std::optional<std::uint64_t> until = std::nullopt,
                                      Level newest = newest_level);

}  // namespace coord::store
