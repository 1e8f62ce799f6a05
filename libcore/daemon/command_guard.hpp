// SPDX-License-Identifier: MIT
// The peer's own guard of the commands that run under its sessions: stops one with all its descendants when
// its time is up, whatever became of the wrapper that should have done it.
//
// Threading: stop() from any thread. The walks over /proc are made on a thread of the guard's own, which
// starts with the first stop: they take milliseconds each, and the pump has none to give.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "process/process_tree.hpp"

namespace coord::daemon {

class CommandGuard {
 public:
  struct Patience {
    int rounds = 3000;  // what sleeps uninterruptibly then is left to its wrapper, and to the token
    std::chrono::milliseconds pause = std::chrono::seconds(10);  // of stop_to_the_end(), after so many
  };
  CommandGuard() = default;
  explicit CommandGuard(Patience patience) : patience_(patience) {}
  ~CommandGuard();  // after what is being killed has been, or for so many rounds
  CommandGuard(const CommandGuard&) = delete;
  CommandGuard& operator=(const CommandGuard&) = delete;

  // TERM, then CONT, once; or KILL, again and again until none is left.
  // `gone`, with KILL: called on the guard's thread when none is left (or none can be reached any more).
  void stop(process::Family family, bool kill, std::function<void()> gone = {});
  // KILL for as long as anything is left, seldom after a while: then `remains` is called, once. `gone` is
  // called when nothing is left, not earlier; never where only another user's processes are. Both on the
  // guard's thread.
  void stop_to_the_end(process::Family family, std::function<void()> gone, std::function<void()> remains);
  // Removes the control group of a command that has ended, whose maker is gone; left alone if anything goes
  // on running in it.
  void remove_group(const std::string& path);

 private:
  struct Work {
    process::Family family;
    bool kill = false;
    std::function<void()> gone;
    std::string group;  // not empty: to be removed, and that is all
    bool to_the_end = false;
    std::function<void()> remains{};
  };
  void push(Work work);
  void run();

  const Patience patience_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;  // at most three a session
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::daemon
