// SPDX-License-Identifier: MIT
#include "store/store.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "store/recovery.hpp"
#include "store/refusal.hpp"
#include "store/snapshot_file.hpp"

namespace coord::store {
namespace {

Error misfit(const Options& options, std::string what) {
  return {ErrorKind::internal, shown_path(options, ""), std::move(what), "please report this"};
}

bool is_contiguous(const std::vector<raft::Entry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].index.value != entries.front().index.value + i) return false;
  }
  return true;
}

std::size_t body_bound(const raft::Persist& persist) {
  std::size_t bytes = segment_header_size;  // more than a hard state and a snapshot's name
  for (const raft::Entry& entry : persist.entries) bytes += 20 + entry.data.size();
  return bytes;
}

}  // namespace

Store::Store(Disk& disk, const Options& options, const Identity& identity, Log log)
    : disk_(&disk), options_(options), identity_(identity), log_(std::move(log)) {}

Result<Opened> Store::open(Disk& disk, const Identity& identity, const Options& options) {
  Result<std::optional<Recovery>> recovery = recover(disk, options, identity);
  if (!recovery.ok()) return recovery.error();
  if (!*recovery) return make_new(disk, identity, options);
  return take_over(disk, identity, options, std::move(**recovery));
}

Result<Opened> Store::make_new(Disk& disk, const Identity& identity, const Options& options) {
  const Result<std::vector<std::string>> names = disk.list();  // an unfinished first start leaves these
  if (!names.ok()) return unusable(options, names.error());
  for (const std::string& name : *names) {
    if (name != spare_name && name != snapshot_temporary) continue;
    if (Status status = disk.remove(name); !status.ok()) return unusable(options, status.error());
  }
  Result<Log> log = Log::create(disk, options, identity);
  if (!log.ok()) return unusable(options, log.error());
  Store store(disk, options, identity, std::move(*log));
  store.segments_.push_back({store.log_.sequence(), store.log_.size()});
  return Opened{std::move(store), {}, identity.incarnation, true, {}};
}

Result<Opened> Store::take_over(Disk& disk, Identity identity, const Options& options, Recovery recovery) {
  identity.incarnation = recovery.last.identity.incarnation;
  Store store(disk, options, identity,
              Log(disk, options, std::move(recovery.file), recovery.last, recovery.end, recovery.chain));
  store.outline_ = std::move(recovery.outline);
  store.tokens_ = store.outline_.state().tokens;
  for (const auto& [sequence, size] : recovery.segments) store.segments_.push_back({sequence, size});
  if (store.snapshot_index().value != 0) store.snapshot_files_.push_back(store.snapshot_index());
  if (Status status = store.remove_files(recovery.leftovers); !status.ok())
    return unusable(options, status.error());
  if (Status status = store.drop_covered(store.outline_); !status.ok())
    return unusable(options, status.error());
  return Opened{std::move(store), std::move(recovery.raft), identity.incarnation, false,
                std::move(recovery.notes)};
}

Status Store::settle(Status status) {
  if (!status.ok() && is_for_want_of_room(status.error())) return waits_for_room(options_, status.error());
  if (!status.ok()) failure_ = stopped(options_, status.error());
  return failure_ ? Status(*failure_) : done();
}

// Also where a call then found no room: a segment that it had made before is there.
void Store::note_segments(std::uint64_t before) {
  while (before < log_.sequence()) segments_.push_back({++before, log_.size()});
}

Status Store::append(RecordType type, ByteView body) {
  const std::uint64_t before = log_.sequence();
  Status appended = log_.append(type, body, outline_.state());
  note_segments(before);
  return appended;
}

Status Store::begin_version(Level version, std::size_t record_bytes) {
  const std::uint64_t before = log_.sequence();
  Status begun = log_.begin_version(version, record_bytes, outline_.state());
  note_segments(before);
  return begun;
}

// Before anything is written: a log that contradicts itself could not be read back.
Status Store::check_fits(const raft::Persist& persist) const {
  const std::optional<raft::Snapshot>& snapshot = persist.snapshot;
  const std::vector<raft::Entry>& entries = persist.entries;
  if (snapshot && (snapshot->index <= snapshot_index() || snapshot->index.value == UINT64_MAX)) {
    return misfit(options_, "a snapshot to install that is not newer than the last");
  }
  if (snapshot && snapshot->data.size() > snapshot_limit)
    return misfit(options_, "a snapshot that is too large");
  if (persist.hard_state && persist.hard_state->founders.size() > founders_limit)
    return misfit(options_, "a group that is too large");
  if (entries.empty()) return done();
  const LogIndex covered = snapshot ? snapshot->index : snapshot_index();
  const LogIndex end = snapshot ? covered : last_index();
  const LogIndex from = entries.front().index;
  if (from <= covered || from.value > end.value + 1 || entries.size() >= UINT64_MAX - from.value) {
    return misfit(options_,
                  fmt::format("entry {} does not follow a log that ends at {}, with a snapshot up to {}",
                              from.value, end.value, covered.value));
  }
  if (!is_contiguous(entries) || body_bound(persist) > record_limit) {
    return misfit(options_, "entries that are not contiguous, or too many at once");
  }
  return done();
}

