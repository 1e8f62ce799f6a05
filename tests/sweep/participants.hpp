// SPDX-License-Identifier: MIT
// The participants of barriers in a simulated group: scripts on every host that meet at a few gates as
// dbarrier does, again and again, with and without commands, some for a quorum, some to run their commands in
// turn. They are killed, give up, arrive to say that they have failed, and live on while their peer dies:
// then they arrive again under the same key.
//
// What must hold (`barrier`): a generation is released with as many as its rule says, each of whom has
// arrived and not been told that it has withdrawn; none is in two generations, whoever dies; who is
// told that it has passed is in that one; nobody waits on after its generation was released; when somebody is
// told that all commands have ended, none runs and none will; in turn two commands never run, and none begins
// after one that failed or was lost; no generation is released with somebody who has failed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "sweep/cluster.hpp"

namespace coord::sweep {

struct ParticipantsConfig {
  std::size_t scripts_per_host = 0;
  Duration ttl_low = std::chrono::milliseconds(800);
  Duration ttl_high = std::chrono::milliseconds(2500);
  Duration work_high = std::chrono::milliseconds(300);
  Duration pause_high = std::chrono::milliseconds(200);
  double gives_up = 0.2;  // probability of -w
  double killed = 0.1;    // ... of kill -9 to the wrapper, half of them with its command
  double resets = 0.03;   // ... of --reset, before the next arrival
  double fails = 0.03;    // ... of --fail
  double failing = 0.1;   // ... of another status than 0 of a command
  double late = 0.05;     // ... of an answer that is read late, by so much at most:
  Duration sleep_high = std::chrono::seconds(2);
};

class Participants : public HostWatcher {
 public:
  static constexpr std::uint64_t first_connection = std::uint64_t{1} << 40U;

  Participants(World& world, ParticipantsConfig config, Instant quiet_from)
      : world_(world), config_(config), quiet_from_(quiet_from), random_(world.random().next()) {}

  void begin();

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  bool restored_ = false;  // places in the log say nothing any more
  void stop_command(NodeId node, const replica::StopCommand& stop) override;
  void applied(NodeId node, const replica::Applied& applied) override;
  void put_into_log(const service::Command& command) override;
  void log_was_restored() override { restored_ = true; }
  void process_died(NodeId node) override;
  void process_started(NodeId node) override;

  // ---- in good times (quiet.hpp)
  void probe();    // one participant a host: all must pass
  void go_home();  // whoever has not enough others gives up
  std::optional<std::string> unfinished() const;

  std::uint64_t passes() const { return passes_; }
  std::uint64_t turns() const { return turns_; }

 private:
  enum class Stage : std::uint8_t { waiting, taking, running, ended };
  struct Member {
    replica::ConnectionId connection;
    NodeId host;
    std::uint64_t script = 0;
    bool probe = false;
    local::Arrive request;
    Stage stage = Stage::waiting;
    bool child = true;  // that waits for the word to begin; while it takes up
    bool connected = false;
    bool wrapper = true;
    bool command = false;  // runs
    bool cancelled = false;
    bool doomed = false;           // a power cut is taking it
    std::int32_t status = 0;       // of its command
    Instant sent;                  // of the last renewal, on the host's clock
    std::uint64_t power_cuts = 0;  // of the host, when it connected
    std::uint64_t disks = 0;
  };
  using Place = std::pair<std::string, std::uint64_t>;  // a barrier and a generation

  // participants.cpp: a member's life
  void start(NodeId host, std::uint64_t script, bool probe);
  local::Arrive some_arrival(std::uint64_t script);
  void arrive(std::uint64_t id);
  void arrive_again(std::uint64_t id);
  void hear(std::uint64_t id, const local::Answer& answer);
  void passed(std::uint64_t id, Member& member, const local::Passed& answer);
  void begin(std::uint64_t id, Member& member);
  void start_command(std::uint64_t id, Member& member);
  void watch_deadline(std::uint64_t id);
  void command_ends(std::uint64_t id, bool stopped);
  void kill(std::uint64_t id, bool both);
  void over(std::uint64_t id);
  void reset(NodeId host);
  void say(const Member& member, local::Request request);
  void say(NodeId host, replica::ConnectionId connection, local::Request request);
  void later(Duration low, Duration high, std::function<void()> action);
  Member* find(std::uint64_t id);
  std::uint64_t cuts_of(NodeId host) const;
  std::uint64_t disks_of(NodeId host) const;
  Instant stop_by(const Member& member) const;

  // participants_checks.cpp
  void released(NodeId node, const service::BarrierMoved& moved);
  void check_turn(const Member& member);
  bool unguarded(const Member& member) const;
  void check_passed(const Member& member, const local::Passed& answer);
  void check_all_ended(const Member& member, const local::AllEnded& answer);
  void fail(NodeId node, const std::string& what) { world_.fail("barrier", what, node); }

  World& world_;
  ParticipantsConfig config_;
  Instant quiet_from_;
  Random random_;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_connection_ = first_connection;
  std::map<std::uint64_t, Member> members_;
  std::map<replica::ConnectionId, std::uint64_t> by_connection_;
  std::map<replica::ConnectionId, NodeId> resets_;  // on their way
  std::map<replica::ConnectionId, Instant> heard_;  // when its last answer is, or was, read
  std::set<std::string> were_reset_;
  std::uint64_t passes_ = 0, turns_ = 0;

  // What the log has said, by whoever was first to apply it.
  LogIndex top_;
  std::map<Place, Instant> first_arrival_;
  std::map<std::pair<service::ClientId, std::uint64_t>, Instant> in_log_since_;  // arrivals, of an engine
  std::set<Place> seen_released_;
  std::map<std::uint64_t, std::map<Place, Instant>> generations_of_;  // by key, of those released in time
  std::set<std::uint64_t> arrived_;                                   // keys that were sent
  std::set<std::uint64_t> withdrawn_;  // ... and of which a majority said that they do not count
  std::set<Place> all_ended_;          // as somebody was told
  std::set<std::uint64_t> failing_;    // keys of those who came to say that they have failed
  std::set<Place> stopped_;            // in turn: a command failed, or was cut short
};

}  // namespace coord::sweep
