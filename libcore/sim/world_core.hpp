// SPDX-License-Identifier: MIT
// All of the world that does not depend on which protocol runs in it: the queue, clocks, disks, the network,
// faults, and what follows a step. Problem: a world of templates only is compiled again for each of thirty
// protocols, and most of what is compiled is the same. So what must know a node's type is a handful of
// virtual calls, made by World<A> (world.hpp), and the rest is compiled once. What an event carries is a
// Body: only World<A> knows what is inside.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/random.hpp"
#include "sim/disk.hpp"
#include "sim/fault_kind.hpp"
#include "sim/local_clock.hpp"
#include "sim/network.hpp"
#include "sim/schedule.hpp"
#include "sim/trace.hpp"

namespace coord::sim {

struct WorldConfig {
  std::size_t nodes = 3;  // numbered 1..nodes
  std::uint64_t seed = 1;
  Link link;  // of all pairs; World::network() changes single ones
  DiskConfig disk;
  // Each clock starts in [0, clock_start_high] and runs at a rate within 1 +- clock_rate_spread_ppm / 10^6.
  Duration clock_start_high{};
  std::int64_t clock_rate_spread_ppm = 0;
  // A process that died in a disk call (an armed crash) is started again after a time in this range.
  Duration restart_low = std::chrono::milliseconds(50);
  Duration restart_high = std::chrono::milliseconds(500);
  std::size_t inbox_limit = 10'000;  // events kept for a paused node; more are lost
  // scheduled events; beyond, messages are lost: a storm must not eat all memory
  std::size_t in_flight_limit = 4'000'000;
  std::size_t job_limit = 10'000;  // disk jobs waiting on one node; beyond it the run is a violation
};

enum class NodeState : std::uint8_t {
  down,     // not started, or crashed
  running,  //
  paused,   // SIGSTOP
  stopped,  // ended by itself
  refused,  // could not start from what its disk holds
};

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

class WorldCore {
 public:
  explicit WorldCore(const WorldConfig& config);
  WorldCore(const WorldCore&) = delete;
  WorldCore& operator=(const WorldCore&) = delete;
  virtual ~WorldCore();

  // ---- running
  void start_all();
  bool step();                  // one event; false if there is none or the run is over
  void run_until(Instant end);  // leaves now() at `end`, or where it was violated
  void run_for(Duration length) { run_until(now_ + length); }
  Instant now() const { return now_; }
  void fail(std::string check, std::string explanation, NodeId node = {});  // a violation found by others
  const std::optional<Violation>& violation() const { return violation_; }

  // ---- scripting: faults, users, late checks
  void at(Instant time, std::function<void()> action);
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
  bool lives(NodeId node) const { return at_place(node).lives; }  // it has a process
  NodeState state(NodeId node) const { return at_place(node).state; }
  const std::string& why(NodeId node) const { return at_place(node).why; }  // it stopped or refused
  Instant local_now(NodeId node) const { return at_place(node).clock.at(now_); }
  const LocalClock& clock(NodeId node) const { return at_place(node).clock; }
  const WorldStatistics& statistics() const { return statistics_; }
  FaultCounts faults() const;  // of the world, the network and all disks
  std::uint64_t fingerprint() const { return fingerprint_; }
  void set_trace(Trace* trace) { trace_ = trace; }  // nullptr: none, and no cost
  bool traced() const { return trace_ != nullptr; }
  void note(NodeId node, std::string text);  // node 0: the world speaks

 protected:
  // What an event carries.
  struct Body {
    virtual ~Body() = default;
  };
  template <class T>
  struct Holder final : Body {
    explicit Holder(T what) : value(std::move(what)) {}
    T value;
  };
  enum class What : std::uint8_t { message, input, wake, job_begins, job_done, script };
  struct Event {
    What what = What::script;
    Way way = Way::stream;   // of a message
    std::uint32_t node = 0;  // NodeId's value; 0 for a script
    std::uint32_t from = 0;
    std::uint64_t life = 0;  // of the process that it is meant for; messages go to whoever lives
    Instant sent;
    std::unique_ptr<Body> body;
  };

  // ---- what only World<A> can do
  virtual std::optional<std::string> launch(NodeId node, Instant local) = 0;  // makes it, or why it refuses
  virtual void destroy(NodeId node) = 0;
  virtual void told_of_crash(NodeId node) = 0;
  virtual std::optional<Instant> deadline(NodeId node) const = 0;
  virtual void receive(NodeId node, Instant local, NodeId from, Body& message) = 0;
  virtual void take_input(NodeId node, Instant local, Body& input) = 0;
  virtual void tick(NodeId node, Instant local) = 0;
  virtual void perform(NodeId node, Body& job) = 0;
  virtual void job_done(NodeId node, Instant local, Body& job) = 0;
  virtual bool merge(Body& first, Body& second) = 0;  // two jobs: the first takes the second over
  virtual std::string describe(const Body& message) const = 0;

  // ---- what World<A> does with it
  using Check = std::function<std::optional<std::string>(NodeId stepped)>;
  void add_core_check(std::string name, Check check) {
    checks_.emplace_back(std::move(name), std::move(check));
  }
  Network::Arrivals route(NodeId from, NodeId to, Way way);  // of a message that is being sent
  void lost(NodeId from, NodeId to, std::string text);
  void post_message(Instant arrival, NodeId from, NodeId to, Way way, std::unique_ptr<Body> message);
  bool has_room();  // for one more event; else it is counted as lost
  void post_input(NodeId node, Duration local_delay, std::unique_ptr<Body> input);
  void queue_job(NodeId node, std::unique_ptr<Body> job);
  void stop_after_step(NodeId node, std::string why);

 private:
  struct Place {  // where a process lives: what stays when it dies
    LocalClock clock;
    std::unique_ptr<VirtualDisk> disk;
    Random random{0};
    bool lives = false;
    NodeState state = NodeState::down;
    std::string why;
    std::uint64_t life = 0;
    std::optional<Instant> wake_at;  // the wake event that counts is the one of this time
    std::deque<Event> inbox;         // while paused
    std::deque<std::unique_ptr<Body>> jobs;
    bool job_runs = false;
    bool stops = false;
    int idle_ticks = 0;  // ticks in a row that left the deadline in the past
  };

  Place& at_place(NodeId node) {
    COORD_CHECK(node.value >= 1 && node.value <= places_.size());
    return places_[static_cast<std::size_t>(node.value - 1)];
  }
  const Place& at_place(NodeId node) const { return const_cast<WorldCore*>(this)->at_place(node); }

  // ---- events (world_events.cpp)
  void happen(Event event);
  bool reaches_process(Event& event, Place& place, NodeId node);
  void dispatch(Event& event, Place& place, NodeId node);
  template <class Work>
  void enter(Place& place, NodeId node, Work&& work);  // a step: the work, and what follows every step
  void launch_at(Place& place, NodeId node);
  void wake(Place& place, NodeId node);
  void arm(Place& place, NodeId node);
  void begin_jobs(Place& place, NodeId node);
  void perform_now(Place& place, NodeId node, std::unique_ptr<Body> job);
  void die(Place& place, NodeId node, NodeState state);
  void run_checks(NodeId stepped);
  Event event_for(What what, NodeId node, std::unique_ptr<Body> body = nullptr) const;
  void trace_message(TraceRecord::Kind kind, const Event& event);

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