Status Store::add(const raft::Persist& persist) {
  if (Status status = check_fits(persist); !status.ok()) return status;
  std::optional<SnapshotRef> ref;
  if (persist.snapshot) {
    Result<SnapshotRef> written = write_snapshot(*disk_, identity_, *persist.snapshot);
    if (!written.ok()) return written.error();
    ref = *written;
    if (snapshot_files_.empty() || snapshot_files_.back() != ref->index)
      snapshot_files_.push_back(ref->index);
  }
  if (!ref && persist.entries.empty() && !persist.hard_state) return done();
  // The segment first: how the record is laid out is its version's.
  if (Status status = begin_version(level_of(persist), body_bound(persist)); !status.ok()) return status;
  const Bytes body = encode_persist(persist, ref, log_.version());
  if (Status status = append(RecordType::persist, body); !status.ok()) return status;
  if (ref) COORD_CHECK(outline_.install(*ref));
  if (!persist.entries.empty()) {
    COORD_CHECK(outline_.append(persist.entries.front().index, persist.entries.size(), log_.sequence()));
  }
  if (persist.hard_state) outline_.vote(*persist.hard_state);
  return done();
}

Status Store::persist(std::span<const raft::Persist> persists) {
  if (failure_) return *failure_;
  bool must_sync = false;
  bool installs = false;
  for (std::size_t i = 0; i < persists.size(); ++i) {
    const raft::Persist& persist = persists[i];
    installs = installs || persist.snapshot;
    must_sync = must_sync || persist.sync || persist.snapshot || persist.hard_state;
    if (i < added_) continue;
    if (Status status = add(persist); !status.ok()) return settle(status);
    added_ = i + 1;
  }
  if (Status status = must_sync ? log_.sync() : log_.write(); !status.ok()) return settle(status);
  added_ = 0;
  return settle(installs ? drop_covered(outline_) : done());
}

bool Store::is_quick(const raft::Persist& persist) const {
  return !persist.sync && !persist.snapshot && !persist.hard_state && level_of(persist) <= log_.version() &&
         log_.takes(body_bound(persist));
}

Result<Saved> Store::save_snapshot(const raft::Snapshot& snapshot) {
  if (failure_) return *failure_;
  if (snapshot_unsynced_ && snapshot.index == snapshot_index()) return finish_snapshot();
  if (snapshot.index <= snapshot_index()) return Saved::not_newer;
  const Result<std::uint64_t> room = disk_->free_bytes();
  if (!room.ok() || *room < snapshot.data.size() + segment_header_size) return Saved::no_room;
  Status status = replace_snapshot(snapshot);
  if (!status.ok() && is_for_want_of_room(status.error())) return Saved::no_room;
  if (!status.ok()) return settle(std::move(status)).error();
  return finish_snapshot();
}

// Its record is in the log; until that is durable the older files are still needed.
Result<Saved> Store::finish_snapshot() {
  Status status = log_.sync();
  snapshot_unsynced_ = !status.ok();
  if (status.ok()) status = drop_covered(outline_);
  if (status = settle(status); !status.ok()) return status.error();
  return Saved::yes;
}

Status Store::replace_snapshot(const raft::Snapshot& snapshot) {
  Outline compacted = outline_;
  if (!compacted.compact({snapshot.index, snapshot.term, 0, 0}) || snapshot.data.size() > snapshot_limit) {
    return misfit(options_, fmt::format("a snapshot at {} of {} bytes for a log that ends at {}",
                                        snapshot.index.value, snapshot.data.size(), last_index().value));
  }
  // The snapshot must not reach beyond what is durable: the log would end before it.
  if (Status status = log_.sync(); !status.ok()) return status;
  if (COORD_RULE_OR(old_segments_after_new_snapshot, false, true)) {
    if (Status status = drop_covered(compacted); !status.ok()) return status;
  }
  const Result<SnapshotRef> ref = write_snapshot(*disk_, identity_, snapshot);
  if (!ref.ok()) return ref.error();
  Status named = begin_version(snapshot.level, segment_header_size);
  if (named.ok()) named = append(RecordType::snapshot, encode_snapshot_ref(*ref));
  if (!named.ok()) {
    if (!is_for_want_of_room(named.error())) return named;
    if (Status removed = remove_files({snapshot_name(ref->index)}); !removed.ok()) return removed;
    return named;
  }
  snapshot_files_.push_back(ref->index);
  outline_.compact(*ref);
  return done();
}

Status Store::reserve_tokens(Token upto) {
  if (failure_) return *failure_;
  if (upto <= tokens_reserved()) return done();
  // What is in the log counts for the header of the next segment, also while there is no room to write it.
  if (upto > outline_.state().tokens) {
    if (Status status = append(RecordType::tokens, encode_tokens(upto)); !status.ok()) return settle(status);
    outline_.reserve(upto);
  }
  if (Status status = COORD_RULE_OR(reserved_tokens_are_synced, log_.sync(), log_.write()); !status.ok()) {
    return settle(status);
  }
  tokens_ = outline_.state().tokens;
  return done();
}

Status Store::prepare() {
  if (failure_) return *failure_;
  return settle(log_.prepare_step());
}

std::uint64_t Store::log_bytes() const {
  std::uint64_t bytes = 0;
  for (const SegmentFile& segment : segments_) bytes += segment.size;
  return bytes;
}

Status Store::drop_covered(const Outline& outline) {
  std::vector<std::string> names;
  const std::uint64_t oldest = outline.oldest_needed(log_.sequence());
  while (segments_.front().sequence < oldest) {
    names.push_back(segment_name(segments_.front().sequence));
    segments_.erase(segments_.begin());
  }
  std::erase_if(snapshot_files_, [&](LogIndex index) {
    if (index == outline.state().snapshot.index) return false;
    names.push_back(snapshot_name(index));
    return true;
  });
  return remove_files(names);
}

Status Store::remove_files(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (Status status = disk_->remove(name); !status.ok()) return status;
  }
  return names.empty() ? done() : disk_->sync_directory();
}

}  // namespace coord::store
