// SPDX-License-Identifier: MIT
// Finding and stopping a command with all its descendants.
//
// The problem: a lock is lost, and within a fraction of a second nothing of what ran under it may run. The
// obvious answers fail: killing the process group misses what left it (setsid, daemons, interactive shells)
// and hits the caller, which shares it; killing the child's children as found by one look at /proc misses
// what is forked while looking.
//
// What is done: a walk over /proc in order of pids that acts on each member the moment it is seen (a process
// that forks and exits in a loop is overtaken that way), repeated until a walk finds nothing new. Members are
// stopped first: a process to which SIGSTOP was sent completes no fork (the kernel checks for signals under
// the lock that makes the child visible), so that the set closes, and only then is it signalled as a whole;
// nobody's exit can make an orphan that is no longer known. A member is recognised by its ancestry, and where
// that is lost (its wrapper was killed, it was orphaned) by the session's file that it still holds open, by a
// word in its environment, or by its control group.
//
// Chains of processes that fork and exit as fast as they can are a race that a walk over all of /proc loses
// where the guard has no more of a processor than each of them: it takes milliseconds, they fractions of one.
// So between two looks at all only those are looked at that began meanwhile, the youngest first: of a chain
// only the last link runs. And a look that has met members which had just ended proves nothing.
//
// Limits: what sleeps uninterruptibly dies when it wakes; what belongs to another user cannot be signalled
// (counted as refused). Threading: one thread. Nothing here starts or reaps processes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "process/process_id.hpp"

namespace coord::process {

// Who belongs to a command. Any one mark suffices; descendants of members are members; the caller itself
// never is one.
struct Family {
  pid_t descendants_of = 0;      // a subreaper whose descendants all belong (not itself); 0: none
  std::vector<ProcessId> roots;  // processes known to belong
  // A file is known by these two only as long as it is there: the next one that is made may get the number of
  // one that was removed, and who has that open is somebody else's. So whoever kills by it keeps it open.
  struct File {
    dev_t device;
    ino_t inode;
    std::shared_ptr<const Descriptor> kept{};
  };
  std::optional<File>
      holding;  // who has this file open (seen only for one's own user's processes, or by root)
  // Marks count only on processes of this user: nobody may lead a guard that can kill others' processes to
  // them, by passing a descriptor on or moving them into a control group for example.
  std::optional<uid_t> of_user;
  std::string variable, word;  // who has `word` among the blank-separated words of this environment variable
  std::string cgroup;          // who is in this control group or below; empty: none
  std::vector<ProcessId> spared;  // who does not belong after all, with descendants that carry no mark
  // A wrapper that is spared itself, and a subreaper: the command's orphans come to it. Its children that are
  // younger than the command belong; older ones were somebody's before it was a wrapper.
  struct Orphans {
    ProcessId wrapper, command;
  };
  std::optional<Orphans> orphans;
};

class ProcessTree {
 public:
  explicit ProcessTree(Family family);

  void spare(const ProcessId& id) { family_.spared.push_back(id); }
  void adopt(const ProcessId& id) { known_.insert(id); }

  // Who runs now. Zombies are not counted.
  std::vector<ProcessId> members();

  struct Report {
    std::size_t reached = 0;  // members that the signal was sent to
    std::size_t refused = 0;  // members of other users
    std::size_t missed = 0;   // members that had ended before the signal could be sent: others may have begun
    bool blind = false;       // /proc could not be looked through, for want of descriptors or memory
    bool empty() const { return reached == 0 && refused == 0; }
  };
  // Sends `signal` to all who are members at one instant, then CONT so that stopped ones handle it. What they
  // fork from then on (clean-up in a trap) is left alone.
  Report signal_all(int signal);
  // Kills all members that a walk can find; to be repeated until Silence says that none is left.
  Report kill_all();

 private:
  enum class Verdict { stranger, member, spared };
  using Visit = std::function<void(const ProcessState&)>;
  void begin_look();
  void walk(const Visit& visit, std::set<pid_t>* settled = nullptr);
  void chase(const Visit& visit, std::set<pid_t>& settled);
  bool look_at(pid_t pid, const Visit& visit, bool fresh);
  Verdict judge(const ProcessState& process, std::size_t depth);
  Verdict judge_by_parent(const ProcessState& process, std::size_t depth);
  bool is_orphan(const ProcessState& process) const;
  bool carries_mark(pid_t pid) const;
  std::set<ProcessId> hold_still(Report& report);

  Family family_;
  std::set<ProcessId> known_;              // members seen so far: remembered when their parents are gone
  std::map<ProcessId, Verdict> verdicts_;  // of the walk in progress
  std::set<pid_t> in_cgroup_;              // as of the walk in progress
  bool wrapper_runs_ = false;              // as of the walk in progress
  bool is_blind_ = false;                  // as in Report, of the last walk
  std::size_t missed_ = 0;                 // as in Report, of the look in progress
  pid_t youngest_seen_ = 0;                // up to which pid the walks have come
};

// Whether the kill_all()s of a family, one after the other, have left nobody.
class Silence {
 public:
  bool after(const ProcessTree::Report& report) {
    if (report.blind) {
      quiet_ = certain_ = 0;
      return false;
    }
    quiet_ = report.reached == 0 ? quiet_ + 1 : 0;
    certain_ = report.reached == 0 && report.missed == 0 ? certain_ + 1 : 0;
    return certain_ >= certain_needed || quiet_ >= quiet_needed;
  }

 private:
  static constexpr int certain_needed = 2;  // a fork may have been on its way during one
  static constexpr int quiet_needed = 50;   // somebody else's processes come and go as well
  int quiet_ = 0, certain_ = 0;
};

}  // namespace coord::process
