// SPDX-License-Identifier: MIT
// What travels in the channels of a group of processes (protocol/channel): messages and markers between
// processes; questions from outside, and the answers to them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.hpp"
#include "protocol/channel/channel.hpp"

namespace coord::cut {

using channel::Life;
using Clock = std::map<Life, std::uint64_t>;  // events by process; lives are never used again

// Of one process to another.
struct Message {
  Clock clock;  // the entries that have changed since the last message in this channel
  std::string body;
};
struct Marker {
  std::string snapshot;
  std::uint64_t view = 0;
  bool given_up = false;  // the sender has no record: nothing that depends on it will be whole
};

// From outside.
struct Begin {  // wants this process's record of it
  std::string snapshot;
  std::uint64_t view = 0;
};
struct Line {  // for the command, as if from `from`
  std::string body;
};
struct EndInput {};

// To outside: the record in parts, the last one with the rest.
struct Part {
  std::string text;
};
struct Answer {
  std::string snapshot;
  bool view_differs = false;
  bool left = false;           // its command has ended before its record was whole
  std::uint64_t returned = 0;  // messages of this process that came back: their receivers have ended
  std::uint64_t outside = 0;   // lines from outside that wait to be read
};

// From outside again: what is recorded is to be answered without what is missing, for the time is nearly
// over; or without this one's marker, for it has ended and has no record.
struct CloseNow {
  std::string snapshot;
  Life without = 0;  // 0: whoever it is
};

using Item = std::variant<Message, Marker, Begin, Line, EndInput, Part, Answer, CloseNow>;

Bytes encode(const Item& item);
std::optional<Item> decode(ByteView bytes);  // nullopt: it is none

}  // namespace coord::cut
