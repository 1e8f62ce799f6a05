// SPDX-License-Identifier: MIT
// Whether one process runs inside of a command: what the kernel knows, whatever the process may claim.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "process/process_id.hpp"
#include "process/process_tree.hpp"

namespace coord::process {

inline constexpr std::size_t longest_ancestry = 4096;  // generations; a chain that is longer cannot be one

// It has the file open for writing, as who holds a session has its file. Seen only for one's own user's
// processes, or by root.
bool has_open(pid_t pid, const Family::File& file);

// It is a child of `ancestor`, or a child's child, and `ancestor` still runs.
bool descends_from(pid_t pid, const ProcessId& ancestor);

// The same, asked of one process about many commands: each thing is read once, when it is first asked for.
class Nesting {
 public:
  explicit Nesting(pid_t pid) : pid_(pid) {}

  // It is that process, or descends from it, and that still runs. Known by its pid alone: for one that is
  // sure to be there.
  bool is_within(const ProcessId& process);
  bool is_below(pid_t process);
  bool has_open(const Family::File& file);
  bool is_in_group(const std::string& path);  // a control group, or one below it

 private:
  struct OpenFile {
    dev_t device;
    ino_t inode;
    std::string descriptor;
  };
  const std::vector<ProcessState>& line();
  const std::vector<OpenFile>& files();

  pid_t pid_;
  std::optional<std::vector<ProcessState>> line_;  // itself, its parent, that one's parent, ...
  std::optional<std::vector<OpenFile>> files_;
  std::optional<std::string> group_;
};

}  // namespace coord::process
