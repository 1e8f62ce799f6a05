#include "store/snapshot_file.hpp"

#include <algorithm>
#include <string_view>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "store/crc32c.hpp"
#include "store/numbered_name.hpp"

namespace coord::store {
namespace {

constexpr std::string_view prefix = "snapshot-";
constexpr std::string_view magic = "coordsnp";
constexpr std::uint32_t version = 1;
constexpr std::size_t write_step = std::size_t{1} << 20U;

// Everything before the data. It follows from the identity and the reference alone, so reading is comparing.
Bytes file_head(const Identity& identity, const SnapshotRef& ref) {
  ByteWriter out;
  out.put(bytes_of(magic));
  out.put(version);
  put_identity(out, identity);
  put_snapshot_ref(out, ref);
  return out.take();
}

Error bad_file(const SnapshotRef& ref, std::string what) {
  return {ErrorKind::unavailable, snapshot_name(ref.index), std::move(what), ""};
}

Status write_all(DiskFile& file, const Bytes& head, ByteView data) {
  if (Status status = file.write(0, head); !status.ok()) return status;
  for (std::size_t at = 0; at < data.size(); at += write_step) {
    const ByteView part = data.subspan(at, std::min(write_step, data.size() - at));
    if (Status status = file.write(head.size() + at, part); !status.ok()) return status;
  }
  if (COORD_RULE_OR(snapshot_synced_before_rename, true, false)) return file.sync();
  return done();
}

}  // namespace

std::string snapshot_name(LogIndex index) {
  return numbered_name(prefix, index.value);
}

std::optional<LogIndex> snapshot_index(const std::string& name) {
  const std::optional<std::uint64_t> number = number_in_name(prefix, name);
  if (!number) return std::nullopt;
  return LogIndex{*number};
}

Result<SnapshotRef> write_snapshot(Disk& disk, const Identity& identity, const raft::Snapshot& snapshot) {
  const SnapshotRef ref{snapshot.index, snapshot.term, snapshot.data.size(), crc32c(snapshot.data)};
  Result<std::unique_ptr<DiskFile>> file = disk.create(snapshot_temporary);
  if (!file.ok()) return file.error();
  if (Status status = write_all(**file, file_head(identity, ref), snapshot.data); !status.ok())
    return status.error();
  if (Status status = disk.rename(snapshot_temporary, snapshot_name(ref.index)); !status.ok())
    return status.error();
  if (Status status = disk.sync_directory(); !status.ok()) return status.error();
  return ref;
}

std::optional<Bytes> decode_snapshot(ByteView file, const Identity& identity, const SnapshotRef& ref) {
  const Bytes head = file_head(identity, ref);
  if (file.size() < head.size() || file.size() - head.size() != ref.size) return std::nullopt;
  if (!std::ranges::equal(file.first(head.size()), head)) return std::nullopt;
  const ByteView data = file.subspan(head.size());
  if (crc32c(data) != ref.crc) return std::nullopt;
  return Bytes(data.begin(), data.end());
}

Result<raft::Snapshot> read_snapshot(Disk& disk, const Identity& identity, const SnapshotRef& ref) {
  Result<std::unique_ptr<DiskFile>> file = disk.open(snapshot_name(ref.index));
  if (!file.ok()) return file.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();
  const std::size_t head_size = file_head(identity, ref).size();
  if (ref.size > snapshot_limit || *size != head_size + ref.size) {
    return bad_file(ref, "has " + std::to_string(*size) + " bytes, not the " +
                             std::to_string(head_size + ref.size) + " that the log names");
  }
  const Result<Bytes> content = (*file)->read(0, static_cast<std::size_t>(*size));
  if (!content.ok()) return content.error();
  std::optional<Bytes> data = decode_snapshot(*content, identity, ref);
  if (!data) return bad_file(ref, "damaged: it is not the snapshot that the log names (header or checksum)");
  return raft::Snapshot{ref.index, ref.term, std::move(*data)};
}

}  // namespace coord::store
