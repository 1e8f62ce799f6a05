// SPDX-License-Identifier: MIT
#include "sweep/scene.hpp"

namespace coord::sweep {

namespace {

sim::WorldConfig calm_world(std::size_t nodes, std::uint64_t seed) {
  sim::WorldConfig config;
  config.nodes = nodes;
  config.seed = seed;
  config.link.delay_low = std::chrono::microseconds(200);
  config.link.delay_high = std::chrono::milliseconds(2);
  return config;
}

ClusterConfig of_size(ClusterConfig config, std::size_t nodes) {
  config.nodes = nodes;
  return config;
}

}  // namespace

ClusterConfig Scene::quick() {
  ClusterConfig config;
  config.store.first_segment_bytes = 8 * 1024;
  config.store.segment_bytes = 16 * 1024;
  config.store.keep_free_bytes = 32 * 1024;
  config.replica.snapshot_every_entries = 40;
  config.replica.raft.entries_behind = 10;
  return config;
}

Scene::Scene(std::size_t nodes, std::uint64_t seed, ClusterConfig config)
    : cluster(of_size(std::move(config), nodes)),
      world(cluster, calm_world(cluster.nodes(), seed)),
      invariants_(world),
      ledger_(world) {
  cluster.watcher = this;
  invariants_.install();
  world.start_all();
}

Scene::~Scene() {
  cluster.watcher = nullptr;
}

void Scene::settle() {
  until(std::chrono::seconds(5), [&] {
    for (std::size_t i = 1; i <= world.nodes(); ++i) {
      const Peer* peer = world.node(NodeId{i});
      if (peer == nullptr || peer->voter() == nullptr || world.state(NodeId{i}) != sim::NodeState::running)
        continue;
      if (peer->replica().raft().leader() != leader() || leader() == NodeId{}) return false;
    }
    return true;
  });
}

Scene::Id Scene::connect(NodeId host) {
  const Id id = ++last_;
  tools_[id].host = host;
  say(id, local::Hello{local::protocol_version, "dlock"});
  return id;
}

void Scene::say(Id id, local::Request request, bool holders_left) {
  world.input(tools_.at(id).host,
              replica::FromTool{replica::ConnectionId{id}, {1000, "user"}, std::move(request), holders_left});
}

Scene::Id Scene::lock(NodeId host, const Ask& ask) {
  const Id id = connect(host);
  local::Acquire request;
  request.request = 1;
  request.names = {ask.name};
  request.ttl = ask.ttl;
  request.wait = ask.wait;
  request.mode = ask.mode;
  say(id, request);
  return id;
}

Scene::Id Scene::held(NodeId host, const Ask& ask) {
  const Id id = lock(host, ask);
  until(std::chrono::seconds(5), [&] { return granted(id); });
  say(id, local::Started{1, static_cast<std::uint32_t>(id), ask.ttl / 5});
  return id;
}

Scene::Id Scene::list(NodeId host) {
  const Id id = connect(host);
  say(id, local::ListLocks{1, {}, false});
  return id;
}

void Scene::release(Id id, bool holders_left) {
  say(id, local::Release{1}, holders_left);
}

void Scene::cancel(Id id) {
  say(id, local::Cancel{1});
}

void Scene::wrapper_dies(Id id) {
  world.input(tool(id).host, replica::ToolGone{replica::ConnectionId{id}});
}

void Scene::command_ends(Id id) {
  world.input(tool(id).host, replica::HoldersGone{replica::ConnectionId{id}});
}

std::optional<std::vector<Token>> Scene::holders(NodeId host, const std::string& name) {
  const Id id = list(host);
  until(std::chrono::seconds(5), [&] { return tool(id).locks || tool(id).refused; });
  if (!tool(id).locks) return std::nullopt;
  std::vector<Token> tokens;
  for (const local::LockRecord& lock : tool(id).locks->locks) {
    if (lock.name != name) continue;
    for (const local::LockParty& holder : lock.holders) tokens.push_back(holder.token);
  }
  return tokens;
}

NodeId Scene::leader() const {
  NodeId found;
  Term term;
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    const Peer* peer = world.node(NodeId{i});
    if (peer == nullptr || peer->voter() == nullptr) continue;
    if (peer->replica().raft().role() != raft::Role::leader) continue;
    if (peer->replica().raft().term() < term) continue;
    term = peer->replica().raft().term();
    found = NodeId{i};
  }
  return found;
}

NodeId Scene::other_than(NodeId a, NodeId b) const {
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    if (NodeId{i} != a && NodeId{i} != b) return NodeId{i};
  }
  return NodeId{};
}

bool Scene::converged() const {
  const NodeId first = leader();
  if (first == NodeId{}) return false;
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    if (world.node(NodeId{i}) == nullptr || raft(NodeId{i}).recovering()) return false;
    if (machine(NodeId{i}).state() != machine(first).state()) return false;
  }
  return true;
}

void Scene::kill_all(sim::CrashKind kind) {
  for (std::size_t i = 1; i <= world.nodes(); ++i) world.crash(NodeId{i}, kind);
}

void Scene::start_all() {
  for (std::size_t i = 1; i <= world.nodes(); ++i) world.start(NodeId{i});
}

void Scene::told(NodeId, const replica::ToTool& answer) {
  const auto found = tools_.find(answer.connection.value);
  if (found == tools_.end()) return;
  Tool& to = found->second;
  to.answers.push_back(answer.answer);
  if (const auto* grant = std::get_if<local::Granted>(&answer.answer)) {
    to.grant = *grant;
    to.granted_at = world.now();
  } else if (std::holds_alternative<local::Renewed>(answer.answer)) {
    to.renewed_at = world.now();
  } else if (std::holds_alternative<local::Lost>(answer.answer)) {
    to.lost_at = world.now();
  } else if (const auto* refused = std::get_if<local::Refused>(&answer.answer)) {
    to.refused = refused->kind;
  } else if (std::holds_alternative<local::Released>(answer.answer)) {
    to.released = true;
  } else if (const auto* locks = std::get_if<local::Locks>(&answer.answer)) {
    to.locks = *locks;
  }
}

bool Scene::taken_up(NodeId node, SessionId session, replica::ConnectionId connection) {
  for (const auto& [id, tool] : tools_) {
    if (tool.host != node || !tool.grant || tool.grant->session != session) continue;
    taken_up_[connection] = id;
    return true;
  }
  return false;
}

void Scene::stop_command(NodeId, const replica::StopCommand& stop) {
  const auto again = taken_up_.find(stop.connection);
  const auto found = tools_.find(again == taken_up_.end() ? stop.connection.value : again->second);
  if (found != tools_.end() && stop.kill) found->second.killed_at = world.now();
}

}  // namespace coord::sweep
