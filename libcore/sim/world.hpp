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
// world.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.hpp"
#include "base/random.hpp"
#include "sim/app.hpp"
#include "sim/local_clock.hpp"
#include "sim/network.hpp"
#include "sim/schedule.hpp"
#include "sim/trace.hpp"

namespace coord::sim {

// What must never be and was: the run ends with it.
struct Violation {
  std::string check;
  Instant when;
  NodeId node;  // whose step it was; 0: none
  std::string explanation;
  std::string text() const;  // one line
};

struct WorldStatistics {
  std::uint64_t events = 0;  // everything that came out of the queue and did something
  std::uint64_t steps = 0;   // calls into nodes
  std::uint64_t sent = 0;    // messages given to the network, to other nodes
  std::uint64_t received = 0;
};

// `A` is checked against the concept App where the world is made.
template <class A>
class World {
 public:
  using Node = typename A::Node;
  using Message = typename A::Message;
  using Input = typename A::Input;
  using Job = typename A::Job;
  // Nothing, or why what it sees must not be. `stepped`: the node that changed, so that a check need not look
  // at all.
  using Check = std::function<std::optional<std::string>(const World&, NodeId stepped)>;

  World(A& app, const WorldConfig& config);

  // ---- running
  void start_all();
  bool step();                  // one event; false if there is none or the run is over
  void run_until(Instant end);  // leaves now() at `end`, or where it was violated
  void run_for(Duration length) { run_until(now_ + length); }
  Instant now() const { return now_; }
  void add_check(std::string name, Check check) { checks_.emplace_back(std::move(name), std::move(check)); }
  void fail(std::string check, std::string explanation, NodeId node = {});  // a violation found by others
  const std::optional<Violation>& violation() const { return violation_; }

  // ---- scripting: faults, users, late checks
  void at(Instant time, std::function<void()> action);
  void input(NodeId node, Input input);     // at once; lost if the node is down
  void start(NodeId node);                  // from what its disk holds; also after crash, stop and refusal
  void crash(NodeId node, CrashKind kind);  // power: its disk too
  void pause(NodeId node);
  void resume(NodeId node);
  void set_clock_rate(NodeId node, std::int64_t rate_ppm);
  Network& network() { return network_; }
  VirtualDisk& disk(NodeId node) { return *at_place(node).disk; }
  Random& random(NodeId node) { return at_place(node).random; }
  Random& random() { return script_random_; }  // for scripts
  void count(FaultKind kind) { faults_.add(kind); }

  // ---- looking
  std::size_t nodes() const { return places_.size(); }
  NodeState state(NodeId node) const { return at_place(node).state; }
  const std::string& why(NodeId node) const { return at_place(node).why; }   // it stopped or refused
  const Node* node(NodeId node) const { return at_place(node).node.get(); }  // nullptr: no process
  Node* node(NodeId node) { return at_place(node).node.get(); }
  Instant local_now(NodeId node) const { return at_place(node).clock.at(now_); }
  const LocalClock& clock(NodeId node) const { return at_place(node).clock; }
  const WorldStatistics& statistics() const { return statistics_; }
  FaultCounts faults() const;  // of the world, the network and all disks
  std::uint64_t fingerprint() const { return fingerprint_; }
  void set_trace(Trace* trace) { trace_ = trace; }  // nullptr: none, and no cost
  bool traced() const { return trace_ != nullptr; }
  void note(NodeId node, std::string text);  // node 0: the world speaks

 private:
  friend class Port<A>;

  enum class What : std::uint8_t { message, input, wake, job_begins, job_done, script };
  struct Event {
    What what = What::script;
    std::uint32_t node = 0;  // NodeId's value; 0 for a script
    std::uint32_t from = 0;
    std::uint64_t life = 0;  // of the process that it is meant for; messages go to whoever lives
    Instant sent;
    std::variant<std::monostate, Message, Input, Job, std::function<void()>> body;
  };
  static constexpr std::size_t message_body = 1, input_body = 2, job_body = 3, script_body = 4;
  struct Place {  // where a process lives: what stays when it dies
    std::unique_ptr<Node> node;
    LocalClock clock;
    std::unique_ptr<VirtualDisk> disk;
    Random random{0};
    NodeState state = NodeState::down;
    std::string why;
    std::uint64_t life = 0;
    std::optional<Instant> wake_at;  // the wake event that counts is the one of this time
    std::deque<Event> inbox;         // while paused
    std::deque<Job> jobs;
    bool job_runs = false;
    bool stops = false;
    int idle_ticks = 0;  // ticks in a row that left the deadline in the past
  };

  static constexpr bool has_deadline = requires(A a, Node n) { a.deadline(n); };
  static constexpr bool has_jobs = !std::is_same_v<Job, NoJob>;
  static constexpr bool has_inputs = !std::is_same_v<Input, NoInput>;

  Place& at_place(NodeId node) {
    COORD_CHECK(node.value >= 1 && node.value <= places_.size());
    return places_[static_cast<std::size_t>(node.value - 1)];
  }
  const Place& at_place(NodeId node) const { return const_cast<World*>(this)->at_place(node); }

  // ---- actions of nodes (world_actions.hpp)
  void send(NodeId from, NodeId to, Message message);
  void queue_job(NodeId node, Job job);
  void input_after(NodeId node, Duration local_delay, Input input);
  void stop_after_step(NodeId node, std::string why);
  void trace_message(TraceRecord::Kind kind, Instant sent, NodeId from, NodeId to, const Message& message);

  // ---- events (world_events.hpp)
  void happen(Event event);
  bool reaches_process(Event& event, Place& place, NodeId node);
  void dispatch(Event& event, Place& place, NodeId node);
  template <class Work>
  void enter(Place& place, NodeId node, Work&& work);  // a step: the work, and what follows every step
  void wake(Place& place, NodeId node);
  void arm(Place& place, NodeId node);
  void begin_jobs(Place& place, NodeId node);
  void perform(Place& place, NodeId node, Job job);
  void die(Place& place, NodeId node, NodeState state);
  void run_checks(NodeId stepped);
  Event event_for(What what, NodeId node) const;

  A& app_;
  WorldConfig config_;
  Random random_;
  Random script_random_;
  Schedule<Event> schedule_;
  Network network_;
  std::vector<Place> places_;
  std::vector<std::pair<std::string, Check>> checks_;
  Instant now_{};
  NodeId stepping_;  // whose code runs right now
  std::optional<Violation> violation_;
  WorldStatistics statistics_;
  FaultCounts faults_;
  std::uint64_t fingerprint_ = 0;
  Trace* trace_ = nullptr;
};

}  // namespace coord::sim

#include "sim/world_actions.hpp"
#include "sim/world_events.hpp"
