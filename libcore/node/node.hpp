// SPDX-License-Identifier: MIT
// A node: the replicated service and any number of other parts, driven as one.
//
// Problem: a peer does more than take part in one replicated log, and each further protocol with a driver of
// its own would need a second pump in coordd, a second one in the simulator, and rules for what happens
// between them. Solution: one object that both drive. It hands each event to the part that it is for, merges
// what the parts answer, and merges their deadlines.
//
// The ordering rule is that of one part, over all of them: after each batch of step()s one settle(); perform
// the actions in the order in which they came, the disk's work last if you like; call tick() when deadline()
// has come. The service comes first in each step: a level that it raises holds for what the others send in
// the same step.
//
// The service (replica::ReplicatedService) keeps its typed events, disk and sessions: all other parts may do
// without. Nothing of other parts is sent below level 2; a message for a part that is not there is dropped
// and counted, for the other node may have one more. What a tool says to a part (local::ToPart) comes among
// the service's events and never reaches it. Threading: none; one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/part.hpp"
#include "node/watcher.hpp"
#include "replica/replicated_service.hpp"
#include "wire/frame.hpp"

namespace coord::node {

// ---- told, beside what the service is told

// For another part than the service, from another node.
struct OnChannel {
  NodeId from;
  wire::ChannelMessage message;
  Level level = wire::channels_since;
  Way way = Way::stream;
};
// A part's work is done.
struct PartWorked {
  Channel part{};
  std::shared_ptr<Work> work;
};
// A connection from another node has come about: what that sends by stream comes by this one from now on. In
// its place among the messages.
struct Came {
  NodeId from;
  std::uint64_t lost = 0;  // so many were sent on it before and never come (in the simulator)
};
// A datagram is next, and carries this (Watcher::colour).
struct Coloured {
  NodeId from;
  Bytes colour;
};
using NodeEvent = std::variant<replica::ServiceEvent, OnChannel, PartWorked, Came, Coloured>;

// ---- answers, beside those of the service

struct SendOnChannel {
  NodeId to;
  wire::ChannelMessage message;
  Level level = wire::channels_since;
  Way way = Way::stream;
};
// A part could not read what this node has sent: close the connection by which it came, if it came by stream.
struct Unread {
  NodeId from;
  Way way = Way::stream;
  std::string part;
  std::string why;
};
// Work for the Worker of this part.
struct PartWork {
  Channel part{};
  std::shared_ptr<Work> work;
};
using NodeAction = std::variant<replica::ServiceAction, SendOnChannel, Unread, PartWork>;
using NodeActions = std::vector<NodeAction>;

// As it goes to another node by datagram.
struct Datagram {
  Bytes bytes;
  wire::FrameType type = wire::FrameType::channel;
};
// With that colour (watcher.hpp), if there is one. Nothing: with it, it has more than `most` bytes. It has to
// go by stream, for without the colour it must not go.
std::optional<Datagram> in_colour(Bytes colour, Datagram datagram, Level level, std::size_t most);

// What was dropped, of other parts than the service.
struct Counts {
  std::uint64_t unknown_channel = 0;  // for a part that this node has not
  std::uint64_t too_early = 0;        // to be sent below level 2
  std::uint64_t too_large = 0;        // to be sent, or to be told to a tool
};

// What a part is made from, alike in coordd and in the simulator.
struct Setting {
  NodeId self;
  std::vector<NodeId> founders;  // the nodes of the founding list, this one among them unless it came later
  std::uint64_t seed = 0;        // for its choices; each life has another one
  Instant now;
  std::map<NodeId, std::string> names{};  // of all nodes, this one among them; empty: they have none
  bool is_alone = false;                  // it has founded a group that nobody else is of
  bool is_gateway = false;                // an engine keeps its log
};
using Parts = std::vector<std::unique_ptr<Part>>;
using MakeParts = std::function<Parts(const Setting&)>;

class Node {
 public:
  // No two parts have one channel, and none has the service's (checked).
  explicit Node(replica::ReplicatedService service, Parts parts = {});

  [[nodiscard]] NodeActions step(Instant now, WallTime wall, NodeEvent&& event);
  [[nodiscard]] NodeActions settle(Instant now, WallTime wall);
  std::optional<Instant> deadline() const;

  const replica::ReplicatedService& service() const { return service_; }
  const replica::OrderedLog& log() const { return service_.log(); }
  const replica::Replica* voter() const { return service_.voter(); }
  const replica::Replica& replica() const { return service_.replica(); }  // of a voter (checked)
  const Counts& counts() const { return counts_; }
  const Part* part(Channel channel) const;
  bool is_leaving() const;  // some part is
  std::vector<Count> counts_of_parts() const;

  // ---- for the driver, and one of the parts that watches (watcher.hpp)
  // A SendPeer or SendOnChannel was tried. `taken`: it goes out now (waited() tells what does later).
  void sent(NodeId to, Way way, const replica::PeerMessage& message, bool taken);
  void sent(NodeId to, Way way, const wire::ChannelMessage& message, bool taken);
  // False: it is the watcher's own, which is counted nowhere.
  bool is_counted(const wire::ChannelMessage& message) const;
  void connected(NodeId to);
  void waited(NodeId to, std::uint64_t count);
  void disconnected(NodeId to);
  // To be sent before all else on a connection that has just come about.
  std::vector<wire::ChannelMessage> first_on(NodeId to) const;
  // To go along with each datagram; empty: none.
  Bytes colour(NodeId to) const;

 private:
  Part* find(std::uint16_t channel);
  Moment moment(Instant now, WallTime wall) const {
    return {now, wall, log().speaks(), &service_, out_.empty()};
  }
  void of_service(replica::ServiceActions actions);
  void tool_said(Instant now, WallTime wall, const replica::FromTool& event, const local::ToPart& said);
  void heard(Instant now, WallTime wall, OnChannel&& event);
  template <class T>
  void tell_all(Instant now, WallTime wall, const T& event);
  void of_part(const Part& part, PartActions actions, const OnChannel* heard = nullptr);
  void send(const Part& part, Send send);
  void tell(const Part& part, ToTool answer);

  replica::ReplicatedService service_;
  Parts parts_;                 // by channel
  Watcher* watcher_ = nullptr;  // one of them, perhaps
  Part* watching_ = nullptr;    // the same one
  Counts counts_;
  NodeActions out_;
};

}  // namespace coord::node
