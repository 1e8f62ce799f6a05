// SPDX-License-Identifier: MIT
#include "sim/disk.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"

namespace coord::sim {

namespace {

Error gone(const std::string& name) {
  return {ErrorKind::unavailable, name, "no such file", "check the state directory"};
}

}  // namespace

class VirtualFile final : public DiskFile {
 public:
  VirtualFile(VirtualDisk& disk, std::string name, std::shared_ptr<VirtualDisk::Inode> inode)
      : disk_(disk), name_(std::move(name)), inode_(std::move(inode)), boot_(disk.boot_) {}

  Status write(std::uint64_t offset, ByteView data) override;
  Result<Bytes> read(std::uint64_t offset, std::size_t size) override;
  Status sync() override;
  Result<std::uint64_t> size() override;
  Status truncate(std::uint64_t size) override;

 private:
  std::optional<DiskFault> enter(VirtualDisk::Call call) {
    COORD_CHECK(boot_ == disk_.boot_);  // a handle does not survive the process that opened it
    return disk_.enter(call);
  }

  VirtualDisk& disk_;
  std::string name_;
  std::shared_ptr<VirtualDisk::Inode> inode_;
  std::uint64_t boot_;
};

Status VirtualFile::write(std::uint64_t offset, ByteView data) {
  auto fault = enter(VirtualDisk::Call::write);
  std::size_t reaches = data.size();
  if (fault) reaches = static_cast<std::size_t>(disk_.random_.below(data.size() + 1));
  const std::uint64_t old_size = inode_->cache.size();
  const std::uint64_t room = disk_.config_.capacity - std::min(disk_.config_.capacity, disk_.used_bytes());
  if (offset + reaches > old_size && offset + reaches - old_size > room) {
    if (!fault) fault = DiskFault::no_space;
    reaches = offset >= old_size + room ? 0 : static_cast<std::size_t>(old_size + room - offset);
  }
  disk_.overwrite(*inode_, offset, data.first(reaches));
  if (fault) return disk_.fail(*fault, name_, "write");
  return done();
}

Result<Bytes> VirtualFile::read(std::uint64_t offset, std::size_t size) {
  if (const auto fault = enter(VirtualDisk::Call::read)) return disk_.fail(*fault, name_, "read");
  const Bytes& cache = inode_->cache;
  if (offset >= cache.size()) return Bytes{};
  const auto begin = cache.begin() + static_cast<std::ptrdiff_t>(offset);
  const std::size_t left = cache.size() - static_cast<std::size_t>(offset);
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, left)));
}

Status VirtualFile::sync() {
  const auto fault = enter(VirtualDisk::Call::sync);
  if (fault == DiskFault::error) disk_.fail_sync(*inode_);
  if (disk_.takes_effect(fault)) {
    inode_->unsynced.clear();
    inode_->durable_size = inode_->cache.size();
  }
  if (fault) return disk_.fail(*fault, name_, "fdatasync");
  return done();
}

Result<std::uint64_t> VirtualFile::size() {
  if (const auto fault = enter(VirtualDisk::Call::read)) return disk_.fail(*fault, name_, "stat");
  return std::uint64_t{inode_->cache.size()};
}

Status VirtualFile::truncate(std::uint64_t size) {
  auto fault = enter(VirtualDisk::Call::write);
  if (!fault && size > inode_->cache.size() &&
      size - inode_->cache.size() + disk_.used_bytes() > disk_.config_.capacity) {
    fault = DiskFault::no_space;
  }
  if (disk_.takes_effect(fault)) disk_.resize(*inode_, size);
  if (fault) return disk_.fail(*fault, name_, "truncate");
  return done();
}

VirtualDisk::VirtualDisk(Random random, DiskConfig config) : random_(random), config_(config) {}
VirtualDisk::~VirtualDisk() = default;

