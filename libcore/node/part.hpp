// SPDX-License-Identifier: MIT
// A part of a node: one protocol, or several that belong together, beside the replicated service.
//
// A part is a pure state machine as all protocols here are: events in, actions out; no clock, socket or
// thread. It speaks to the same part of other nodes on a channel of its own, in bytes that only it reads, and
// to tools of its own host. coordd and the simulator drive the same Node (node.hpp), so a part that works in
// a sweep is the one that runs.
//
// What a part is told of other nodes is what a network can do: a message by stream arrives whole, at most
// once and in order on one connection, and is lost when that breaks (Parted, Greeted); one by datagram is
// lost, late or in another order as it likes, and arrives at most once. Nothing is sent again here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/time.hpp"
#include "replica/events.hpp"
#include "replica/replicated_service.hpp"
#include "replica/tool_events.hpp"
#include "wire/channel.hpp"

namespace coord::node {

using wire::Channel;

enum class Way : std::uint8_t {
  stream,
  datagram,
  both,  // to send by: the first to arrive counts, and the part must tell a second one apart
};

// ---- told

struct FromPeer {
  NodeId from;
  Bytes bytes;
  Level level = wire::channels_since;  // by whose formats they are laid out
  Way way = Way::stream;               // by which they came
};
using replica::Greeted;  // a connection with that node stands
using replica::Leave;    // this node is about to stop
using replica::Parted;   // the last connection with it is gone
using replica::Tick;     // the part's deadline has come; an early one is harmless
// A tool of this host asks the part, on a connection that has greeted.
struct FromTool {
  replica::ConnectionId connection;
  replica::Credentials who;   // as the kernel says
  std::uint64_t request = 0;  // by which it knows the answers
  Bytes bytes;
};
using replica::ToolGone;  // with all that it has asked

// What blocks, on a disk of the part's own: done on a thread beside the node, one after the other in the
// order in which they were asked for, by a Worker that knows what they are. What came of it is inside.
struct Work {
  Work() = default;
  Work(const Work&) = default;
  Work& operator=(const Work&) = default;
  virtual ~Work() = default;
};
struct Worked {
  std::shared_ptr<Work> work;
};

using Event = std::variant<FromPeer, Greeted, Parted, FromTool, ToolGone, Tick, Leave, Worked>;

// ---- answers

struct Send {
  NodeId to;
  Way way = Way::stream;
  Bytes bytes;  // at most wire::channel_bytes_limit; by datagram a network's packet
};
struct ToTool {
  replica::ConnectionId connection;
  std::uint64_t request = 0;
  Bytes bytes;
};
// Only in answer to FromPeer: it cannot be read. What came by stream means that the two nodes do not run what
// they say: that connection is closed. A datagram is dropped.
struct Unreadable {
  std::string why;
};
using replica::Report;  // for the log, and for the operator

// Answered by Worked, unless this node ends before.
struct Do {
  std::shared_ptr<Work> work;
};

using PartAction = std::variant<Send, ToTool, Unreadable, Report, Do>;
using PartActions = std::vector<PartAction>;

// When a step is made, and at which level of the group: what is sent in it is laid out by that one.
struct Moment {
  Instant now;
  WallTime wall;
  Level level = first_level;
  // That of the same node, as of this step; none in tests of a part alone.
  const replica::ReplicatedService* service = nullptr;
  // Nothing that other parts have answered in this step goes out before what this one answers.
  bool undisturbed = true;
};

// What a part counts, for monitoring. The name is that of a metric without the program's (casts_made, say).
struct Count {
  const char* name;
  const char* help;
  bool only_rises;  // since this process began
  std::uint64_t value;
};

class Part {
 public:
  Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  virtual ~Part() = default;

  virtual Channel channel() const = 0;
  // For listings and counts.
  virtual std::string name() const = 0;
  virtual PartActions step(const Moment& moment, const Event& event) = 0;
  // After each batch of steps.
  virtual PartActions settle(const Moment& moment) = 0;
  virtual std::optional<Instant> deadline() const = 0;
  // Told to Leave, it has something to say yet: the node ends a moment later. Its end is a deadline.
  virtual bool is_leaving() const { return false; }
  virtual std::vector<Count> counts() const { return {}; }
};

// Does a part's work. `batch`: what was waiting, in its order; they may share one write of the disk.
// Threading: all of it on the thread that works for this part.
class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  virtual ~Worker() = default;
  virtual void perform(std::vector<std::shared_ptr<Work>>& batch) = 0;
};
using Workers = std::map<Channel, std::unique_ptr<Worker>>;

}  // namespace coord::node
