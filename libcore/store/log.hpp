// SPDX-License-Identifier: MIT
// The end of the log, where it is written: the current segment, and the next one, made ahead.
//
// Records are collected in memory, handed to the kernel by write() and made durable by sync(); several cost
// one sync. An error of any call leaves the content unknown: the caller must not call again. For want of room
// (is_for_want_of_room) it may: nothing was added then, and what was added before is still to be written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "store/body.hpp"
#include "store/options.hpp"
#include "store/record.hpp"
#include "store/segment.hpp"

namespace coord::store {

inline constexpr char spare_name[] = "segment.tmp";  // the next segment, before it is one

// Writes into the segment `file`, whose records end at `end`, that the log goes on in
// `next`; durable on return.
Status write_seal(DiskFile& file, std::size_t end, const SegmentHeader& next);

class Log {
 public:
  // An empty log in a directory that has none: makes its first segment, durable on return.
  static Result<Log> create(Disk& disk, const Options& options, const Identity& identity);
  // Goes on at `end` of the last segment, behind the record with checksum `chain`. All before
  // is durable, all after zeros.
  Log(Disk& disk, const Options& options, std::unique_ptr<DiskFile> file, const SegmentHeader& header,
      std::size_t end, std::uint32_t chain);

  // Adds a record; `before` is what the log says before it. Makes the next segment,
  // durably, where this one is full.
  Status append(RecordType type, ByteView body, const LogState& before);
  // What is appended from now on is laid out as `version` says: makes the next segment, if this
  // one is of an earlier version.
  Status begin_version(Level version, std::size_t record_bytes, const LogState& before);
  Level version() const { return header_.version; }
  Status write();
  Status sync();
  bool all_synced() const { return pending_.empty() && synced_ == end_; }

  // A step of work on the next segment, of at most 256 KiB and one sync, if it is not
  // ready and there is room for it.
  Status prepare_step();
  bool is_prepared() const { return next_ || spare_filled_ >= next_size(); }
  // A record with such a body goes into this segment, and all that waits to be written is handed on at once.
  bool takes(std::size_t body_bytes) const;
  bool nearly_full() const;

  std::uint64_t sequence() const { return header_.sequence; }
  std::uint64_t size() const { return header_.size; }  // of the current segment
  std::uint64_t free_in_segment() const { return header_.size - end_ - pending_.size(); }

 private:
  std::uint64_t next_size() const;
  Status fill_spare(std::uint64_t upto);
  Status roll(std::size_t record_size, const LogState& before, Level version);
  Result<SegmentHeader> name_next(std::size_t record_size, const LogState& before, Level version);
  std::uint64_t offset(std::size_t at) const { return header_.start + (at - segment_header_size); }

  Disk* disk_;
  Options options_;
  SegmentHeader header_;
  std::unique_ptr<DiskFile> file_;
  std::size_t end_;     // in the file: where `pending_` goes
  std::size_t synced_;  // in the file: all before is durable
  std::uint32_t chain_;
  Bytes pending_;
  std::unique_ptr<DiskFile> spare_;
  std::uint64_t spare_filled_ = 0;     // bytes of zeros in it, synced
  std::optional<SegmentHeader> next_;  // `spare_` is it and has its name, but the seal is not written yet
};

}  // namespace coord::store
