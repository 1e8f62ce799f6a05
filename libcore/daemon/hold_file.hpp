// SPDX-License-Identifier: MIT
// Where a peer keeps what its next life must know of the sessions that are held (replica::HoldRecord).
//
// The problem. A peer that is killed leaves commands running under its sessions; the next one must find them
// again, and must be sure that it has found all: whoever is not found loses its lock. Writing a file for each
// grant costs two directory operations a lock; syncing it would cost a disk's latency.
//
// The way here. One file of fixed places, `sessions/holds` in the state directory, each place one record with
// its checksum, written by one pwrite(2): a process that is killed has either written it or not, and what it
// wrote survives it in the kernel's memory. Nothing is synced: what a machine's crash takes away were records
// of holders that it took away too, and a record of an earlier boot says so itself. A place whose checksum is
// wrong was being written when its process was killed: its grant had not been told.
//
// Releases. A peer may be upgraded, and taken back to an earlier release, while its sessions are held. What
// 0.1.0 reads stands first in a place and never changes; fields that came later follow as a part of their
// own, with its version and checksum, where an earlier release does not look, and goes when it writes the
// place. So each release finds every holder; a field that is not there has its default.
//
// Threading: one owner. A write may wait for the file system as any write to a cached page may.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "process/process_id.hpp"
#include "replica/tool_events.hpp"

namespace coord::daemon {

using BootId = std::array<std::uint8_t, 16>;
// Of this boot of the machine; all zeros where the kernel does not tell.
BootId boot_id();

// Of the record that is written. A field that comes later is the last in KeptHold::serialize(), with
// archive.since(): what is before it stays as it is.
inline constexpr std::uint32_t kept_hold_version = 2;

struct KeptHold {
  replica::HoldRecord hold;
  BootId boot{};
  process::ProcessId tool;     // the wrapper
  process::ProcessId command;  // pid 0: not known
  process::ProcessId holder;   // pid 0: whoever has the descriptor
  std::uint64_t file = 0;      // the number of the session's FIFO (HoldStock); 0: it has none
  pid_t maker = 0;  // of its control group: the wrapper's number in its own PID namespace; 0: as in `tool`

  bool operator==(const KeptHold&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(hold, boot, tool.pid, tool.start_ticks, command.pid, command.start_ticks, holder.pid,
            holder.start_ticks, file);
    archive.since(2, hold.taken_up, maker, hold.elsewhere, hold.takes_part);
  }
};

class HoldFile {
 public:
  // Opens or makes the file. ErrorKind::unavailable.
  static Result<HoldFile> open(const std::string& path);

  // What an earlier life left, of this boot or an earlier one.
  const std::vector<KeptHold>& found() const { return found_; }
  // It is all that there was of sessions from this registration on; 0: since when is not known, as in a new
  // file until complete_since() is told.
  service::ClientId complete_since() const { return complete_since_; }
  Status complete_since(service::ClientId registration);

  // Writes the record, in place of an older one of the same session.
  Status keep(const KeptHold& hold);
  void forget(SessionId session);

 private:
  HoldFile(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Status read();
  Status write(std::size_t place, ByteView record);

  Descriptor file_;
  std::string path_;
  std::vector<KeptHold> found_;
  service::ClientId complete_since_{};
  std::map<SessionId, std::size_t> places_;
  std::vector<std::size_t> free_;
  std::size_t end_ = 0;  // places in the file
};

}  // namespace coord::daemon
