// SPDX-License-Identifier: MIT
#include "store/snapshot_file.hpp"

#include <algorithm>
#include <string_view>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "store/crc32c.hpp"
#include "store/numbered_name.hpp"

namespace coord::store {
namespace {

constexpr std::string_view snapshot_prefix = "snapshot-";
constexpr std::string_view snapshot_magic = "coordsnp";
constexpr std::size_t write_step = std::size_t{1} << 20U;

// Everything before the data. It follows from the identity, the reference and the level
// alone, so reading is comparing.
Bytes file_head(const Identity& identity, const SnapshotRef& ref, Level level) {
  ByteWriter out;
  out.put(bytes_of(snapshot_magic));
  out.put(std::uint32_t{level});
  put_identity(out, identity);
  put_snapshot_ref(out, ref);
  return out.take();
}

std::optional<Level> version_in(ByteView file) {
  ByteReader in(file);
  const ByteView found_magic = in.get(snapshot_magic.size());
  const Level version = in.get<std::uint32_t>();
  if (in.failed() || !std::ranges::equal(found_magic, bytes_of(snapshot_magic)) || version < first_level)
    return std::nullopt;
  return version;
}

constexpr std::uint64_t before_state_limit = 1024;

// From level 2 on the voters as of the snapshot stand before the state, and count as a part of it: how many
// bytes they take (none: they are the founders), then as in an entry.
Bytes before_state(const raft::Snapshot& snapshot) {
  ByteWriter out;
  if (snapshot.level < 2) return out.take();
  const Bytes voters = snapshot.voters.empty() ? Bytes() : raft::encode(snapshot.voters);
  out.put(static_cast<std::uint32_t>(voters.size()));
  out.put(voters);
  return out.take();
}

std::optional<raft::Voters> read_before_state(ByteReader& in, Level level) {
  if (level < 2) return raft::Voters{};
  const auto size = in.get<std::uint32_t>();
  if (in.failed() || size > in.left()) return std::nullopt;
  return size == 0 ? raft::Voters{} : raft::decode_voters(in.get(size));
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
  return numbered_name(snapshot_prefix, index.value);
}

std::optional<LogIndex> snapshot_index(const std::string& name) {
  const std::optional<std::uint64_t> number = number_in_name(snapshot_prefix, name);
  if (!number) return std::nullopt;
  return LogIndex{*number};
}

Result<SnapshotRef> write_snapshot(Disk& disk, const Identity& identity, const raft::Snapshot& snapshot) {
  const Bytes said = before_state(snapshot);
  const SnapshotRef ref{snapshot.index, snapshot.term, said.size() + snapshot.data.size(),
                        crc32c(snapshot.data, crc32c(said))};
  Result<std::unique_ptr<DiskFile>> file = disk.create(snapshot_temporary);
  if (!file.ok()) return file.error();
  Bytes head = file_head(identity, ref, snapshot.level);
  head.insert(head.end(), said.begin(), said.end());
  if (Status status = write_all(**file, head, snapshot.data); !status.ok()) {
    if (is_for_want_of_room(status.error())) {
      file->reset();
      if (Status removed = disk.remove(snapshot_temporary); !removed.ok()) return removed.error();
    }
    return status.error();
  }
  if (Status status = disk.rename(snapshot_temporary, snapshot_name(ref.index)); !status.ok())
    return status.error();
  if (Status status = disk.sync_directory(); !status.ok()) return status.error();
  return ref;
}

Result<std::optional<Level>> snapshot_version(Disk& disk, const SnapshotRef& ref) {
  Result<std::unique_ptr<DiskFile>> file = disk.open(snapshot_name(ref.index));
  if (!file.ok()) return file.error();
  const Result<Bytes> start = (*file)->read(0, snapshot_magic.size() + sizeof(std::uint32_t));
  if (!start.ok()) return start.error();
  return version_in(*start);
}

std::optional<raft::Snapshot> decode_snapshot(ByteView file, const Identity& identity,
                                              const SnapshotRef& ref) {
  const std::optional<Level> level = version_in(file);
  if (!level) return std::nullopt;
  const Bytes head = file_head(identity, ref, *level);
  if (file.size() < head.size() || file.size() - head.size() != ref.size) return std::nullopt;
  if (!std::ranges::equal(file.first(head.size()), head)) return std::nullopt;
  const ByteView data = file.subspan(head.size());
  if (crc32c(data) != ref.crc) return std::nullopt;
  ByteReader in(data);
  const std::optional<raft::Voters> voters = read_before_state(in, *level);
  if (!voters) return std::nullopt;
  const ByteView state = in.get(in.left());
  return raft::Snapshot{ref.index, ref.term, Bytes(state.begin(), state.end()), *level, *voters};
}

Result<std::optional<raft::Snapshot>> read_snapshot(Disk& disk, const Identity& identity,
                                                    const SnapshotRef& ref) {
  Result<std::unique_ptr<DiskFile>> file = disk.open(snapshot_name(ref.index));
  if (!file.ok()) return file.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();
  if (ref.size > snapshot_limit + before_state_limit ||
      *size != file_head(identity, ref, first_level).size() + ref.size) {
    return std::optional<raft::Snapshot>();
  }
  const Result<Bytes> content = (*file)->read(0, static_cast<std::size_t>(*size));
  if (!content.ok()) return content.error();
  return decode_snapshot(*content, identity, ref);
}

}  // namespace coord::store
