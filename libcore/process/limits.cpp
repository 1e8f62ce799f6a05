// SPDX-License-Identifier: MIT
#include "process/limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "base/format.hpp"

namespace coord::process {

namespace {

struct Need {
  __rlimit_resource resource;
  rlim_t aim;    // no more is asked for
  rlim_t least;  // a peer cannot do with less
  const char* option;
  const char* what;
};

constexpr rlim_t any = RLIM_INFINITY;

constexpr Need needs[] = {
    // Its largest file is a snapshot or its own log of up to 16 MiB each; with room to grow.
    {RLIMIT_FSIZE, any, rlim_t{64} << 20U, "ulimit -f", "bytes in a file"},
    // 4,096 tools and 20,000 holds, each with its watch. A quarter of the usual thousand is the least.
    {RLIMIT_NOFILE, 65'536, 256, "ulimit -n", "descriptors"},
    {RLIMIT_CPU, any, 0, "", ""},
    {RLIMIT_AS, any, 0, "", ""},
    {RLIMIT_DATA, any, 0, "", ""},
    {RLIMIT_RSS, any, 0, "", ""},
    {RLIMIT_NPROC, any, 0, "", ""},
    {RLIMIT_STACK, rlim_t{8} << 20U, 0, "", ""},  // more would be reserved for each thread
};

}  // namespace

void raise_limits() {
  for (const Need& need : needs) {
    rlimit limit{};
    if (::getrlimit(need.resource, &limit) != 0) continue;
    rlimit wanted = limit;
    wanted.rlim_max = std::max(limit.rlim_max, need.aim);
    wanted.rlim_cur = std::max(limit.rlim_cur, need.aim);
    if (::setrlimit(need.resource, &wanted) == 0) continue;
    wanted.rlim_max = limit.rlim_max;
    wanted.rlim_cur = std::max(limit.rlim_cur, std::min(need.aim, limit.rlim_max));
    (void)::setrlimit(need.resource, &wanted);
  }
}

Status enough_for_a_peer() {
  for (const Need& need : needs) {
    rlimit limit{};
    if (need.least == 0 || ::getrlimit(need.resource, &limit) != 0 || limit.rlim_max >= need.least) continue;
    return Error{ErrorKind::unavailable, need.option,
                 fmt::format("the hard limit of {} {} is too low for a peer, which needs {}", limit.rlim_max,
                             need.what, need.least),
                 "raise it, or start the peer from where there is none"};
  }
  return done();
}

}  // namespace coord::process
