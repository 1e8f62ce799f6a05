// SPDX-License-Identifier: MIT
// The world: N nodes, their clocks, disks and the network between them, in virtual time.
//
// Problem: faults that lose data need several things to go wrong in one order; real machines show that order
// once a year, and then not again. Why threads, sleeps and a real network in a test do not help: a run that
// fails cannot be had again. Solution: one queue of virtual time, one seed, and protocols that are pure. What
// happens next is the event with the smallest (time, sequence); every random choice comes from the seed;
// nothing else is ever asked. So a seed is a run: the same events, the same bytes, on every machine;
// fingerprint() proves it.
//
// After every step of a node all checks run, and the first that objects ends the run: violation().
// Use: make an App (app.hpp), a World of it, start_all(), perhaps a fault plan (faults.hpp), run_until(),
// violation(). Threading: none; a sweep runs many worlds, each in one thread. Nothing in here outlives the
// world. What is the same for every App is in world_core.hpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/app.hpp"
#include "sim/world_core.hpp"

namespace coord::sim {

// `A` is checked against the concept App where the world is made.
template <class A>
class World final : public WorldCore {
 public:
  using Node = typename A::Node;
  using Message = typename A::Message;
  using Input = typename A::Input;
  using Job = typename A::Job;

  World(A& app, const WorldConfig& config) : WorldCore(config), app_(app), nodes_(config.nodes) {
    static_assert(App<A>, "see app.hpp for what an App must have");
  }

  // `check(world, stepped)`: nothing, or why what it sees must not be. `stepped`: the node that changed, so
  // that a check need not look at all.
  template <class Objection>
  void add_check(std::string name, Objection check) {
    add_core_check(std::move(name), [this, check = std::move(check)](NodeId stepped) {
      return std::optional<std::string>(check(std::as_const(*this), stepped));
    });
  }
  void input(NodeId node, Input input) {
    input_after(node, Duration{}, std::move(input));
  }                                                                     // at once; lost if the node is down
  const Node* node(NodeId node) const { return place_of(node).get(); }  // nullptr: no process
  Node* node(NodeId node) { return place_of(node).get(); }

 private:
  friend class Port<A>;

  static constexpr bool has_deadline = requires(A a, Node n) { a.deadline(n); };
  static constexpr bool has_jobs = !std::is_same_v<Job, NoJob>;
  static constexpr bool has_inputs = !std::is_same_v<Input, NoInput>;

  // ---- actions of nodes
  void send(NodeId from, NodeId to, Message message, Way way = Way::stream) {
    if constexpr (requires { app_.on_send(from, to, message); }) {
      if (from != to) app_.on_send(from, to, message);
    }
    const auto arrivals = route(from, to, way);
    if (arrivals.count == 0 && traced()) lost(from, to, app_.describe(message));
    if (arrivals.count == 2 && has_room())
      post_message(arrivals.times[0], from, to, way, hold(Message(message)));
    if (arrivals.count > 0 && has_room())
      post_message(arrivals.times[arrivals.count - 1], from, to, way, hold(std::move(message)));
  }
  void input_after(NodeId node, Duration local_delay, Input input) {
    post_input(node, local_delay, hold(std::move(input)));
  }
  void queue_job(NodeId node, Job job) { WorldCore::queue_job(node, hold(std::move(job))); }

  // ---- what the core asks for
  std::optional<std::string> launch(NodeId id, Instant local) override {
    Port<A> port(*this, id);
    auto started = app_.start(local, port);
    if (!started.ok()) return started.error().text();
    place_of(id) = std::move(started).value();
    return std::nullopt;
  }
  void destroy(NodeId id) override { place_of(id).reset(); }
  void told_of_crash(NodeId id) override {
    if constexpr (requires { app_.on_crash(id); }) app_.on_crash(id);
  }
  std::optional<Instant> deadline(NodeId id) const override {
    if constexpr (has_deadline) {
      return app_.deadline(*place_of(id));
    } else {
      return std::nullopt;
    }
  }
  void receive(NodeId id, Instant local, NodeId from, Body& message) override {
    Port<A> port(*this, id);
    app_.on_message(*place_of(id), local, from, std::move(held<Message>(message)), port);
  }
  void take_input(NodeId id, Instant local, Body& input) override {
    if constexpr (has_inputs) {
      Port<A> port(*this, id);
      app_.on_input(*place_of(id), local, std::move(held<Input>(input)), port);
    }
  }
  void tick(NodeId id, Instant local) override {
    if constexpr (has_deadline) {
      Port<A> port(*this, id);
      app_.on_tick(*place_of(id), local, port);
    }
  }
  void perform(NodeId id, Body& job) override {
    if constexpr (has_jobs) app_.perform(*place_of(id), held<Job>(job));
  }
  void job_done(NodeId id, Instant local, Body& job) override {
    if constexpr (has_jobs) {
      Port<A> port(*this, id);
      app_.on_done(*place_of(id), local, std::move(held<Job>(job)), port);
    }
  }
  bool merge(Body& first, Body& second) override {
    if constexpr (requires(Job & job) { app_.merge(job, job); }) {
      return app_.merge(held<Job>(first), held<Job>(second));
    } else {
      return false;
    }
  }
  std::string describe(const Body& message) const override {
    return app_.describe(static_cast<const Holder<Message>&>(message).value);
  }

  template <class T>
  static std::unique_ptr<Body> hold(T what) {
    return std::make_unique<Holder<T>>(std::move(what));
  }
  template <class T>
  static T& held(Body& body) {
    return static_cast<Holder<T>&>(body).value;
  }
  std::unique_ptr<Node>& place_of(NodeId id) {
    COORD_CHECK(id.value >= 1 && id.value <= nodes_.size());
    return nodes_[static_cast<std::size_t>(id.value - 1)];
  }
  const std::unique_ptr<Node>& place_of(NodeId id) const { return const_cast<World*>(this)->place_of(id); }

  A& app_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace coord::sim
