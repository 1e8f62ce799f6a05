// SPDX-License-Identifier: MIT
// How one record of the log lies on the disk, and how a damaged one is told from one that was never finished.
//
// Problem: after a power cut the last record may be there in part: any of its sectors may be missing, and a
// torn sector holds a prefix of the new bytes. A bit may also have flipped in a record that was acknowledged
// long ago. The first is normal and must be cut off; the second must never be. Why a checksum is not enough:
// it fails in both cases alike. Answer: the log lies in space that was filled with zeros and synced before,
// and every 8-byte word of a record ends in a mark that is never zero and stays so with any one bit flipped.
// So a word whose last byte is zero was never (wholly) written; a record that fails its checksum although all
// its words were written has been damaged.
//
// A record is a header of four words and a body; a word is 7 bytes of content and the mark. The header's
// first word has a mark of its own, so that headers can be found by looking at aligned words only, beyond any
// damage. The header has a checksum of its own: its length and what it states can be trusted although the
// body is damaged.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace coord::store {

enum class RecordType : std::uint32_t {
  persist = 1,   // raft::Persist: snapshot named, entries, hard state; all or nothing
  snapshot = 2,  // the peer's own snapshot: its file is durable, entries beyond it stay
  tokens = 3,    // fencing tokens up to here may be handed out without a sync
  seal = 4,      // the log goes on in the next segment, which is durable
};

inline constexpr std::size_t word_size = 8;
inline constexpr std::size_t word_content = 7;
inline constexpr std::size_t header_content = 4 * word_content;
inline constexpr std::size_t header_size = 4 * word_size;
// Four bits set in each and four that differ: one flipped bit makes neither zero nor the other.
inline constexpr std::uint8_t head_mark = 0xc3;
inline constexpr std::uint8_t body_mark = 0x5a;

struct RecordHeader {
  RecordType type = RecordType::persist;
  std::uint32_t length = 0;    // of the body, without marks
  std::uint64_t synced = 0;    // log offset: all before it was durable when this was written
  std::uint32_t previous = 0;  // `crc` of the record before: the chain
  std::uint32_t body_crc = 0;
  std::uint32_t crc = 0;  // of the five above
};

// Bytes on the disk of a record with a body of so many bytes.
constexpr std::size_t stored_size(std::size_t body) {
  return header_size + (body + word_content - 1) / word_content * word_size;
}

// Appends the record to `out` and returns its `crc`, to be the next one's `previous`.
std::uint32_t append_record(Bytes& out, RecordType type, ByteView body, std::uint64_t synced,
                            std::uint32_t previous);

// The header at `at` (a multiple of 8), if it is whole and its checksum holds.
std::optional<RecordHeader> read_header(ByteView segment, std::size_t at);

// What stands at one place of a segment.
struct Found {
  enum class Kind : std::uint8_t {
    whole,       // a record; its checksums hold
    unfinished,  // not a record, and some word of its extent was never written
    damaged,     // not a record, although every word of its extent was written
  };
  Kind kind = Kind::damaged;
  RecordHeader header;  // meaningful when whole
  Bytes body;           // the same
  // where its extent ends: header and body, or the header only where that cannot be read
  std::size_t end = 0;
};

// `at` is a multiple of 8 with at least a header's room after it.
Found read_record(ByteView segment, std::size_t at);

}  // namespace coord::store
