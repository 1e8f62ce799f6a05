// SPDX-License-Identifier: MIT
// What a search for circles of waits remembers (part_circles.cpp).
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "agreements/group_log.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::agreements {

struct Search {  // of another host, or of this one
  Instant until{};
  std::set<std::pair<SessionId, SessionId>> dependent{};  // initiators, and who has been asked for them
};

struct Waits {
  LogIndex position;
  std::vector<GroupLog::Wait> waits;
  std::multimap<SessionId, std::size_t> by_session;  // that waits, or that runs one that does
};

}  // namespace coord::agreements
