// SPDX-License-Identifier: MIT
// The choices in what a tool and its peer say to each other, each with its name: by it the decoder knows it,
// and JSON and tables show it.
#pragma once

#include <cstdint>

#include "service/locks/commands.hpp"

namespace coord::local {

using service::Mode;

enum class Scope : std::uint8_t {
  private_peer,
  cluster,
  host,
  engine
};  // host, engine: told from version 2 on
constexpr const char* name_of(Scope value) {
  switch (value) {
    using enum Scope;
    case private_peer:
      return "private";
    case cluster:
      return "cluster";
    case host:
      return "host";
    case engine:
      return "engine";
  }
  return nullptr;
}

enum class RefusedKind : std::uint8_t {
  held,           // wait was false and it is taken: status 1
  no_quorum,      // status 69
  limit,          // a limit of the service or of this user: status 69
  mismatch,       // other permits than the name has in use, a name twice, ...: status 64
  protocol,       // this peer does not speak the tool's version, or the request made no sense here: status 69
  deadlock,       // it would wait for something that waits for it: as held, but always said
  slot_done,      // complete already, or its period is over: status 0
  slot_running,   // wait was false and its work is being done: status 0
  attempts_used,  // begun as often as it may be: status 3
  unknown,        // it may have taken effect: status 76
  forgotten,      // made before its name was forgotten (status 3), or for an epoch that is not there
};
constexpr const char* name_of(RefusedKind value) {
  switch (value) {
    using enum RefusedKind;
    case held:
      return "held";
    case no_quorum:
      return "no quorum";
    case limit:
      return "limit";
    case mismatch:
      return "mismatch";
    case protocol:
      return "protocol";
    case deadlock:
      return "deadlock";
    case slot_done:
      return "slot done";
    case slot_running:
      return "slot running";
    case attempts_used:
      return "attempts used";
    case unknown:
      return "unknown";
    case forgotten:
      return "forgotten";
  }
  return nullptr;
}

enum class WaitKind : std::uint8_t {
  holds,   // the blocker holds the name
  before,  // it waits for the name since before
  shut,    // its hold is over and has left the name shut for a time
};
constexpr const char* name_of(WaitKind value) {
  switch (value) {
    using enum WaitKind;
    case holds:
      return "holds";
    case before:
      return "before";
    case shut:
      return "shut";
  }
  return nullptr;
}

enum class Ending : std::uint8_t {
  holds,     // it is not over
  released,  // by its holder
  lost,      // its holder was gone: killed, with all that had its descriptor
  broken,    // by --break
  expired,   // its lease ran out: the host, or its peer, was gone or cut off
};
constexpr const char* name_of(Ending value) {
  switch (value) {
    using enum Ending;
    case holds:
      return "holds";
    case released:
      return "released";
    case lost:
      return "lost";
    case broken:
      return "broken";
    case expired:
      return "expired";
  }
  return nullptr;
}

}  // namespace coord::local
