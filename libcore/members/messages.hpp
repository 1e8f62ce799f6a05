// SPDX-License-Identifier: MIT
// What the members of a group say to each other on their channel: a message of SWIM, and the times from which
// each works out how far the other's clock is from its own.
#pragma once

#include "base/time.hpp"
#include "protocol/membership/swim_messages.hpp"

namespace coord::members {

struct Said {
  membership::SwimMessage message;
  // By datagram only, and by the clocks of people; 0: not told.
  WallTime sent;   // by the clock of who says it
  WallTime asked;  // in an answer: `sent` of what is answered
  WallTime heard;  // in an answer: when that came, by the clock of who answers

  bool operator==(const Said&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(message, sent, asked, heard);
  }
};

}  // namespace coord::members
