// SPDX-License-Identifier: MIT
// What random faults hardly ever bring about in a short run, brought about once all else has come to rest: a
// write that is on too few disks while those who lack it are read, a removal that one disk does not take for
// minutes, and a chain of values that a reader follows across a cut. Each is of one level; what was told is
// judged with all the rest.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "catalogue/ring_users.hpp"
#include "service/rings/state.hpp"

namespace coord::catalogue {

struct RingStage {
  const service::Ring& ring;
  RingUsers& users;
  std::function<void(Duration)> run;
  std::function<void(const std::vector<NodeId>&)> cut_off;  // these from all others
  std::function<void()> heal;
  std::function<void(NodeId, bool)> fill;  // its disk, or it has room again
  std::function<void(NodeId, bool)>
      busy;  // it takes nothing to store, as with too much under way, or does again
};

// By name, those for which this ring was large enough.
std::vector<std::string> play_situations(const RingStage& stage);

}  // namespace coord::catalogue
