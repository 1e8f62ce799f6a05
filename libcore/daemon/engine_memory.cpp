// SPDX-License-Identifier: MIT
#include "daemon/engine_memory.hpp"

#include <algorithm>

#include "store/posix_disk.hpp"

namespace coord::daemon {

namespace {

constexpr char being_written[] = "engine.new";
constexpr std::size_t longest_memory = 4096;

}  // namespace

Result<replica::EngineMemory> read_engine_memory(Disk& disk) {
  const auto names = disk.list();
  if (!names) return names.error();
  if (std::ranges::find(*names, engine_memory_name) == names->end()) return replica::EngineMemory{};
  auto file = disk.open(engine_memory_name);
  if (!file) return file.error();
  const auto bytes = (*file)->read(0, longest_memory);
  if (!bytes) return bytes.error();
  return replica::decode_engine_memory(*bytes);
}

Status write_engine_memory(Disk& disk, const replica::EngineMemory& memory) {
  const auto names = disk.list();
  if (!names) return names.error();
  if (std::ranges::find(*names, being_written) != names->end()) {
    if (Status removed = disk.remove(being_written); !removed) return removed;
  }
  auto file = disk.create(being_written);
  if (!file) return file.error();
  if (Status written = (*file)->write(0, replica::encode(memory)); !written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  if (Status renamed = disk.rename(being_written, engine_memory_name); !renamed) return renamed;
  return disk.sync_directory();
}

void MemoryWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  auto& last = dynamic_cast<Remember&>(*batch.back());
  auto disk = store::PosixDisk::open_directory(directory_);
  last.written = disk ? write_engine_memory(**disk, last.memory) : Status(disk.error());
}

}  // namespace coord::daemon
