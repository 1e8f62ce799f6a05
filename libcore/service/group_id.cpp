// SPDX-License-Identifier: MIT
#include "service/group_id.hpp"

#include "base/format.hpp"
#include "base/random.hpp"

namespace coord::service {

GroupId group_of(LogIndex index, const Raise& raise) {
  GroupId group{index.value, ~index.value};
  for (const auto& [node, life] : raise.lives) {
    group.high = Random(group.high ^ life).next() ^ node.value;
    group.low = Random(group.low + life).next() + node.value;
  }
  if (group == GroupId{}) group.low = 1;
  return group;
}

std::string text_of(const GroupId& group) {
  return fmt::format("{:016x}{:016x}", group.high, group.low);
}

}  // namespace coord::service
