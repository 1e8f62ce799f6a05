// SPDX-License-Identifier: MIT
// What a host's tools say to its desk, and what the desk answers. See desk.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "replica/events.hpp"
#include "replica/hurry.hpp"
#include "replica/leases.hpp"
#include "wire/local.hpp"

namespace coord::replica {

struct Credentials {
  std::uint32_t uid = 0;
  std::string user;
  local::Secret secret{};    // of the connection's session, made by the driver
  std::uint32_t speaks = 1;  // of the tools' protocol, both ends
  bool is_guest = false;     // neither root nor the peer's own user: what is the operator's is not for it
};

// What a later life of this peer must know of a session that somebody holds. The driver keeps it where the
// end of this process cannot take it (it need not survive the host: the holders do not either).
struct HoldRecord {
  SessionId session;
  std::uint64_t request = 0;
  Token token;
  local::Secret secret;
  std::uint32_t uid = 0;
  Duration ttl{};
  Instant renewal_sent;   // of the last renewal that succeeded
  std::uint32_t pid = 0;  // of the command; 0: not known
  Duration grace{};
  std::uint32_t holder = 0;  // as in local::Acquire
  std::uint32_t signal = 0;
  bool bare = false;
  // Fields of a later release, kept beside these (daemon/hold_file.hpp).
  bool taken_up = true;     // by its tool
  bool elsewhere = false;   // it holds something by an engine's own recipe, which nobody renews any more
  bool takes_part = false;  // in an epoch of a classical algorithm, which this life of the peer is a site of

  bool operator==(const HoldRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, token, secret, uid, ttl, renewal_sent, pid, grace, holder, signal, bare);
  }
};

// ---- told

struct FromTool {
  ConnectionId connection;
  Credentials who;  // as the kernel says
  local::Request request;
  bool holders_left = false;  // with Release: somebody other than the tool has the session's descriptor open
  // The process that the request names, or the tool's own, cannot be guarded: why (its number is not set).
  std::optional<local::Refused> unguardable{};
  // With Acquire: on which connections' sessions the tool runs inside of a command, as the
  // kernel says; outermost first.
  std::vector<ConnectionId> inside{};
  // With Acquire::holder: those of them that the process which is to hold does not run inside of, or is the
  // holder of itself. It cannot re-enter what they hold, and the tool would wait for itself.
  std::vector<ConnectionId> not_entered{};
};
struct ToolGone {
  ConnectionId connection;
};
struct HoldersGone {  // nobody has the session's descriptor open any more
  ConnectionId connection;
};
struct CommandGone {  // what StopCommand asked to be confirmed
  ConnectionId connection;
  bool wrapper_runs = false;  // which was spared, and has the descriptor
};
// What this session holds elsewhere, by an engine's own recipe, may be somebody else's a TTL after `sent`: as
// if a renewal of it had been sent then. Or it is so already: why.
struct HeldElsewhere {
  SessionId session;
  Instant sent;
  std::string lost{};
};
// Before anything else: what an earlier life of this peer has left.
struct Recovered {
  struct Hold {
    ConnectionId connection;  // one that nobody else has
    HoldRecord record;
    bool held = false;  // a holder is left
  };
  std::vector<Hold> holds;
  // Every session opened from this registration on whose grant was told is among them: what else is left of
  // those nobody uses. Sessions from before it may have holders that no record tells of (the records were
  // lost): their leases decide. 0: not known of any.
  service::ClientId complete_since{};
};

// ---- answers

struct ToTool {  // with the first Granted of a connection goes a descriptor (wire/local.hpp)
  ConnectionId connection;
  local::Answer answer;
};
struct StopCommand {  // and all its descendants: TERM (then CONT), or KILL
  ConnectionId connection;
  std::uint32_t pid = 0;
  bool kill = false;
  bool confirm = false;  // by CommandGone, when nothing of it is left
  bool bare = false;     // it may never have had the session's descriptor
  // While any of it is left, however long that takes: nothing else may begin before. It is confirmed by then,
  // not earlier.
  bool to_the_end = false;
};
struct SignalHolder {  // the process that is the holder (Acquire::holder): its lock is lost
  ConnectionId connection;
  std::uint32_t signal = 0;
};
struct SessionOver {  // nothing more will be said of this connection: its descriptor may be closed
  ConnectionId connection;
};
struct KeepHold {  // before any answer that follows
  ConnectionId connection;
  HoldRecord record;
};
struct ForgetHold {
  SessionId session;
};
struct HoldsCompleteSince {  // from here on the records are complete: the next life's Recovered says so
  service::ClientId registration;
};
struct Moved {  // the session, with its descriptor, belongs to another connection now; `from` is over
  ConnectionId from, to;
};
struct DescribePeers {  // the driver knows addresses and round trips: it answers
  ConnectionId connection;
  std::uint64_t request = 0;
};

using SessionAction = std::variant<Submit, Retract, Query, ToTool, StopCommand, SignalHolder, SessionOver,
                                   KeepHold, ForgetHold, HoldsCompleteSince, Moved, DescribePeers>;
using SessionActions = std::vector<SessionAction>;

struct SessionsConfig {
  NodeId self;
  std::string peer;  // this peer's name
  std::string host;
  local::Scope scope = local::Scope::cluster;
  Duration ttl_low = std::chrono::seconds(1);
  Duration ttl_high = std::chrono::hours(1);
  std::size_t connections = 20000;
  Duration enrolment_ttl = std::chrono::seconds(10);  // of the sessions that this host stands with
  Hurry::Terms hurry;                                 // of what is not to wait
  std::map<NodeId, std::string> names;                // of the group's peers, as users know them
};

}  // namespace coord::replica
