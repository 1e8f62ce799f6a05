// SPDX-License-Identifier: MIT
// Is a recorded snapshot a consistent cut?
//
// Problem: a snapshot that mixes one process's past with another one's future shows a state that never was:
// money that has arrived and not yet left. The record holds enough to tell, whoever has taken it: at a
// consistent cut no process knows more events of another one than that one had at its own cut (Mattern 1989),
// and each channel holds exactly what its sender had sent and its receiver had not received, in its order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/record.hpp"

namespace coord::record {

enum class Rule : std::uint8_t {
  incomplete,    // the record says itself who is missing
  unrecorded,    // a member has no record, and is not named as missing
  from_future,   // a process knows of an event that the other one had not had at its cut
  never_sent,    // more was received than was sent
  lost,          // a message that was sent is neither received nor on its way
  not_on_way,    // a message is on its way that was received already, was not sent, or is out of order
  clock,         // a clock does not count what was sent and received
  unmarked,      // a link stood at its sender's cut, and its marker has not come
  not_a_prefix,  // two peers' logs, or what they made of one place in it, differ
  token_twice,   // two holds have one token
};
std::string_view to_string(Rule rule);

struct Finding {
  Rule rule;
  std::string id;  // of a process, or "FROM > TO"
  std::string detail;

  bool operator==(const Finding&) const = default;
};

// Nothing: the snapshot is complete and its cut is consistent. The states of `external` processes are beside
// the cut and no finding; only the messages prove anything of those.
std::vector<Finding> examine(const Snapshot& snapshot);

// The part of it that is about peers and links.
void examine_peers(const Snapshot& snapshot, std::vector<Finding>& findings);

}  // namespace coord::record
