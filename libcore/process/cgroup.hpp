// SPDX-License-Identifier: MIT
// A control group (version 2) for one command: whatever the command forks stays in it, so that it can be
// found and killed as a whole, at once, even if it forks faster than anyone can look. Where none can be made
// the walk of process_tree.hpp does.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace coord::process {

class Cgroup {
 public:
  // A new, empty group below the caller's own one; nothing where that is not possible (no
  // version 2, no permission).
  static std::optional<Cgroup> create();

  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup();  // removes the group if it is empty; if not, path() stays for whoever guards what is left in it

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }  // of the directory, for clone3(CLONE_INTO_CGROUP)

 private:
  Cgroup(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

// The group that process `maker` (by the number that it has in its own PID namespace) has made for what runs
// as `pid`, which must still be in it: what the kernel says, so that a guard that was told only of the
// process can find all that came of it. Empty if it
// is in none.
std::string cgroup_made_by(pid_t maker, pid_t pid);
// Whether both are in the same groups, of every hierarchy. False if one is gone.
bool in_same_cgroup(pid_t a, pid_t b);
// The group that a process is in, as a directory; empty where that cannot be told.
std::string cgroup_of(pid_t pid);
// Every process in the group at `path` and in the groups below it. Empty as well if there is no such group.
std::vector<pid_t> cgroup_members(const std::string& path);
// Kills them all in one step (Linux 5.14); false where that is not possible.
bool cgroup_kill(const std::string& path);
// Removes the group and the empty ones below it; false if something still runs there.
bool cgroup_remove(const std::string& path);
// Removes the empty groups below `parent` whose makers are gone: of wrappers that were killed, of commands
// whose background work outlived them. create() does it now and then for the caller's own group.
void cgroup_sweep(const std::string& parent);

}  // namespace coord::process
