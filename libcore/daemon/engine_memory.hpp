// SPDX-License-Identifier: MIT
// What a gateway keeps in its state directory of the engine's log that it has seen
// (replica/engine_frame.hpp), so that one that was restored from an older backup is noticed. Written beside
// the pump.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "node/part.hpp"
#include "replica/engine_frame.hpp"

namespace coord::daemon {

inline constexpr char engine_memory_name[] = "engine";

// Of era 0, where there is none.
Result<replica::EngineMemory> read_engine_memory(Disk& disk);
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
