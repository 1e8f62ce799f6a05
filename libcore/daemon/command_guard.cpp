// SPDX-License-Identifier: MIT
#include "daemon/command_guard.hpp"

#include <chrono>
#include <csignal>
#include <list>
#include <utility>

#include "process/cgroup.hpp"

namespace coord::daemon {

namespace {

constexpr std::chrono::milliseconds between_rounds{10};
constexpr int removal_rounds = 20;
constexpr int rounds_limit = 3000;  // what sleeps uninterruptibly is left to its wrapper, and to the token

// A group whose last process has just let go of the session: it is out of the group a moment later.
struct Removal {
  std::string group;
  int rounds = 0;
};

// A command that is being killed. Several are at a time: one that cannot die holds up no other.
struct Killing {
  process::ProcessTree tree;
  std::function<void()> gone;
  process::Silence silence;
  bool silent = false;
  int rounds = 0;

  bool finished() const { return silent || rounds >= rounds_limit; }
  void round() {
    silent = silence.after(tree.kill_all());
    ++rounds;
  }
};

}  // namespace

CommandGuard::~CommandGuard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void CommandGuard::stop(process::Family family, bool kill, std::function<void()> gone) {
  push({std::move(family), kill, std::move(gone), {}});
}

void CommandGuard::remove_group(const std::string& path) {
  if (!process::cgroup_remove(path)) push({{}, false, {}, path});
}

void CommandGuard::push(Work work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_one();
}

void CommandGuard::run() {
  std::list<Killing> killings;
  std::list<Removal> removals;
  for (;;) {
    std::deque<Work> fresh;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !queue_.empty(); };
      if (killings.empty() && removals.empty()) {
        wake_.wait(lock, ready);
      } else {
        wake_.wait_for(lock, between_rounds, [this] { return !queue_.empty(); });
      }
      if (stopping_ && queue_.empty() && killings.empty()) return;
      fresh.swap(queue_);
    }
    for (Work& work : fresh) {
      if (!work.group.empty()) {
        removals.push_back({std::move(work.group)});
      } else if (work.kill) {
        killings.push_back({process::ProcessTree(std::move(work.family)), std::move(work.gone), {}});
      } else {
        process::ProcessTree(std::move(work.family)).signal_all(SIGTERM);
      }
    }
    removals.remove_if([](Removal& removal) {
      return process::cgroup_remove(removal.group) || ++removal.rounds >= removal_rounds;
    });
    for (Killing& killing : killings) killing.round();
    for (Killing& killing : killings) {
      if (killing.finished() && killing.gone) killing.gone();
    }
    killings.remove_if([](const Killing& killing) { return killing.finished(); });
  }
}

}  // namespace coord::daemon
