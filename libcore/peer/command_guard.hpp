// The peer's own guard of the commands that run under its sessions: stops one with all its descendants when
// its time is up, whatever became of the wrapper that should have done it.
//
// Threading: stop() from any thread. The walks over /proc are made on a thread of the guard's own, which
// starts with the first stop: they take milliseconds each, and the pump has none to give.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "process/process_tree.hpp"

namespace coord::peer {

class CommandGuard {
 public:
  CommandGuard() = default;
  ~CommandGuard();  // after what is being killed has been
  CommandGuard(const CommandGuard&) = delete;
  CommandGuard& operator=(const CommandGuard&) = delete;

  // TERM, then CONT, once; or KILL, again and again until none is left.
  void stop(process::Family family, bool kill);

 private:
  struct Work {
    process::Family family;
    bool kill = false;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;  // at most two a session
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::peer
