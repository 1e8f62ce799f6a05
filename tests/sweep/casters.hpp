// SPDX-License-Identifier: MIT
// The users of casts in a simulated group: on every host a script that casts, as dcast does, two listeners
// (one in causal order) and an answerer that outlive their peer, and questions now and then.
//
// What must hold (`casts`): over one connection no listener hears a cast twice, and none hears what nobody
// has cast; one in causal order hears, or is told that it misses, all that the caster's host had heard
// before; no member is counted twice, or is silently missing, in the answers to a question. In good times
// every listener has heard all that any peer still has, and a question is answered by all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "casts/messages.hpp"
#include "sweep/cluster.hpp"

namespace coord::sweep {

class Casters : public HostWatcher {
 public:
  static constexpr std::uint64_t first_connection = std::uint64_t{1} << 43U;

  Casters(World& world, std::uint64_t seed, Instant quiet_from)
      : world_(world), quiet_from_(quiet_from), random_(seed ^ 0x6361737465727300U) {}

  void begin();

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  void stop_command(NodeId, const replica::StopCommand&) override {}
  void applied(NodeId, const replica::Applied&) override {}
  void process_died(NodeId node) override;
  void process_started(NodeId) override {}

  // ---- in good times
  void ask_everybody();
  std::optional<std::string> unfinished() const;
  std::size_t connections(NodeId host) const;  // that are left
  std::uint64_t heard() const { return heard_; }

 private:
  struct Listener {
    replica::ConnectionId connection;
    bool causal = false;
    std::optional<Instant> began;
    std::set<casts::CastId> of_connection, heard, missed;  // the last two in all its life
  };
  struct Host {
    NodeId node;
    replica::ConnectionId caster, answerer;
    Instant answers_since;
    Listener plain, causal;
    std::uint64_t casts = 0;  // of this life of its peer's
  };
  struct Made {
    std::set<casts::CastId> after;  // which its host had heard
    Instant at;
  };
  void act(std::uint64_t host);
  void later(std::uint64_t host);
  bool is_up(NodeId node) const;
  void connect(Host& host);
  void listen(Host& host, Listener& listener);
  void cast(Host& host);
  void ask(Host& host, Duration patience);
  void say(NodeId host, replica::ConnectionId connection, const casts::FromTool& what);
  replica::ConnectionId opened(NodeId host);
  void hear(Host& host, Listener& listener, const casts::ToTool& what);
  bool follows(const casts::CastId& one, const casts::CastId& before) const;
  void check_order(const Host& host, const Listener& listener, const casts::CastId& id);
  void check_answers(const Host& host, Instant asked, const casts::Gathered& gathered);
  void fail(NodeId node, const std::string& what) { world_.fail("casts", what, node); }

  World& world_;
  Instant quiet_from_;
  Random random_;
  std::map<std::uint64_t, Host> hosts_;
  std::map<replica::ConnectionId, Instant> asked_;
  std::map<std::string, Made> made_;  // by payload
  std::map<casts::CastId, std::string> payload_of_;
  std::uint64_t last_connection_ = first_connection, last_payload_ = 0, heard_ = 0;
  std::set<NodeId> all_asked_, all_answered_;  // of ask_everybody()
};

// For ClusterConfig::parts.
node::Parts make_casts(const node::Setting& setting);

}  // namespace coord::sweep
