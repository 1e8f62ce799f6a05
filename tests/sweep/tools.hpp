// SPDX-License-Identifier: MIT
// The shell users of a simulated group: scripts on every host that take locks through their peer as dlock
// does, or lead as delect does, and what can be seen from outside of a lock service: who runs while whom,
// under which token, what was answered when.
//
// A run is one dlock process and its command. The command is guarded twice, as in life: by the wrapper, on
// the host's own clock, until 0.8 of the TTL after the sending of the last renewal; and by the peer
// (StopCommand), which has it before it begins (wire/local_taking.hpp). Wrappers get killed with kill -9
// while their commands go on, or end before the children that their commands left behind; whole runs get
// killed; peers die under them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sweep/cluster.hpp"
#include "sweep/history.hpp"
#include "sweep/ledger.hpp"

namespace coord::sweep {

struct ToolsConfig {
  std::size_t scripts_per_host = 3;
  std::size_t names = 3;          // few, so that they are fought for
  std::size_t names_at_once = 2;  // at most, in a request for several
  Duration ttl_low = std::chrono::milliseconds(800);
  Duration ttl_high = std::chrono::milliseconds(2500);
  Duration work_high = std::chrono::milliseconds(400);
  Duration pause_high = std::chrono::milliseconds(300);
  double long_work = 0.1;      // probability of work that takes several TTLs
  double shared = 0.25;        // ... of a shared lock
  double semaphore = 0.05;     // ... of one of several permits
  double several = 0.15;       // ... of several names at once
  double no_wait = 0.1;        // ... of -n
  double bounded = 0.15;       // ... of -w
  double old_tool = 0.1;       // ... of a dlock that takes nothing up
  double stopped = 0.02;       // ... of a dlock that is stopped for good when its turn comes
  double kill_wrapper = 0.08;  // ... of kill -9 to the wrapper alone
  double kill_all = 0.08;      // ... of kill -9 to wrapper and command
  double background = 0.06;    // ... of children that live longer than the command
  double lock_delay = 0.1;
  double min_hold = 0.1;
  double candidacy = 0.12;        // ... of leading instead of holding
  double slot = 0.6;              // ... of that for the work of a slot
  double rate = 0.04;             // ... of a permit
  double join = 0.04;             // ... of a single flight
  double nesting = 0.08;          // ... of a dlock inside of the command
  double standing = 0.04;         // ... of enrolling the host for something, or withdrawing it, before a run
  double listing = 0.15;          // ... of a look at who holds what, before the next run
  double breaking = 0.1;          // ... of breaking one of those that are seen there
  Duration wrapper_sleep_high{};  // the wrapper's answers may be read so late
  bool plain = false;             // a request without a wait fails only because somebody holds the lock

  void make_plain() {
    plain = true;
    several = lock_delay = min_hold = nesting = 0;
    no_wait = 0.4;
  }
};

inline constexpr const char* enrolled_everywhere = "post-probe";  // in good times

class Tools : public HostWatcher {
 public:
  Tools(World& world, Cluster& cluster, ToolsConfig config, Instant quiet_from);

  void begin();  // the first run of every script

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  void stop_command(NodeId node, const replica::StopCommand& stop) override;
  void applied(NodeId node, const replica::Applied& applied) override { ledger_.applied(node, applied); }
  void log_was_restored() override {
    restored_ = true;
    ledger_.log_was_restored();
  }
  void process_died(NodeId node) override;
  void process_started(NodeId node) override;
  bool taken_up(NodeId node, SessionId session, replica::ConnectionId connection) override;

  // ---- in good times (quiet.hpp)
  void probe();            // a run on every host that must be granted soon: service is back
  void look_everywhere();  // a listing on every host that must be answered
  bool enrolls() const { return config_.standing > 0; }
  void enroll_everywhere(bool enroll);            // or withdraws
  std::optional<std::string> unfinished() const;  // what is left undone; nothing: all is done
  std::size_t late_readers(
      NodeId host) const;  // wrappers that have yet to read their last answer, or never do

  // ---- at the end
  // Nothing, or why no lock service could have given these answers.
  std::optional<std::string> wrong_history(bool& undecided) const;

  std::uint64_t grants() const { return grants_; }
  std::uint64_t losses() const { return losses_; }
  std::uint64_t renewals() const { return renewals_; }
  std::uint64_t listings() const { return listings_; }
  std::uint64_t resumptions() const { return resumptions_; }

