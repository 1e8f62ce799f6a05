// SPDX-License-Identifier: MIT
#include "daemon/command_guard.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <list>
#include <utility>

#include "base/rule.hpp"
#include "process/cgroup.hpp"

namespace coord::daemon {

namespace {

constexpr std::chrono::milliseconds between_rounds{10};
constexpr int removal_rounds = 20;
constexpr int rounds_again = 100;  // of what was killed for long, and is there

// A group whose last process has just let go of the session: it is out of the group a moment later.
struct Removal {
  std::string group;
  int rounds = 0;
};

// A command that is being killed. Several are at a time: one that cannot die holds up no other.
struct Killing {
  process::ProcessTree tree;
  std::function<void()> gone, remains;
  bool to_the_end = false;
  process::Silence silence{};
  bool silent = false;
  int rounds = 0;  // since it began, or has begun again
  std::chrono::steady_clock::time_point begins_again{};

  bool gives_up(int most) const { return !silent && !to_the_end && rounds >= most; }
  bool rests() const { return !silent && std::chrono::steady_clock::now() < begins_again; }
  void round(const CommandGuard::Patience& patience) {
    if (rests()) return;
    const process::ProcessTree::Report report = tree.kill_all();
    silent = silence.after(report) && !(to_the_end && report.refused > 0);
    if (++rounds < patience.rounds || silent || !to_the_end) return;
    begins_again = std::chrono::steady_clock::now() + patience.pause;
    rounds = std::max(0, patience.rounds - rounds_again);
    if (remains) std::exchange(remains, {})();
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

void CommandGuard::stop_to_the_end(process::Family family, std::function<void()> gone,
                                   std::function<void()> remains) {
  push({std::move(family), true, std::move(gone), {}, true, std::move(remains)});
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
      const bool all_rest =
          std::ranges::all_of(killings, [](const Killing& killing) { return killing.rests(); });
      if (killings.empty() && removals.empty()) {
        wake_.wait(lock, ready);
      } else if (all_rest && removals.empty()) {
        wake_.wait_for(lock, patience_.pause, ready);
      } else {
        wake_.wait_for(lock, between_rounds, [this] { return !queue_.empty(); });
      }
      if (stopping_) killings.remove_if([](const Killing& killing) { return killing.rests(); });
      if (stopping_ && queue_.empty() && killings.empty()) return;
      fresh.swap(queue_);
    }
    for (Work& work : fresh) {
      if (!work.group.empty()) {
        removals.push_back({std::move(work.group)});
      } else if (work.kill) {
        const bool to_the_end = COORD_RULE_OR(killed_to_the_end, work.to_the_end, false);
        killings.push_back({process::ProcessTree(std::move(work.family)), std::move(work.gone),
                            std::move(work.remains), to_the_end});
      } else {
        process::ProcessTree(std::move(work.family)).signal_all(SIGTERM);
      }
    }
    removals.remove_if([](Removal& removal) {
      return process::cgroup_remove(removal.group) || ++removal.rounds >= removal_rounds;
    });
    for (Killing& killing : killings) killing.round(patience_);
    const auto finished = [this](const Killing& killing) {
      return killing.silent || killing.gives_up(patience_.rounds);
    };
    for (Killing& killing : killings) {
      if (finished(killing) && killing.gone) killing.gone();
    }
    killings.remove_if(finished);
  }
}

}  // namespace coord::daemon
