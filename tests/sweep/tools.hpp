// The shell users of a simulated group: scripts on every host that take locks through their peer as dlock
// does, and what can be seen from outside of a lock service: who runs while whom, under which token, what was
// answered when.
//
// A run is one dlock process and its command. The command is guarded twice, as in life: by the wrapper, on
// the host's own clock, until 0.8 of the TTL after the sending of the last renewal; and by the peer
// (StopCommand). Wrappers get killed with kill -9 while their commands go on; whole runs get killed; peers
// die under them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sweep/cluster.hpp"

namespace coord::sweep {

struct ToolsConfig {
  std::size_t scripts_per_host = 3;
  std::size_t names = 3;  // few, so that they are fought for
  Duration ttl_low = std::chrono::milliseconds(800);
  Duration ttl_high = std::chrono::milliseconds(2500);
  Duration work_high = std::chrono::milliseconds(400);
  Duration pause_high = std::chrono::milliseconds(300);
  double long_work = 0.1;      // probability of work that takes several TTLs
  double shared = 0.25;        // ... of a shared lock
  double several = 0.15;       // ... of two names at once
  double no_wait = 0.1;        // ... of -n
  double bounded = 0.15;       // ... of -w
  double kill_wrapper = 0.08;  // ... of kill -9 to the wrapper alone
  double kill_all = 0.08;      // ... of kill -9 to wrapper and command
  double lock_delay = 0.1;
  double min_hold = 0.1;
  Duration wrapper_sleep_high{};  // the wrapper's answers may be read so late
};

// What a user saw of one lock, for the check of linearizability.
struct Seen {
  std::uint64_t run = 0;
  std::string name;
  bool shared = false;
  bool granted = false;  // else it was refused as held (-n)
  Instant asked;         // world time
  Instant answered;
  Instant released_from;               // when the release was asked for, or the holder was lost
  std::optional<Instant> released_by;  // confirmed; nothing: it ended some time later
};

class Tools : public HostWatcher {
 public:
  Tools(World& world, Cluster& cluster, ToolsConfig config, Instant quiet_from);

  void begin();  // the first run of every script

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  void stop_command(NodeId node, const replica::StopCommand& stop) override;
  void applied(NodeId node, const replica::Applied& applied) override;
  void process_died(NodeId node) override;
  void process_started(NodeId node) override;

  // After the quiet: nothing is left undone. Nothing, or what is.
  std::optional<std::string> unfinished() const;
  // A run on every host that must be granted soon: service is back.
  void probe();

  const std::vector<Seen>& seen() const { return seen_; }
  std::uint64_t grants() const { return grants_; }
  std::uint64_t losses() const { return losses_; }
  std::uint64_t renewals() const { return renewals_; }

 private:
  enum class Stage : std::uint8_t { asking, running, leaving, over };
  struct Run {
    replica::ConnectionId connection;
    NodeId host;
    std::uint64_t script = 0;
    bool probe = false;
    local::Acquire request;
    Stage stage = Stage::asking;
    bool connected = true;
    bool wrapper = true;  // alive
    bool command = false;
    Instant sent;  // of the last renewal, on the host's clock
    Token token;
    std::uint64_t power_cuts =
        0;  // of the host when the peer died: one more means that this run died as well
    std::vector<std::size_t> seen;
  };

  void start_run(NodeId host, std::uint64_t script, bool probe);
  void next_run(const Run& run);
  local::Acquire some_request();
  void say(const Run& run, local::Request request, bool holders_left = false);
  void hear(std::uint64_t id, const local::Answer& answer);
  void granted(std::uint64_t id, Run& run, const local::Granted& grant);
  void start_command(std::uint64_t id, Run& run);
  void schedule_ends(std::uint64_t id);
  void watch_deadline(std::uint64_t id);
  void command_ends(std::uint64_t id, bool stopped);
  void wrapper_exits(std::uint64_t id, Run& run);
  void check_overlap(const Run& run);
  void check_fencing(const Run& run);
  Instant stop_by(const Run& run) const;
  void forget_from(std::uint64_t index);
  Run* find(std::uint64_t id);
  void later(Duration low, Duration high, std::function<void()> action);
  void finish_seen(const Run& run, bool confirmed);

  World& world_;
  Cluster& cluster_;
  ToolsConfig config_;
  Instant quiet_from_;
  Random random_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Run> runs_;  // by connection
  std::map<std::string, Token> last_exclusive_;
  std::vector<Seen> seen_;
  std::uint64_t grants_ = 0, losses_ = 0, renewals_ = 0;

  // The log as the machines saw it: the first to apply an index decides, the others must agree.
  struct AppliedOnce {
    std::vector<Token> tokens;
    std::uint64_t effects = 0;
  };
  std::map<std::uint64_t, AppliedOnce> log_;
  Token top_token_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>
      took_effect_;  // (client, sequence) to index
};

}  // namespace coord::sweep
