// SPDX-License-Identifier: MIT
#include "sweep/levels.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;

}  // namespace

Levels::Levels(World& world, Cluster& cluster, std::uint64_t seed, bool upgrades, Instant end)
    : world_(world),
      cluster_(cluster),
      upgrades_(upgrades),
      earlier_(cluster.config().engine ? newest_level : first_level),
      later_(cluster.config().engine ? newest_level + 1 : newest_level),
      end_(end),
      random_(seed ^ 0x75706772616465U) {
  cluster_.levels = this;
  in_force_ = cluster_.config().founded_at;
}

void Levels::begin() {
  world_.add_check("levels", [this](const World&, NodeId node) -> std::optional<std::string> {
    if (node != NodeId{} && cluster_.config().engine) note_life(node);
    if (node != NodeId{} && !tried_) tried_ = raise_was_tried();
    return wrong_;
  });
  if (!upgrades_) return;
  world_.at(world_.now() + milliseconds(300), [this] { act(); });
  world_.at(end_, [this] {
    for (std::size_t i = 1; i <= world_.nodes(); ++i) {
      if (cluster_.knows[i] != later_) install(NodeId{i}, later_);
    }
  });
}

// A disk that has held one is refused by the release before. An engine's log only if it is in force.
bool Levels::raise_was_tried() const {
  if (cluster_.config().engine) return in_force_ == later_;
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const Peer* peer = world_.node(NodeId{i});
    if (peer == nullptr || peer->voter() == nullptr) continue;
    const raft::Log& log = peer->replica().raft().log();
    for (LogIndex at = log.last(); at > log.base() && at.value + 64 > log.last().value; --at.value) {
      if (log.at(at)->kind == raft::EntryKind::raise) return true;
    }
  }
  return false;
}

void Levels::act() {
  if (world_.now() >= end_ || world_.violation()) return;
  world_.at(world_.now() + random_.between(milliseconds(100), milliseconds(500)), [this] { act(); });
  const NodeId node{1 + random_.below(world_.nodes())};
  const bool back = cluster_.knows[node.value] == later_;
  if (back && (tried_ || random_.chance(0.6))) return;
  install(node, back ? earlier_ : later_);
}

// The process is stopped and the other release's started.
void Levels::install(NodeId node, Level release) {
  cluster_.knows[node.value] = release;
  world_.crash(node, sim::CrashKind::process);
  world_.at(world_.now() + random_.between(milliseconds(5), milliseconds(100)),
            [this, node] { world_.start(node); });
}

void Levels::fail(const std::string& why) {
  if (!wrong_) wrong_ = why;
}

void Levels::began(NodeId, const Peer& peer) {
  knows_of_life_[peer.greeting.life] = peer.greeting.knows;
}

// A gateway whose registration was restored away, or forgotten, goes on as another life of the same process:
// it draws that in a step, and registers it in a later one.
void Levels::note_life(NodeId node) {
  const Peer* peer = world_.node(node);
  if (peer != nullptr) knows_of_life_.try_emplace(peer->log().life(), peer->greeting.knows);
}

void Levels::sent(NodeId node, const PeerMessage& message) {
  if (message.level > in_force_)
    fail("node " + std::to_string(node.value) + " sends what is of level " + std::to_string(message.level) +
         ", which nobody has applied");
  if (message.level > message.greeting.level)
    fail("node " + std::to_string(node.value) + " sends what is of level " + std::to_string(message.level) +
         " where it has greeted with level " + std::to_string(message.greeting.level));
}

void Levels::raised(NodeId, const Peer& peer, Level level) {
  in_force_ = std::max(in_force_, level);
  const auto& registrations = peer.log().machine().state().registrations;
  if (cluster_.config().engine) {
    for (const auto& [node, registration] : registrations) {
      if (const Level knows = knows_of_life_[registration.nonce]; knows < level)
        fail("the log is at level " + std::to_string(level) + ", and gateway " + std::to_string(node.value) +
             " knows level " + std::to_string(knows));
    }
    return;
  }
  for (std::size_t i = 1; i <= cluster_.founders(); ++i) {
    const auto found = registrations.find(NodeId{i});
    const Level knows = found == registrations.end() ? Level{0} : knows_of_life_[found->second.nonce];
    if (knows < level)
      fail("level " + std::to_string(level) + " is in force although the registered process of node " +
           std::to_string(i) + " knows level " + std::to_string(knows));
  }
}

// A raise waits for every voter.
bool Levels::all_take_part() const {
  for (std::size_t i = 1; i <= cluster_.founders(); ++i) {
    const Peer* peer = world_.node(NodeId{i});
    if (peer == nullptr || peer->replica().raft().recovering() ||
        peer->replica().client() == service::ClientId{})
      return false;
  }
  return true;
}

// All are of the later release for long, and somebody writes.
void Levels::judge_gateways() {
  for (std::size_t i = 1; upgrades_ && i <= world_.nodes(); ++i) {
    const Peer* peer = world_.node(NodeId{i});
    if (peer == nullptr || !peer->log().has_quorum() || peer->log().machine().level() == later_) continue;
    return world_.fail("level_rises", "gateway " + std::to_string(i) + " knows level " +
                                          std::to_string(later_) + " as all do, and is at level " +
                                          std::to_string(peer->log().machine().level()));
  }
}

void Levels::judge_end() {
  if (!world_.violation() && cluster_.config().engine) judge_gateways();
  if (world_.violation() || !all_take_part()) return;
  for (std::size_t i = 1; i <= cluster_.founders(); ++i) {
    const Peer* peer = world_.node(NodeId{i});
    const Level knows = cluster_.knows[i];
    if (peer->replica().machine().level() < knows)
      return world_.fail("level_rises", "node " + std::to_string(i) + " knows level " +
                                            std::to_string(knows) + " as all do, and is at level " +
                                            std::to_string(peer->replica().machine().level()) +
                                            " long after the last fault");
  }
}

}  // namespace coord::sweep
