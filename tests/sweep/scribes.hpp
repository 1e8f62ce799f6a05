// SPDX-License-Identifier: MIT
// The users of the map of keys in a simulated group: a script on every host that changes, reads and watches a
// few keys as dkv does, sometimes only if the key still has the version that it saw.
//
// What must hold (`values`): who is told that a change from one version has taken effect is the next one
// after that version in the log; no read shows an older version than what was told before it was asked; a key
// that a session has is gone when the session is; in good times every watcher has been shown the last change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/cluster.hpp"
#include "sweep/proposers.hpp"

namespace coord::sweep {

class Scribes : public HostWatcher {
 public:
  static constexpr std::uint64_t first_connection = std::uint64_t{1} << 42U;

  Scribes(World& world, std::uint64_t seed, Instant quiet_from)
      : world_(world),
        quiet_from_(quiet_from),
        random_(seed ^ 0x7363726962657300U),
        proposers_(world, seed, quiet_from, first_connection + first_connection / 2) {}

  void begin();

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  void stop_command(NodeId, const replica::StopCommand&) override {}
  void applied(NodeId node, const replica::Applied& applied) override;
  void process_died(NodeId node) override;
  void process_started(NodeId) override {}

  // ---- in good times: what a watcher was not shown
  std::optional<std::string> unfinished() const;
  std::size_t connections(NodeId host) const;  // that are left, each with a session or without
  std::uint64_t changes() const { return changes_ + proposers_.decided(); }

 private:
  // One connection, which lives until its peer dies. Its script asks one thing at a time.
  struct Script {
    NodeId host;
    replica::ConnectionId connection, watch, session;
    std::string key;
    Token seen;   // of the key, as last shown; 0: none
    Token shown;  // to the watch
    bool is_shown = false;
    std::uint64_t request = 0;
    service::WantedVersion wanted;  // of the change that is on its way
    Token known;                    // the highest version that anybody was told before the question
    bool asking = false;
  };
  void connect(std::uint64_t script);
  void act(std::uint64_t script);
  void live(Script& script);
  void say(NodeId host, replica::ConnectionId connection, local::Request request);
  void later(std::uint64_t script);
  void hear(Script& script, const local::Answer& answer);
  void check_change(const Script& script, Token version);
  void fail(NodeId node, const std::string& what) { world_.fail("values", what, node); }

  World& world_;
  Instant quiet_from_;
  Random random_;
  Proposers proposers_;
  std::map<std::uint64_t, Script> scripts_;
  std::uint64_t last_connection_ = first_connection;
  std::uint64_t changes_ = 0;

  // What the log has said, by whoever was first to apply it; of what came in snapshots only, nothing.
  LogIndex top_;
  std::map<std::string, std::map<Token, Token>> before_;  // of each version of a key: the one before
  std::map<std::string, Token> last_, told_;              // of each key; told to anybody
};

}  // namespace coord::sweep
