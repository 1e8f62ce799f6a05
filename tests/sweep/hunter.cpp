// SPDX-License-Identifier: MIT
#include "sweep/hunter.hpp"

namespace coord::sweep {

using std::chrono::milliseconds;

void Hunter::begin() {
  world_.at(world_.now() + random_.between(Duration{}, 2 * gap_), [this] { strike(); });
}

NodeId Hunter::leader() const {
  NodeId leader;
  Term term;
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const Peer* peer = world_.node(NodeId{i});
    if (peer == nullptr || peer->voter() == nullptr || peer->replica().raft().role() != raft::Role::leader)
      continue;
    if (peer->replica().raft().term() <= term) continue;
    term = peer->replica().raft().term();
    leader = NodeId{i};
  }
  return leader;
}

// The leader and some of the others, on one side.
void Hunter::cut_off(NodeId leader) {
  std::vector<NodeId> side{leader};
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    if (NodeId{i} != leader && random_.chance(0.35)) side.push_back(NodeId{i});
  }
  world_.network().split(side);
  world_.count(sim::FaultKind::partition);
}

// Its disk, and sometimes another one, hangs for a moment; then it is killed with what it has not written,
// and some of those to which it sent it cannot be asked.
void Hunter::lose_what_is_not_durable(NodeId leader) {
  const NodeId other{1 + random_.below(world_.nodes())};
  const Duration stall = random_.between(milliseconds(50), milliseconds(400));
  world_.disk(leader).stall(stall);
  if (random_.chance(0.5)) world_.disk(other).stall(stall);
  world_.at(world_.now() + random_.between(milliseconds(2), stall), [this, leader, other] {
    if (world_.now() >= end_) return;
    world_.crash(leader, random_.chance(0.5) ? sim::CrashKind::process : sim::CrashKind::power);
    if (other != leader) world_.network().isolate(other);
    world_.start(leader);
  });
}

void Hunter::strike() {
  if (world_.now() >= end_ || world_.violation()) return;
  begin();
  world_.network().heal();
  const NodeId victim = leader();
  if (victim == NodeId{}) return;
  const Instant back = world_.now() + random_.between(milliseconds(10), milliseconds(300));
  switch (random_.below(10)) {
    case 0:
      world_.crash(victim, sim::CrashKind::process);
      return world_.at(back, [this, victim] { world_.start(victim); });
    case 1:
      world_.crash(victim, sim::CrashKind::power);
      return world_.at(back, [this, victim] { world_.start(victim); });
    case 2:
      world_.pause(victim);
      return world_.at(back, [this, victim] { world_.resume(victim); });
    case 3:
      for (std::size_t i = 1; i <= world_.nodes(); ++i) {
        if (NodeId{i} != victim && random_.chance(0.6)) world_.network().cut(victim, NodeId{i});
      }
      return world_.count(sim::FaultKind::one_way_cut);
    case 4:
    case 5:
      return lose_what_is_not_durable(victim);
    default:
      return cut_off(victim);
  }
}

}  // namespace coord::sweep
