// SPDX-License-Identifier: MIT
#include "net/descriptor_room.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/descriptor.hpp"

namespace coord::net {

namespace {

constexpr rlim_t enough = 65'536;
constexpr rlim_t kept = 256;  // 15 peers, in and out, with handshakes; the log's files; the timers

rlim_t soft_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return std::min(limit.rlim_cur, enough);
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= enough) return;
  limit.rlim_cur = std::min(limit.rlim_max, enough);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int descriptor_ceiling() {
  const rlim_t limit = soft_limit();
  return static_cast<int>(limit - std::min(kept, limit / 2));
}

bool has_descriptor_room(int ceiling) {
  const Descriptor probe(::eventfd(0, EFD_CLOEXEC));
  return probe.is_open() && probe.get() < ceiling;
}

}  // namespace coord::net
