// SPDX-License-Identifier: MIT
// What the world needs to know of the nodes that it runs. An App is a small adapter between one
// protocol, or a whole replica, and the world; it is also the place for whatever the test wants to watch
// (histories, grants, counters).
//
//   struct App {
//     using Node = ...;     // one process: its volatile state. Destroyed by a crash.
//     using Message = ...;  // what the network carries: any copyable type
//     using Input = ...;    // from the node's own side: users, its own timers. NoInput if nothing does
//     using Job = ...;      // disk work that completes later. NoJob if there is none
//
//     // A process starts, from nothing or from what port.disk() holds. An Error: it refuses to start.
//     Result<std::unique_ptr<Node>> start(Instant local_now, Port<App>& port);
//     void on_message(Node&, Instant local_now, NodeId from, Message, Port<App>&);
//     std::string describe(const Message&) const;                       // for traces only
//
//     void on_input(Node&, Instant local_now, Input, Port<App>&);       // with an Input
//     std::optional<Instant> deadline(const Node&) const;               // both or neither
//     void on_tick(Node&, Instant local_now, Port<App>&);               //   at or after deadline()
//     void perform(Node&, Job&);                                        // with a Job: do it, on port.disk()
//     void on_done(Node&, Instant local_now, Job, Port<App>&);          //   what came of it: an event
//     bool merge(Job& running_next, Job& waiting);                      // optional: take waiting work over
//     void on_crash(NodeId);                                            // optional: a process has just died
//     void on_send(NodeId from, NodeId to, const Message&);             // optional: for counting
//   };
//
// Jobs of a node run one at a time, in order, each takes as long as its disk calls say, and a crash may
// strike before, in the middle of or after them: on_done() is then never called.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "sim/disk.hpp"
#include "sim/network.hpp"

namespace coord::sim {

struct NoInput {};
struct NoJob {};

template <class App>
class World;

// What a node's adapter can do in a step. Valid during that call only.
template <class App>
class Port {
 public:
  NodeId self() const { return self_; }
  void send(NodeId to, typename App::Message message) { world_.send(self_, to, std::move(message)); }
  void send_datagram(NodeId to, typename App::Message message) {
    world_.send(self_, to, std::move(message), Way::datagram);
  }
  void send_ordered(NodeId to, typename App::Message message) {
    world_.send(self_, to, std::move(message), Way::ordered);
  }
  void job(typename App::Job job) { world_.queue_job(self_, std::move(job)); }
  // An input to this node after a time of its own clock; not if the process dies before.
  void after(Duration local_delay, typename App::Input input) {
    world_.input_after(self_, local_delay, std::move(input));
  }
  // The process ends by itself after this step (a node that halts). Only restart() brings it back.
  void stop(std::string why) { world_.stop_after_step(self_, std::move(why)); }
  // A line of the trace. `text` is a function that gives a string; it is called only if a trace is kept.
  template <class Text>
  void note(Text&& text) {
    if (world_.traced()) world_.note(self_, text());
  }
  VirtualDisk& disk() { return world_.disk(self_); }
  Random& random() { return world_.random(self_); }  // for seeding a protocol; goes on over restarts
  Instant world_now() const {
    return world_.now();
  }  // for histories and measurements, never for the protocol

 private:
  friend class World<App>;
  Port(World<App>& world, NodeId self) : world_(world), self_(self) {}
  World<App>& world_;
  NodeId self_;
};

template <class A>
concept App = requires(A app, typename A::Node& node, Instant now, NodeId from, typename A::Message message,
                       Port<A>& port) {
  requires std::copyable<typename A::Message>;
  typename A::Input;
  typename A::Job;
  { app.start(now, port) } -> std::same_as<Result<std::unique_ptr<typename A::Node>>>;
  app.on_message(node, now, from, std::move(message), port);
  { app.describe(message) } -> std::convertible_to<std::string>;
};

}  // namespace coord::sim
