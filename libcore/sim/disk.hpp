// SPDX-License-Identifier: MIT
// A disk in memory that behaves as badly as disks are allowed to.
//
// Problem: a log that was only ever run on a healthy disk has never been tested: what matters is what it
// finds after a power cut, a full disk, an EIO, a flipped bit. Why a list of whole writes that may be lost is
// not enough: a kernel writes back sectors, not calls, in any order, at any time, and a sector under the head
// when the power goes may be half new; names and contents become durable apart. Model:
// - A file is its cache (what read() sees) and, for each 512-byte sector not yet synced, the contents that
//   the platter may hold instead: the last synced one and (some of) those written since. sync() forgets them.
// - A power cut picks one of these for every such sector, or a torn one: a prefix of the newer, the rest
//   older. The size is picked apart. Directory operations since the last sync_directory() survive as any
//   subset, in order: a file may be synced and have no name.
// - A process crash (kill -9) loses nothing: the cache is the kernel's. It does not make
//   anything durable either.
// - A failed sync() marks the cache clean without writing it, as Linux does: a later sync() succeeds and
//   leaves the platter old (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020,
//   section 3).
// - A fault can be armed for the k-th call from now: EIO, ENOSPC, or a crash in the middle of it, thrown
//   as SimCrash.
//
// Threading: none. Calls cost virtual time only, collected by take_elapsed(). The same Random and the same
// calls give the same disk.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/random.hpp"
#include "sim/fault_kind.hpp"

namespace coord::sim {

// the unit that a disk writes whole, except when the power goes
inline constexpr std::size_t sector_size = 512;

enum class CrashKind : std::uint8_t { process, power };

// Thrown out of a disk call in which the machine or the process dies. The world catches it; what stands
// between must not. Not a std::exception, so that no handler takes it for an error.
struct SimCrash {
  CrashKind kind = CrashKind::process;
};

struct DiskConfig {
  std::uint64_t capacity = std::uint64_t{1} << 30U;  // bytes of all files; beyond: ENOSPC
  Duration call_low = std::chrono::microseconds(2);  // every call that is no sync takes [call_low, call_high]
  Duration call_high = std::chrono::microseconds(40);
  Duration sync_low = std::chrono::microseconds(100);
  Duration sync_high = std::chrono::milliseconds(3);
};

enum class DiskFault : std::uint8_t {
  error,          // EIO; a write may have been done in part, a failed sync leaves the platter old for good
  no_space,       // ENOSPC at the first write, truncate or create that is reached
  crash_process,  // SimCrash before, after or (write) in the middle of the call
  crash_power,    // the same; the world then calls crash(power)
};

enum class Strikes : std::uint8_t {
  any_call,
  // create, rename, remove and sync_directory only: they are rare, and a crash between them is the hard one
  directory,
};

class VirtualDisk final : public coord::Disk {
 public:
  // Picks one of `options` (> 0) possibilities: [0, options). 0 is always what is already durable ("lost").
  using Choose = std::function<std::size_t(std::size_t options)>;

  explicit VirtualDisk(Random random, DiskConfig config = {});
  VirtualDisk(const VirtualDisk&) = delete;
  VirtualDisk& operator=(const VirtualDisk&) = delete;
  ~VirtualDisk() override;

  // ---- what the store calls (base/disk.hpp). Handles of files must not outlive a crash: checked.
  Result<std::vector<std::string>> list() override;
  Result<std::unique_ptr<DiskFile>> open(const std::string& name) override;
  Result<std::unique_ptr<DiskFile>> create(const std::string& name) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& name) override;
  Status sync_directory() override;
  Result<std::uint64_t> free_bytes() override;

  // ---- what the world does to it
  void crash(CrashKind kind);  // a power cut picks at random, among it: all lost, all kept, a prefix kept
  void power_cut(const Choose& choose);  // a power cut whose every choice is the caller's: for enumerations
  // At the first call, of those that it strikes, that comes after so many others; 0:
  // the very next call may be it.
  void arm(std::uint64_t calls_from_now, DiskFault fault, Strikes where = Strikes::any_call);
  void disarm();                // forgets armed faults and stalls
  void stall(Duration length);  // the next call takes so much longer
  std::uint64_t capacity() const { return config_.capacity; }
  void set_capacity(std::uint64_t bytes) { config_.capacity = bytes; }
  // Damage to synced data, in the cache as well. False if there is no such byte.
  bool flip_bit(const std::string& name, std::uint64_t offset, unsigned bit);
  // The same at a random place that is synced; `name: byte N, bit B`, or nothing if no
  // file holds a synced byte.
  std::optional<std::string> flip_random_bit();
  void replace();  // by an empty disk of the same size; no process may have files open

  // ---- what a test or the world asks
  Duration take_elapsed();  // virtual time spent in calls since the last time this was asked
  std::uint64_t calls() const { return calls_; }  // all calls so far: a test arms a fault at each of them
  std::size_t unsynced_sectors() const;
  std::size_t unsynced_directory_ops() const { return pending_.size(); }
  std::map<std::string, Bytes> contents() const;  // as read() would give them; free of charge
  std::uint64_t used_bytes() const;
  const FaultCounts& counts() const { return counts_; }
  std::unique_ptr<VirtualDisk> clone()
      const;  // the same disk with the same future; open handles stay with this one

 private:
  friend class VirtualFile;
  using Sector = std::array<std::uint8_t, sector_size>;
  enum class Call : std::uint8_t { read, write, sync, create, change, sync_directory };

  struct Inode {
    Bytes cache;
    std::uint64_t durable_size = 0;
    std::map<std::uint64_t, std::vector<Sector>>
        unsynced;  // by sector: [0] on the platter, then written since
    std::map<std::uint64_t, Sector>
        stale;  // by sector: on the platter, because a sync failed; sync() does not help
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct DirectoryOp {
    enum class Kind : std::uint8_t { create, rename, remove } kind;
    std::string name;
    std::string to;
    std::shared_ptr<Inode> inode;
  };
  struct Armed {
    std::uint64_t at_call = 0;
    DiskFault fault = DiskFault::error;
    Strikes where = Strikes::any_call;
  };

  std::optional<DiskFault> enter(Call call);  // counts and times a call; the fault that strikes it, if any
  bool takes_effect(std::optional<DiskFault> fault);  // no fault, or a crash just after the call
  Error fail(DiskFault fault, const std::string& name, const char* what);  // or throws SimCrash
  void overwrite(Inode& inode, std::uint64_t offset, ByteView data);
  void remember(Inode& inode, std::uint64_t sector);
  void resize(Inode& inode, std::uint64_t size);
  void fail_sync(Inode& inode);
  void settle(Inode& inode, const Choose& choose);
  void settle_directory(const Choose& choose);
  void change(DirectoryOp op);
  void apply(Names& names, const DirectoryOp& op);
  Choose random_choice();
  static Sector sector_at(const Bytes& bytes, std::uint64_t sector);
  static void put_sector(Bytes& bytes, std::uint64_t sector, const Sector& content);

  Random random_;
  DiskConfig config_;
  Names names_;    // what list() and open() see
  Names durable_;  // what a power cut leaves at least
  std::vector<DirectoryOp> pending_;
  std::vector<Armed> armed_;
  std::uint64_t calls_ = 0;
  std::uint64_t boot_ = 0;  // counts crashes: a handle of an earlier life is a bug
  Duration elapsed_{};
  Duration stall_{};
  FaultCounts counts_;
};

}  // namespace coord::sim