 private:
  bool restored_ = false;  // what is remembered is not all that was done
  enum class Stage : std::uint8_t { asking, taking, running, leaving };
  struct Run {
    replica::ConnectionId connection;
    NodeId host;
    std::uint64_t script = 0;
    bool probe = false;
    local::Acquire request;
    Stage stage = Stage::asking;
    std::uint32_t speaks = local::newest_spoken;  // of the tools' protocol
    bool child = true;                            // that waits for the word to begin; while it takes up
    bool connected = true;
    bool wrapper = true;      // alive
    bool command = false;     // runs, or something that it left behind does
    bool background = false;  // the command is over and has left something behind
    bool answered = false;    // the peer has said what became of the request; it may be read later
    bool done = false;        // the peer has said Released; the wrapper may be asleep and read it later
    std::uint64_t outer = 0;  // the run whose command has started this one
    std::vector<std::uint64_t> families;  // of each name: the outermost run that it was taken by
    std::uint8_t status = 0;              // of the command
    bool completing = false;              // it waits for Done
    Instant sent;                         // of the last renewal, on the host's clock
    Token token;
    SessionId session;
    local::Secret secret;
    // of the host when the peer died: one more means that this run died as well
    std::uint64_t power_cuts = 0;
    std::uint64_t disks = 0;  // that its host had had when it began
    std::vector<std::size_t> seen;
  };
  struct Look {  // one `dlock --list`
    NodeId host;
    Instant asked;
    bool must = false;     // be answered
    bool leaders = false;  // `delect --list`
    bool over = false;     // listed, and now waits for the answer to an order
    std::set<std::pair<std::string, Token>> held;
    std::vector<SessionId> sessions;      // of the holders
    std::optional<local::Stand> insists;  // an order that is given again until there is a majority
  };

  // tools_requests.cpp: what is asked for
  local::Acquire some_request();
  local::Acquire some_lock();
  local::Acquire some_candidacy();
  local::Acquire some_permit();
  local::Acquire some_flight();
  void some_names(local::Acquire& request);
  void nest(std::uint64_t outer);
  local::Stand some_order(const std::string& name, bool enroll);
  void stand(NodeId host, local::Stand order, bool insist);

  // tools.cpp: the life of a run; tools_host.cpp: what its host and its peer do to it
  void start_run(NodeId host, std::uint64_t script, bool probe);
  void remember(std::uint64_t id, Run& run);
  void next_run(const Run& run);
  void start_inside(const Run& around, std::uint64_t outer, local::Acquire request);
  void ask(std::uint64_t id, Run& run);
  std::optional<std::uint64_t> family_of(const Run& run, const std::string& name);
  void say(NodeId host, replica::ConnectionId connection, local::Request request, bool holders_left = false);
  void say(const Run& run, local::Request request, bool holders_left = false);
  void hear(std::uint64_t id, const local::Answer& answer, bool ordered);
  void granted(std::uint64_t id, Run& run, const local::Granted& grant);
  void refused(std::uint64_t id, Run& run, const local::Refused& refused);
  void joined(std::uint64_t id, Run& run, std::uint8_t status);
  void let_go(Run& run);
  void begin(std::uint64_t id, Run& run);
  void not_begun(std::uint64_t id, Run& run);
  void stop_for_good(std::uint64_t id, Run& run);
  void start_command(std::uint64_t id, Run& run);
  void schedule_ends(std::uint64_t id);
  void kill_at(std::uint64_t id, Instant when, bool both);
  void watch_deadline(std::uint64_t id);
  void command_ends(std::uint64_t id, bool stopped);
  void children_stay(std::uint64_t id, Run& run);
  void wrapper_exits(std::uint64_t id, Run& run);
  Instant stop_by(const Run& run) const;
  Run* find(std::uint64_t id);
  void come_back(std::uint64_t id);
  std::uint64_t run_of(replica::ConnectionId connection) const;
  void later(Duration low, Duration high, std::function<void()> action);
  void finish_seen(const Run& run, bool confirmed);
  void unguarded(Run& run);
  void forget(std::uint64_t id);

  // tools_checks.cpp: what is looked at while they run
  bool guarded(const Run& run) const;
  std::uint64_t disks_of(NodeId host) const;
  void expect_answer(std::uint64_t id);
  void check_overlap(const Run& run);
  void check_fencing(const Run& run);
  void check_slot(const Run& run, std::uint32_t attempt);
  void slot_is_complete(const Run& run);
  void look(NodeId host, bool must);
  void hear_look(std::uint64_t id, const local::Answer& answer);
  void check_look(const Look& look);

  World& world_;
  Cluster& cluster_;
  ToolsConfig config_;
  Instant quiet_from_;
  Random random_;
  Ledger ledger_;
  std::uint64_t last_id_ = 0;
  bool withdraws_ = false;                                    // what was enrolled everywhere
  std::map<std::uint64_t, Run> runs_;                         // by their first connection
  std::map<NodeId, std::size_t> stopped_;                     // runs, for good
  std::map<std::uint64_t, std::uint64_t> later_connections_;  // of runs: after their peer was started again
  std::map<std::uint64_t, Look> looks_;                       // by connection
  std::map<std::uint64_t, Instant> heard_;  // by connection: when its last answer is, or was, read
  std::map<std::string, Token> last_exclusive_;
  // Of slots: by name and key.
  struct SlotSeen {
    std::set<std::uint32_t> attempts;  // that were told
    std::uint32_t starts = 0;
    bool complete = false;
  };
  std::map<std::pair<std::string, std::string>, SlotSeen> slots_;
  std::map<std::string, std::pair<Token, std::string>> last_period_;  // by name: of the latest term
  std::map<std::string, std::set<std::uint8_t>> statuses_;            // that single flights ended with
  std::vector<Seen> seen_;
  std::uint64_t grants_ = 0, losses_ = 0, renewals_ = 0, listings_ = 0, resumptions_ = 0;
};

}  // namespace coord::sweep
