// SPDX-License-Identifier: MIT
#include "store/log.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::store {
namespace {

constexpr std::size_t prepare_bytes = std::size_t{256} << 10U;  // a step costs a few milliseconds at most
constexpr std::size_t pending_limit = std::size_t{1}
                                      << 20U;      // a larger batch is handed to the kernel in parts
constexpr std::size_t seal_size = stored_size(0);  // always kept free at a segment's end
constexpr std::uint64_t page = 4096;

std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + page - 1) / page * page;
}

}  // namespace

Result<Log> Log::create(Disk& disk, const Options& options, const Identity& identity) {
  SegmentHeader header;
  header.identity = identity;
  header.size = round_up(std::clamp(options.first_segment_bytes, 2 * page, segment_limit));
  Bytes content = encode_segment_header(header);
  content.resize(header.size);
  Result<std::unique_ptr<DiskFile>> file = disk.create(spare_name);
  if (!file.ok()) return file.error();
  if (Status status = (*file)->write(0, content); !status.ok()) return status.error();
  if (Status status = (*file)->sync(); !status.ok()) return status.error();
  if (Status status = disk.rename(spare_name, segment_name(header.sequence)); !status.ok())
    return status.error();
  if (Status status = disk.sync_directory(); !status.ok()) return status.error();
  return Log(disk, options, std::move(*file), header, segment_header_size, header.chain);
}

Log::Log(Disk& disk, const Options& options, std::unique_ptr<DiskFile> file, const SegmentHeader& header,
         std::size_t end, std::uint32_t chain)
    : disk_(&disk),
      options_(options),
      header_(header),
      file_(std::move(file)),
      end_(end),
      synced_(end),
      chain_(chain) {}

Status Log::append(RecordType type, ByteView body, const LogState& before) {
  COORD_CHECK(body.size() <= record_limit);
  const std::size_t size = stored_size(body.size());
  if (pending_.size() >= pending_limit) {
    if (Status status = write(); !status.ok()) return status;
  }
  while (free_in_segment() < size + seal_size) {
    if (Status status = roll(size, before, header_.version); !status.ok()) return status;
  }
  chain_ = append_record(pending_, type, body, offset(synced_), chain_);
  return done();
}

Status Log::begin_version(Level version, std::size_t record_bytes, const LogState& before) {
  while (version > header_.version) {
    if (Status status = roll(stored_size(record_bytes), before, version); !status.ok()) return status;
  }
  return done();
}

Status Log::write() {
  if (pending_.empty()) return done();
  if (Status status = file_->write(end_, pending_); !status.ok()) return status;
  end_ += pending_.size();
  pending_.clear();
  return done();
}

Status Log::sync() {
  if (Status status = write(); !status.ok()) return status;
  if (synced_ == end_) return done();
  if (Status status = file_->sync(); !status.ok()) {
    // After a failed fsync the kernel takes the lost pages for clean: a second one
    // succeeds and proves nothing.
    if (COORD_RULE_OR(failed_sync_is_fatal, true, !file_->sync().ok())) return status;
  }
  synced_ = end_;
  return done();
}

std::uint64_t Log::next_size() const {
  const std::uint64_t usual = std::min(2 * header_.size, std::max(header_.size, options_.segment_bytes));
  return round_up(std::min(usual, segment_limit));
}

Status Log::fill_spare(std::uint64_t upto) {
  if (!spare_) {
    Result<std::unique_ptr<DiskFile>> file = disk_->create(spare_name);
    if (!file.ok()) return file.error();
    spare_ = std::move(*file);
    spare_filled_ = 0;
  }
  if (spare_filled_ >= upto) return done();
  const Bytes zeros(std::min<std::uint64_t>(upto - spare_filled_, prepare_bytes));
  while (spare_filled_ < upto) {
    const ByteView part = ByteView(zeros).first(std::min<std::size_t>(zeros.size(), upto - spare_filled_));
    if (Status status = spare_->write(spare_filled_, part); !status.ok()) return status;
    spare_filled_ += part.size();
  }
  return spare_->sync();
}

bool Log::takes(std::size_t body_bytes) const {
  return pending_.empty() && !next_ && free_in_segment() >= stored_size(body_bytes) + seal_size;
}

Status Log::prepare_step() {
  if (is_prepared()) return done();
  const std::uint64_t size = next_size();
  const Result<std::uint64_t> room = disk_->free_bytes();
  if (!room.ok() || *room < size - spare_filled_ + options_.keep_free_bytes) return done();
  Status filled = fill_spare(std::min<std::uint64_t>(size, spare_filled_ + prepare_bytes));
  return !filled.ok() && is_for_want_of_room(filled.error()) ? done() : filled;
}

bool Log::nearly_full() const {
  const std::uint64_t size = next_size();
  const Result<std::uint64_t> room = disk_->free_bytes();
  return !room.ok() || *room < size - std::min(size, spare_filled_) + options_.keep_free_bytes;
}

// The order matters: all of the old segment is durable before the new one says so; the new one is
// durable before the seal says that it must be there, and the seal before anything in the new one
// can be acknowledged. Where room is wanting it goes on from there when it is called again,
// although perhaps for another record.
Status Log::roll(std::size_t record_size, const LogState& before, Level version) {
  if (Status status = write(); !status.ok()) return status;
  if (COORD_RULE_OR(old_segment_synced_before_next, true, false)) {
    if (Status status = sync(); !status.ok()) return status;
  }
  if (!next_) {
    Result<SegmentHeader> next = name_next(record_size, before, version);
    if (!next.ok()) return next.error();
    next_ = *next;
  }
  if (Status status = write_seal(*file_, end_, *next_); !status.ok()) return status;
  file_ = std::move(spare_);
  spare_filled_ = 0;
  header_ = *next_;
  next_.reset();
  end_ = synced_ = segment_header_size;
  return done();
}

// Makes the segment after this one, durably.
Result<SegmentHeader> Log::name_next(std::size_t record_size, const LogState& before, Level version) {
  SegmentHeader next;
  next.identity = header_.identity;
  next.sequence = header_.sequence + 1;
  next.start = offset(end_);
  next.chain = chain_;
  next.state = before;
  next.version = version;
  const std::uint64_t usual = std::max(next_size(), spare_filled_);
  next.size = std::max(usual, round_up(segment_header_size + record_size + seal_size));
  COORD_CHECK(next.size <= segment_limit);
  if (Status status = fill_spare(next.size); !status.ok()) return status.error();
  if (Status status = spare_->write(0, encode_segment_header(next)); !status.ok()) return status.error();
  if (Status status = spare_->sync(); !status.ok()) return status.error();
  if (Status status = disk_->rename(spare_name, segment_name(next.sequence)); !status.ok())
    return status.error();
  if (Status status = disk_->sync_directory(); !status.ok()) return status.error();
  return next;
}

Status write_seal(DiskFile& file, std::size_t end, const SegmentHeader& next) {
  Bytes record;
  append_record(record, RecordType::seal, {}, next.start, next.chain);
  if (Status status = file.write(end, record); !status.ok()) return status;
  return file.sync();
}

}  // namespace coord::store
