// SPDX-License-Identifier: MIT
// Files of one's own in a directory where others may have been first: lock files, logs, the state directory's
// lock and what it tells.
//
// The problem: open(O_CREAT) takes whatever has the name. In /tmp that may be another user's file, a link or
// a FIFO, and whoever has a file open may keep it locked for ever: a program that trusts the name writes
// where it must not, or waits without a word. So a file counts only once its owner is checked, and no lock is
// waited for without an end.
#pragma once

#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace coord {

// A regular file of this user (or of root), not a link, made with mode 0600 where there is none. `flags` as
// of open(2). Never waits. ErrorKind::unavailable.
Result<Descriptor> open_own_file(const std::string& path, int flags);

// flock(LOCK_EX), tried again for about `patience`; then an error: somebody else keeps it.
Status lock_within(const Descriptor& file, const std::string& path, Duration patience);

// Of a state directory: the file whose lock its peer holds for life (store/directory_lock.hpp).
inline constexpr char directory_lock_name[] = "lock";

struct DirectoryHolder {
  int pid = 0;         // 0: not known
  std::string socket;  // path; empty until the peer listens
};

// Who holds the lock of this directory now; nobody: nothing. Takes nothing and changes nothing.
Result<std::optional<DirectoryHolder>> directory_holder(const std::string& directory);

}  // namespace coord
