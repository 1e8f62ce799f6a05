// SPDX-License-Identifier: MIT
// The cache, the platter, and what is left of both after a crash.
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "sim/disk.hpp"

namespace coord::sim {

namespace {

// Contents that a sector may turn out to hold: the platter's and the newest few; more would only cost memory.
constexpr std::size_t versions_kept = 4;

std::uint64_t sector_of(std::uint64_t offset) {
  return offset / sector_size;
}

}  // namespace

// ---- the cache

VirtualDisk::Sector VirtualDisk::sector_at(const Bytes& bytes, std::uint64_t sector) {
  Sector content{};
  const std::size_t begin = static_cast<std::size_t>(sector) * sector_size;
  for (std::size_t i = 0; i < sector_size && begin + i < bytes.size(); ++i) content[i] = bytes[begin + i];
  return content;
}

void VirtualDisk::put_sector(Bytes& bytes, std::uint64_t sector, const Sector& content) {
  const std::size_t begin = static_cast<std::size_t>(sector) * sector_size;
  for (std::size_t i = 0; i < sector_size && begin + i < bytes.size(); ++i) bytes[begin + i] = content[i];
}

// To be called before the cache of a sector changes.
void VirtualDisk::remember(Inode& inode, std::uint64_t sector) {
  auto& versions = inode.unsynced[sector];
  if (const auto stale = inode.stale.find(sector); stale != inode.stale.end()) {
    if (versions.empty()) versions.push_back(stale->second);
    inode.stale.erase(stale);  // dirty again: the next sync writes it
  }
  if (versions.size() == versions_kept) versions.erase(versions.begin() + 1);
  versions.push_back(sector_at(inode.cache, sector));
}

void VirtualDisk::overwrite(Inode& inode, std::uint64_t offset, ByteView data) {
  if (data.empty()) return;
  const std::uint64_t end = offset + data.size();
  for (std::uint64_t sector = sector_of(offset); sector <= sector_of(end - 1); ++sector)
    remember(inode, sector);
  if (end > inode.cache.size()) inode.cache.resize(static_cast<std::size_t>(end));
  std::copy(data.begin(), data.end(), inode.cache.begin() + static_cast<std::ptrdiff_t>(offset));
}

void VirtualDisk::resize(Inode& inode, std::uint64_t size) {
  for (std::uint64_t sector = sector_of(size); sector * sector_size < inode.cache.size(); ++sector) {
    remember(inode, sector);
  }
  inode.cache.resize(static_cast<std::size_t>(size));
}

void VirtualDisk::fail_sync(Inode& inode) {
  for (auto& [sector, versions] : inode.unsynced) {
    if (random_.chance(0.5)) inode.stale.emplace(sector, versions.front());
  }
  inode.unsynced.clear();
  inode.durable_size = inode.cache.size();
}

// ---- crashes

VirtualDisk::Choose VirtualDisk::random_choice() {
  const std::uint64_t mode = random_.below(6);  // mostly a mixture, for that is where recoveries go wrong
  if (mode == 0) return [](std::size_t) { return std::size_t{0}; };
  if (mode == 1) return [](std::size_t options) { return options - 1; };
  if (mode == 2)
    return [this](std::size_t options) { return static_cast<std::size_t>(random_.below(options)); };
  const double stop = random_.unit() * 0.2;  // everything is kept up to some point, nothing after it
  return [this, stop, stopped = false](std::size_t options) mutable {
    stopped = stopped || random_.chance(stop);
    return stopped ? std::size_t{0} : options - 1;
  };
}

void VirtualDisk::crash(CrashKind kind) {
  if (kind == CrashKind::power) return power_cut(random_choice());
  ++boot_;
  counts_.add(FaultKind::process_crash);
  for (auto& [name, inode] : names_) {
    if (inode->stale.empty() || random_.chance(0.5)) continue;
    // A page that is clean may be dropped at any time: then the platter shows.
    for (const auto& [sector, content] : inode->stale) put_sector(inode->cache, sector, content);
    inode->stale.clear();
  }
}

void VirtualDisk::power_cut(const Choose& choose) {
  ++boot_;
  counts_.add(FaultKind::power_cut);
  settle_directory(choose);
  for (auto& [name, inode] : names_) settle(*inode, choose);
  elapsed_ = Duration{};
}

void VirtualDisk::settle_directory(const Choose& choose) {
  for (const DirectoryOp& op : pending_) {
    if (choose(2) == 0) {
      counts_.add(FaultKind::directory_op_lost);
    } else {
      apply(durable_, op);
    }
  }
  pending_.clear();
  names_ = durable_;
}

// Of several operations only some may have survived: one that finds nothing to work on has no effect.
void VirtualDisk::apply(Names& names, const DirectoryOp& op) {
  switch (op.kind) {
    case DirectoryOp::Kind::create:
      names[op.name] = op.inode;
      break;
    case DirectoryOp::Kind::remove:
      names.erase(op.name);
      break;
    case DirectoryOp::Kind::rename:
      if (names.erase(op.name) > 0) names[op.to] = op.inode;
      break;
  }
}

void VirtualDisk::settle(Inode& inode, const Choose& choose) {
  const std::uint64_t written = inode.cache.size();
  std::uint64_t size = inode.durable_size;
  const std::uint64_t between = written > size ? sector_of(written - 1) - sector_of(size) : 0;
  if (size != written) {
    const std::size_t choice = choose(between > 0 ? 3 : 2);
    if (between > 0 && choice == 1) {  // grown in part
      size = (sector_of(size) + 1 + choose(static_cast<std::size_t>(between))) * sector_size;
    } else if (choice != 0) {
      size = written;
    }
  }
  inode.cache.resize(static_cast<std::size_t>(std::max(size, written)));
  for (const auto& [sector, versions] : inode.unsynced) {
    const bool cut_off =
        sector * sector_size >= written;  // by a truncate that may be lost: then nothing is newer
    // versions.size() older contents, a torn one, the newest
    const std::size_t choice = cut_off ? 0 : choose(versions.size() + 2);
    if (choice < versions.size()) {
      counts_.add(FaultKind::sector_lost);
      put_sector(inode.cache, sector, versions[choice]);
    } else if (choice == versions.size()) {
      counts_.add(FaultKind::sector_torn);
      Sector torn = sector_at(inode.cache, sector);
      const std::size_t prefix = 1 + choose(sector_size - 1);
      std::copy(versions.back().begin() + static_cast<std::ptrdiff_t>(prefix), versions.back().end(),
                torn.begin() + static_cast<std::ptrdiff_t>(prefix));
      put_sector(inode.cache, sector, torn);
    }
  }
  for (const auto& [sector, content] : inode.stale) put_sector(inode.cache, sector, content);
  inode.cache.resize(static_cast<std::size_t>(size));
  inode.unsynced.clear();
  inode.stale.clear();
  inode.durable_size = size;
}

// ---- damage

bool VirtualDisk::flip_bit(const std::string& name, std::uint64_t offset, unsigned bit) {
  const auto found = names_.find(name);
  if (found == names_.end() || offset >= found->second->cache.size()) return false;
  Inode& inode = *found->second;
  if (inode.unsynced.contains(sector_of(offset)) || offset >= inode.durable_size) return false;
  inode.cache[static_cast<std::size_t>(offset)] ^= static_cast<std::uint8_t>(1U << (bit % 8));
  counts_.add(FaultKind::bit_flip);
  return true;
}

std::optional<std::string> VirtualDisk::flip_random_bit() {
  constexpr int tries = 32;  // a place that is not synced is passed over
  if (names_.empty()) return std::nullopt;
  for (int i = 0; i < tries; ++i) {
    const auto file = std::next(names_.begin(), static_cast<std::ptrdiff_t>(random_.below(names_.size())));
    if (file->second->cache.empty()) continue;
    const std::uint64_t offset = random_.below(file->second->cache.size());
    const auto bit = static_cast<unsigned>(random_.below(8));
    if (flip_bit(file->first, offset, bit)) {
      return fmt::format("{}: byte {}, bit {}", file->first, offset, bit);
    }
  }
  return std::nullopt;
}

void VirtualDisk::replace() {
  ++boot_;
  names_.clear();
  durable_.clear();
  pending_.clear();
  disarm();
  counts_.add(FaultKind::disk_replaced);
}

// ---- questions

std::size_t VirtualDisk::unsynced_sectors() const {
  std::size_t count = 0;
  for (const auto& [name, inode] : names_) count += inode->unsynced.size();
  return count;
}

std::uint64_t VirtualDisk::used_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, inode] : names_) bytes += inode->cache.size();
  return bytes;
}

std::map<std::string, Bytes> VirtualDisk::contents() const {
  std::map<std::string, Bytes> files;
  for (const auto& [name, inode] : names_) files.emplace(name, inode->cache);
  return files;
}

std::unique_ptr<VirtualDisk> VirtualDisk::clone() const {
  auto copy = std::make_unique<VirtualDisk>(random_, config_);
  std::map<const Inode*, std::shared_ptr<Inode>> inodes;
  const auto copied = [&](const std::shared_ptr<Inode>& inode) {
    auto& mine = inodes[inode.get()];
    if (!mine) mine = std::make_shared<Inode>(*inode);
    return mine;
  };
  for (const auto& [name, inode] : names_) copy->names_.emplace(name, copied(inode));
  for (const auto& [name, inode] : durable_) copy->durable_.emplace(name, copied(inode));
  for (const DirectoryOp& op : pending_)
    copy->pending_.push_back({op.kind, op.name, op.to, copied(op.inode)});
  copy->armed_ = armed_;
  copy->calls_ = calls_;
  copy->boot_ = boot_;
  copy->elapsed_ = elapsed_;
  copy->stall_ = stall_;
  copy->counts_ = counts_;
  return copy;
}

}  // namespace coord::sim
