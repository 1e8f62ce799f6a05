// SPDX-License-Identifier: MIT
// What a gateway keeps in its state directory of the engine's log that it has seen
// (replica/engine_frame.hpp), so that one that was restored from an older backup is noticed.
//
// In two files. `engine.last` is written by one pwrite(2) before anything is granted that depends on it, and
// is not synced: what a process that is killed wrote survives it, as with holds (hold_file.hpp). `engine` is
// synced, once a second, beside the pump: a crash of the machine ends all that was granted here as well.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "node/part.hpp"
#include "replica/engine_frame.hpp"

namespace coord::daemon {

inline constexpr char engine_memory_name[] = "engine";
inline constexpr char last_engine_memory_name[] = "engine.last";

// The newer one of both; of era 0, where there is none.
Result<replica::EngineMemory> read_engine_memory(Disk& disk, const std::string& directory);

class LastEngineMemory {
 public:
  static Result<LastEngineMemory> open(const std::string& directory);
  Status write(const replica::EngineMemory& memory);

 private:
  LastEngineMemory(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Descriptor file_;
  std::string path_;
};
Status write_engine_memory(Disk& disk, const replica::EngineMemory& memory);

struct Remember : node::Work {
  explicit Remember(replica::EngineMemory what) : memory(what) {}
  replica::EngineMemory memory;
  Status written = done();
};

// Of several that wait, the last one is written.
class MemoryWorker final : public node::Worker {
 public:
  explicit MemoryWorker(std::string directory) : directory_(std::move(directory)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  std::string directory_;
};

}  // namespace coord::daemon
