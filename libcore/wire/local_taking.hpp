// SPDX-License-Identifier: MIT
// How a grant is taken up, and by which process. Part of local.hpp.
//
// The problem. A tool that was stopped (SIGSTOP, a frozen container) while it stood in line gets its turn,
// and cannot use it: renewed by its peer the grant would be kept for ever. So it is renewed only once its
// tool has taken it up, and passed on after a part of the TTL. The tool may go on at any moment after that,
// also between looking at a clock and executing its command; so it asks, when all is ready:
//
//   peer: Granted
//   tool: (forks; the child waits)  Started, with the child's pidfd
//   peer: TakenUp                   from now on it is renewed, and that process is stopped in time
//   tool: (lets the child execute its command)
//
// or, when it was too slow, TakenBack: the child is ended before it has executed anything, and the tool asks
// anew. Started without a process takes up a grant under which the tool runs nothing (Acquire::holder, a
// permit). From version 2 on; a tool of version 1 has taken up what it is granted.
//
// A process is never named by its number: that is another process's in the peer's PID namespace, if the tool
// is in a container. Its pidfd goes along (SCM_RIGHTS) with each request that names one, and the number only
// says that one is named; a tool of version 1 has only the number, which counts where the peer can be sure
// that their namespaces are the same.
#pragma once

#include <cstdint>

namespace coord::local {

struct TakenUp {
  std::uint64_t request = 0;

  bool operator==(const TakenUp&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

struct TakenBack {
  std::uint64_t request = 0;

  bool operator==(const TakenBack&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

}  // namespace coord::local