Result<std::vector<std::string>> VirtualDisk::list() {
  if (const auto fault = enter(Call::read)) return fail(*fault, "directory", "list");
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

Result<std::unique_ptr<DiskFile>> VirtualDisk::open(const std::string& name) {
  if (const auto fault = enter(Call::read)) return fail(*fault, name, "open");
  const auto found = names_.find(name);
  if (found == names_.end()) return gone(name);
  return std::unique_ptr<DiskFile>(std::make_unique<VirtualFile>(*this, name, found->second));
}

Result<std::unique_ptr<DiskFile>> VirtualDisk::create(const std::string& name) {
  const auto fault = enter(Call::create);
  const bool exists = names_.contains(name);
  auto inode = std::make_shared<Inode>();
  if (!exists && takes_effect(fault)) change({DirectoryOp::Kind::create, name, "", inode});
  if (fault) return fail(*fault, name, "create");
  if (exists) return Error{ErrorKind::unavailable, name, "file exists", "remove it"};
  return std::unique_ptr<DiskFile>(std::make_unique<VirtualFile>(*this, name, std::move(inode)));
}

Status VirtualDisk::rename(const std::string& from, const std::string& to) {
  const auto fault = enter(Call::change);
  const auto found = names_.find(from);
  const bool exists = found != names_.end();
  if (exists && takes_effect(fault)) change({DirectoryOp::Kind::rename, from, to, found->second});
  if (fault) return fail(*fault, from, "rename");
  return exists ? done() : Status(gone(from));
}

Status VirtualDisk::remove(const std::string& name) {
  const auto fault = enter(Call::change);
  const auto found = names_.find(name);
  const bool exists = found != names_.end();
  if (exists && takes_effect(fault)) change({DirectoryOp::Kind::remove, name, "", found->second});
  if (fault) return fail(*fault, name, "remove");
  return exists ? done() : Status(gone(name));
}

Status VirtualDisk::sync_directory() {
  const auto fault = enter(Call::sync_directory);
  if (takes_effect(fault)) {
    durable_ = names_;
    pending_.clear();
  }
  if (fault) return fail(*fault, "directory", "fsync");
  return done();
}

Result<std::uint64_t> VirtualDisk::free_bytes() {
  if (const auto fault = enter(Call::read)) return fail(*fault, "directory", "statvfs");
  return config_.capacity - std::min(config_.capacity, used_bytes());
}

// ---- calls and their faults

bool VirtualDisk::takes_effect(std::optional<DiskFault> fault) {
  if (!fault) return true;
  const bool crashes = *fault == DiskFault::crash_process || *fault == DiskFault::crash_power;
  return crashes && random_.chance(0.5);  // the process may die just before or just after
}

void VirtualDisk::change(DirectoryOp op) {
  apply(names_, op);
  pending_.push_back(std::move(op));
}

std::optional<DiskFault> VirtualDisk::enter(Call call) {
  const std::uint64_t number = calls_++;
  const bool syncs = call == Call::sync || call == Call::sync_directory;
  elapsed_ += syncs ? random_.between(config_.sync_low, config_.sync_high)
                    : random_.between(config_.call_low, config_.call_high);
  elapsed_ += std::exchange(stall_, Duration{});
  for (auto armed = armed_.begin(); armed != armed_.end(); ++armed) {
    const bool needs_space = call == Call::write || call == Call::create;
    const bool directory = call == Call::create || call == Call::change || call == Call::sync_directory;
    if (number < armed->at_call) continue;
    if (armed->fault == DiskFault::no_space && !needs_space) continue;
    if (armed->where == Strikes::directory && !directory) continue;
    const DiskFault fault = armed->fault;
    armed_.erase(armed);
    return fault;
  }
  return std::nullopt;
}

Error VirtualDisk::fail(DiskFault fault, const std::string& name, const char* what) {
  switch (fault) {
    case DiskFault::crash_process:
      counts_.add(FaultKind::crash_in_call);
      throw SimCrash{CrashKind::process};
    case DiskFault::crash_power:
      counts_.add(FaultKind::crash_in_call);
      throw SimCrash{CrashKind::power};
    case DiskFault::no_space:
      counts_.add(FaultKind::disk_full);
      return {ErrorKind::output, name, fmt::format("{}: no space left on device", what), "free some space"};
    case DiskFault::error:
      break;
  }
  counts_.add(FaultKind::disk_error);
  return {ErrorKind::unavailable, name, fmt::format("{}: input/output error", what), "replace the disk"};
}

void VirtualDisk::arm(std::uint64_t calls_from_now, DiskFault fault, Strikes where) {
  armed_.push_back({calls_ + calls_from_now, fault, where});
}

void VirtualDisk::disarm() {
  armed_.clear();
  stall_ = Duration{};
}

void VirtualDisk::stall(Duration length) {
  counts_.add(FaultKind::disk_stall);
  stall_ = std::max(stall_, length);
}

Duration VirtualDisk::take_elapsed() {
  return std::exchange(elapsed_, Duration{});
}

}  // namespace coord::sim
