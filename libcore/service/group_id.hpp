// SPDX-License-Identifier: MIT
// Which group this is, among all that were ever founded, also under the same key and with the same names.
//
// Problem: a host that comes later must never serve two groups, and a list of names and addresses tells them
// apart no more once hosts come and go. So the group gets a number when it comes to level 2: made of the
// lives of its founders, which are random and stand in that entry of the log, so that all agree on it.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "service/level.hpp"

namespace coord::service {

struct GroupId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const GroupId&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(high, low);
  }
};

// Never 0.
GroupId group_of(LogIndex index, const Raise& raise);
// 32 hexadecimal digits.
std::string text_of(const GroupId& group);

}  // namespace coord::service
