// SPDX-License-Identifier: MIT
#include "daemon/engine_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/format.hpp"
#include "base/own_file.hpp"
#include "base/small_file.hpp"
#include "store/posix_disk.hpp"

namespace coord::daemon {

namespace {

constexpr char being_written[] = "engine.new";
constexpr std::size_t longest_memory = 4096;

}  // namespace

namespace {

Result<replica::EngineMemory> read_lasting(Disk& disk) {
  const auto bytes = read_small_file(disk, engine_memory_name, longest_memory);
  if (!bytes) return bytes.error();
  return *bytes ? replica::decode_engine_memory(bytes_of(**bytes)) : replica::EngineMemory{};
}

// Nothing: none was written, or the machine crashed meanwhile.
std::optional<replica::EngineMemory> read_last(const std::string& directory) {
  const auto file = open_own_file(fmt::format("{}/{}", directory, last_engine_memory_name), O_RDONLY);
  if (!file) return std::nullopt;
  Bytes bytes(longest_memory);
  const ssize_t size = ::pread(file->get(), bytes.data(), bytes.size(), 0);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const auto memory = replica::decode_engine_memory(bytes);
  return memory ? std::optional(*memory) : std::nullopt;
}

}  // namespace

Result<replica::EngineMemory> read_engine_memory(Disk& disk, const std::string& directory) {
  auto lasting = read_lasting(disk);
  if (!lasting) return lasting;
  const auto last = read_last(directory);
  const auto newness = [](const replica::EngineMemory& memory) {
    return std::pair(memory.era, memory.place.index);
  };
  return last && newness(*last) > newness(*lasting) ? *last : *lasting;
}

Result<LastEngineMemory> LastEngineMemory::open(const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, last_engine_memory_name);
  auto file = open_own_file(path, O_WRONLY | O_CREAT);
  if (!file) return file.error();
  return LastEngineMemory(std::move(*file), path);
}

Status LastEngineMemory::write(const replica::EngineMemory& memory) {
  const Bytes bytes = replica::encode(memory);
  ssize_t written = 0;
  do {
    written = ::pwrite(file_.get(), bytes.data(), bytes.size(), 0);
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(bytes.size())) return done();
  return Error{ErrorKind::unavailable, path_,
               fmt::format("the position in the engine's log cannot be written: {}",
                           written < 0 ? std::strerror(errno) : "no space is left"),
               "make room in the state directory"};
}

Status write_engine_memory(Disk& disk, const replica::EngineMemory& memory) {
  return replace_small_file(disk, engine_memory_name, replica::encode(memory), being_written);
}

void MemoryWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  auto& last = dynamic_cast<Remember&>(*batch.back());
  auto disk = store::PosixDisk::open_directory(directory_);
  last.written = disk ? write_engine_memory(**disk, last.memory) : Status(disk.error());
}

}  // namespace coord::daemon
