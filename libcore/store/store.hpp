// SPDX-License-Identifier: MIT
// What a peer must not forget: its votes, its log, its snapshots, its reserved tokens.
//
// Problem: what Raft has acknowledged must survive kill -9, a power cut and a disk that lies, and what has
// not survived must be noticed. Why one file, appended to, is not enough: it cannot be shortened, a torn end
// looks like damage, and a full disk is noticed when it is too late. Answer: a log of chained, checksummed
// records in segments that are filled with zeros beforehand (record.hpp, segment.hpp, log.hpp), snapshots in
// files of their own that count once the log names them (snapshot_file.hpp), and rules for reading all this
// back that would rather refuse than guess (recovery.hpp).
//
// Threading: none. All calls block; a peer makes them on one thread of its own, the simulator in line. After
// any error of persist(), save_snapshot(), reserve_tokens() or prepare() that is not about the argument, what
// is on the disk is unknown: every further call returns the same error, nothing is ever retried, and the peer
// stops. A full disk is no such error (failure() is empty): it has to be waited for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "protocol/raft/events.hpp"
#include "protocol/raft/raft.hpp"
#include "store/body.hpp"
#include "store/log.hpp"
#include "store/options.hpp"
#include "store/outline.hpp"

namespace coord::store {

struct Opened;
struct Recovery;

enum class Saved : std::uint8_t {
  yes,
  not_newer,  // than the last snapshot, one that came from a leader meanwhile perhaps
  no_room,    // on the disk, now
};

class Store {
 public:
  // Opens the log in `disk`, or makes one if there is none: then the incarnation of `identity`, 16 bytes from
  // the system's random source, becomes the peer's for life. Refuses a log of another node or group, and a
  // damaged one. `disk` must outlive the store, and nobody else may change its files (directory_lock.hpp).
  static Result<Opened> open(Disk& disk, const Identity& identity, const Options& options = {});

  // Makes it durable (Persist::sync = false, without hard state and snapshot: hands it to the kernel). The
  // span: in this order, with one sync for all; after a crash the log ends somewhere within them, at the end
  // of one. An error without failure(): there is no room on the disk now. Nothing of it is durable for
  // certain; the next call must begin with the same ones.
  Status persist(const raft::Persist& persist) { return this->persist(std::span(&persist, 1)); }
  Status persist(std::span<const raft::Persist> persists);

  // The peer's own compaction: `snapshot` holds the state with everything up to its index applied. Durable on
  // return; then the log up to there is dropped. It must not reach beyond last_index(). What is not stored is
  // not lost either: the log still holds it. An error without failure(), as of persist(): the next call must
  // be this one again.
  Result<Saved> save_snapshot(const raft::Snapshot& snapshot);

  // persist() of it would do no more than hand its bytes to the kernel, into space that is there: no
  // sync, no directory operation.
  bool is_quick(const raft::Persist& persist) const;

  // Tokens up to and including `upto` may be handed out by entries that are not synced:
  // durable on return, never lowered.
  Status reserve_tokens(Token upto);
  Token tokens_reserved() const { return tokens_; }

  // One bounded step of making the next segment ahead of time. Call it when persist() has been answered and
  // nothing waits; without it the segment is made where it is needed, and that persist() takes as long.
  Status prepare();
  bool is_prepared() const { return log_.is_prepared(); }

  // Proposals should be refused, so that what is left is there for releases, expiries, elections. A statvfs a
  // call: ask after each persist(), and now and then while it is true, for it ends when somebody makes room.
  bool nearly_full() const { return log_.nearly_full(); }

  // Bytes of all segments: what the next start has to read, and a measure of when to take a snapshot.
  std::uint64_t log_bytes() const;
  LogIndex last_index() const { return LogIndex{outline_.state().next.value - 1}; }
  LogIndex snapshot_index() const { return outline_.state().snapshot.index; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  struct SegmentFile {
    std::uint64_t sequence = 0;
    std::uint64_t size = 0;
  };

  Store(Disk& disk, const Options& options, const Identity& identity, Log log);
  static Result<Opened> make_new(Disk& disk, const Identity& identity, const Options& options);
  static Result<Opened> take_over(Disk& disk, Identity identity, const Options& options, Recovery recovery);

  Status check_fits(const raft::Persist& persist) const;
  Status add(const raft::Persist& persist);
  Status replace_snapshot(const raft::Snapshot& snapshot);
  Result<Saved> finish_snapshot();
  Status append(RecordType type, ByteView body);
  Status begin_version(Level version, std::size_t record_bytes);
  void note_segments(std::uint64_t before);
  Status drop_covered(const Outline& outline);  // what its snapshot makes superfluous
  Status remove_files(const std::vector<std::string>& names);
  Status settle(Status status);  // remembers an error for good

  Disk* disk_;
  Options options_;
  Identity identity_;
  Log log_;
  Outline outline_;
  std::vector<SegmentFile> segments_;     // ascending; the last is being written
  std::vector<LogIndex> snapshot_files_;  // ascending
  bool snapshot_unsynced_ = false;        // the last one is named in the log, and that is not durable yet
  Token tokens_{};  // reserved durably; the log may hold more that found no room and is not written yet
  std::size_t added_ = 0;  // of a persist() that found no room: how many are in the log and not written yet
  std::optional<Error> failure_;
};

struct Opened {
  Store store;
  raft::Recovered recovered;
  raft::Incarnation incarnation{};  // the peer's, whether made now or long ago
  bool was_empty = false;           // there was no log
  std::vector<std::string> notes;   // what a crash had left unfinished and was cut off, one line each
};

}  // namespace coord::store
