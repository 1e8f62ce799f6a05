// SPDX-License-Identifier: MIT
// A scripted run of a small group: the same peers as in the sweep, on a calm network, with faults that the
// test chooses and tools that do what it says. For scenarios that have a name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sweep/cluster.hpp"
#include "sweep/invariants.hpp"
#include "sweep/ledger.hpp"

namespace coord::sweep {

class Scene : public HostWatcher {
 public:
  using Id = std::uint64_t;
  struct Tool {  // one connection, and what it was told
    NodeId host;
    std::vector<local::Answer> answers;
    std::optional<local::Granted> grant;
    std::optional<Instant> granted_at, lost_at, killed_at, renewed_at;  // world time
    bool released = false;
    std::optional<local::RefusedKind> refused;
    std::optional<local::Locks> locks;
  };
  struct Ask {
    std::string name = "lock";
    Duration ttl = std::chrono::seconds(1);
    bool wait = true;
    local::Mode mode = local::Mode::exclusive;
  };

  // `nodes` found the group; those that `config` has beside them (members) come later.
  explicit Scene(std::size_t nodes = 3, std::uint64_t seed = 1, ClusterConfig config = quick());
  ~Scene() override;
  // Short logs and snapshots.
  static ClusterConfig quick();

  // ---- time; all of it fails the scene when an invariant is violated
  void run(Duration length) { world.run_for(length); }
  template <class Condition>
  bool until(Duration limit, Condition&& condition) {
    const Instant end = world.now() + limit;
    while (!condition() && world.now() < end && !world.violation())
      world.run_for(std::chrono::milliseconds(1));
    return condition();
  }
  void settle();  // until there is one leader and everybody knows it

  // ---- users
  Id lock(NodeId host, const Ask& ask);
  Id list(NodeId host);
  Id held(NodeId host, const Ask& ask);  // lock(), granted and started
  void release(Id id, bool holders_left = false);
  void cancel(Id id);
  void wrapper_dies(Id id);  // kill -9; its command goes on
  void command_ends(Id id);  // nobody has the descriptor any more
  Tool& tool(Id id) { return tools_.at(id); }
  bool granted(Id id) { return tool(id).grant.has_value(); }
  Token token(Id id) { return tool(id).grant->token; }
  // Until answered: whether `name` is listed as held, and under which token; nothing: refused.
  std::optional<std::vector<Token>> holders(NodeId host, const std::string& name);

  // ---- looking
  NodeId leader() const;  // of the latest term; 0: none
  NodeId follower() const { return other_than(leader()); }
  NodeId other_than(NodeId a, NodeId b = {}) const;
  const raft::Raft& raft(NodeId node) const { return world.node(node)->replica().raft(); }
  const service::StateMachine& machine(NodeId node) const { return world.node(node)->replica().machine(); }
  bool converged() const;  // all run, all have applied the same
  std::string violation() const { return world.violation() ? world.violation()->text() : ""; }

  // ---- faults
  void kill_all(sim::CrashKind kind);
  void start_all();

  Cluster cluster;
  World world;

  // ---- HostWatcher
  void told(NodeId node, const replica::ToTool& answer) override;
  void stop_command(NodeId node, const replica::StopCommand& stop) override;
  void applied(NodeId node, const replica::Applied& applied) override { ledger_.applied(node, applied); }
  void process_died(NodeId) override {}
  void process_started(NodeId) override {}
  // In a scene only peers die: their users' processes live on.
  bool taken_up(NodeId node, SessionId session, replica::ConnectionId connection) override;

 private:
  Id connect(NodeId host);
  void say(Id id, local::Request request, bool holders_left = false);

  LogInvariants invariants_;
  std::map<Id, Tool> tools_;
  std::map<replica::ConnectionId, Id> taken_up_;
  Id last_ = 0;
  Ledger ledger_;
};

}  // namespace coord::sweep
