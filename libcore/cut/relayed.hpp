// SPDX-License-Identifier: MIT
// What the ends of a group's channels and the relay in their peer say to each other (relay/relay.hpp), as
// bytes of local::ToPart and FromPart.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/bytes.hpp"
#include "cut/items.hpp"

namespace coord::cut {

// ---- to the relay
// This connection is where packets for that life go. A visitor asks and sends from outside. `owner`: the user
// whose group it is in, once that is known: his packets it takes besides its own user's and root's.
struct Register {
  Life life = 0;
  bool visitor = false;
  std::string owner{};
};
struct Outgoing {
  Life to = 0;
  Bytes bytes;
};
using ToRelay = std::variant<Register, Outgoing>;

// ---- from it
struct Incoming {
  Life from = 0;
  bool visitor = false;
  Bytes bytes;
};
// A process has registered or has gone, here or elsewhere: the view may be another one.
struct Changed {};
struct NotYours {  // this life is another user's: to register it, or to speak to it from outside
  Life life = 0;
};
using FromRelay = std::variant<Incoming, Changed, NotYours>;

Bytes encode(const ToRelay& message);
Bytes encode(const FromRelay& message);
std::optional<ToRelay> decode_to_relay(ByteView bytes);
std::optional<FromRelay> decode_from_relay(ByteView bytes);

}  // namespace coord::cut
