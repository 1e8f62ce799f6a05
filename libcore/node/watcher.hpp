// SPDX-License-Identifier: MIT
// A part that watches the links of its node: every message of every part, the service's too, that goes out or
// comes in. For snapshots: what is on its way between nodes is what one has sent and the other not received.
//
// The order. A link is a connection that its initiator sends on. What a part sends keeps its place among all
// messages of that link, so a marker that the watcher sends there cuts it: sent() is told of each message
// that goes out, and received() of each that comes in, before it reaches its part. A new connection begins
// with what first_on() answers. A datagram keeps no place; it carries the colour of its sender's node, and
// the watcher of the receiver is told it before the message reaches its part.
//
// A driver (coordd's pump, the simulator's cluster) tells the node of each send that it has tried, in the
// order of the actions. Threading: as for all parts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "node/part.hpp"

namespace coord::node {

class Watcher {
 public:
  Watcher() = default;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  virtual ~Watcher() = default;

  // `taken`: it goes out; else it was dropped here, or waits for a connection. `kind`: of a message of the
  // service its name, of any other the name of its part.
  virtual void sent(NodeId to, Way way, std::string_view kind, bool taken) = 0;
  // `words`: says what it is, in the notation of the golden traces; for who wants to know.
  using Words = std::function<std::string()>;
  virtual void received(NodeId from, Way way, std::string_view kind, const Words& words) = 0;
  // What that node sends by stream comes by another connection from now on. `lost`: so many of those that
  // sent() is told of went by it before and never come; where connections are real it is 0.
  virtual void came(NodeId from, std::uint64_t lost) = 0;
  // This node's way to that one stands anew, or is gone. waited(): so many that were sent before it stood,
  // and not told as taken, have gone out on it now, after what goes first; the watcher's own not counted.
  virtual void connected(NodeId to) = 0;
  virtual void waited(NodeId to, std::uint64_t count) = 0;
  virtual void disconnected(NodeId to) = 0;
  // What goes first on a connection to that node, made now.
  virtual std::vector<Bytes> first_on(NodeId to) const = 0;
  // What a datagram to that node carries now; empty: none.
  virtual Bytes colour(NodeId to) const = 0;
  // A datagram that carries this has come from that node.
  virtual PartActions coloured(const Moment& moment, NodeId from, ByteView colour) = 0;
};

}  // namespace coord::node
