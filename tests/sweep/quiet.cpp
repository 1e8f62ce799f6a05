// SPDX-License-Identifier: MIT
#include "sweep/quiet.hpp"

#include "sweep/operators.hpp"

namespace coord::sweep {

namespace {

using std::chrono::seconds;

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

const raft::Raft* raft_of(const World& world, NodeId node) {
  const Peer* peer = world.node(node);
  return peer == nullptr || peer->voter() == nullptr ? nullptr : &peer->voter()->raft();
}

// What a leader that is told to leave must have handed on first.
constexpr std::uint64_t most_backlog = 16;

std::uint64_t backlog_of(const raft::Raft& leader) {
  return leader.last_index().value - leader.commit_index().value;
}

}  // namespace

void Quiet::run() {
  // Seconds from the last fault. Three are ten election time-outs; leases of up to 2.5 s must have run out,
  // damaged peers must have rejoined and waiters been served by the end.
  for (int second = 0; second < 13 && !world_.violation(); ++second) {
    repair();
    if (second == 3) enrolled_lead();
    if (second == 3) service_is_back();
    if (second == 1) tools_.enroll_everywhere(true);
    if (second == 4) drill_begins();
    if (second == 6) drill_half_way();
    if (second == 8) drill_is_over();
    // Again: an order to enroll that was under way when the drill cut its host off may
    // have come after the first.
    if (second == 9) tools_.enroll_everywhere(false);
    if (second == 9) tools_.look_everywhere();
    if (second == 9) participants_.go_home();
    if (second == 9) casters_.ask_everybody();
    world_.run_for(seconds(1));
  }
  if (!world_.violation()) all_is_done();
}

void Quiet::repair() {
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const NodeId node{i};
    const sim::NodeState state = world_.state(node);
    const raft::Raft* raft = raft_of(world_, node);
    if (state == sim::NodeState::stopped) {
      world_.start(node);
    } else if (state == sim::NodeState::refused && !refuses_damage(node)) {
      world_.start(node);  // it was told to make room first, and there is some now
    } else if (state == sim::NodeState::refused && may_be_damaged(node)) {
      world_.disk(node).replace();
      rejoin(node);
    } else if (state == sim::NodeState::refused) {
      world_.fail("refuses_only_damage",
                  "node " + number(i) + " refuses a disk that nobody damaged: " + world_.why(node));
    } else if (raft != nullptr && raft->role() == raft::Role::bootstrap && !cluster_.rejoining[i] &&
               world_.disk(node).counts().of(sim::FaultKind::disk_replaced) > 0) {
      world_.crash(node, sim::CrashKind::process);
      rejoin(node);
    }
  }
}

// It does as it is told: only a peer that names --rejoin is started so.
// A bit that turned over in a file's version makes it one of a release that nobody has: the
// operator sees that.
bool Quiet::refuses_damage(NodeId node) const {
  const std::string& why = world_.why(node);
  const bool of_no_release = why.find("install the release that wrote it") != std::string::npos;
  return why.find("--rejoin") != std::string::npos || (of_no_release && may_be_damaged(node));
}

bool Quiet::may_be_damaged(NodeId node) const {
  const sim::FaultCounts& counts = world_.disk(node).counts();
  return counts.of(sim::FaultKind::bit_flip) + counts.of(sim::FaultKind::disk_error) > 0;
}

void Quiet::rejoin(NodeId node) {
  cluster_.rejoining[static_cast<std::size_t>(node.value)] = true;
  world_.start(node);
}

NodeId Quiet::the_leader() const {
  if (cluster_.config().engine) return world_.node(NodeId{1}) != nullptr ? NodeId{1} : NodeId{};
  NodeId leader;
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const raft::Raft* raft = raft_of(world_, NodeId{i});
    if (raft == nullptr || raft->role() != raft::Role::leader) continue;
    if (leader != NodeId{}) return NodeId{};
    leader = NodeId{i};
  }
  return leader;
}

bool Quiet::all_vote() const {
  for (std::size_t i = 1; i <= cluster_.founders(); ++i) {
    const raft::Raft* raft = raft_of(world_, NodeId{i});
    if (raft == nullptr || raft->recovering() || raft->role() == raft::Role::bootstrap) return false;
    if (!raft->voters().votes(NodeId{i})) return false;
  }
  return true;
}

void Quiet::service_is_back() {
  std::size_t up = 0;
  const raft::Voters* voters = latest_voters(world_);
  for (std::size_t i = 1; voters != nullptr && i <= cluster_.founders(); ++i) {
    const raft::Raft* raft = raft_of(world_, NodeId{i});
    const bool takes_part = raft != nullptr && !raft->recovering() && raft->role() != raft::Role::bootstrap;
    if (takes_part && voters->votes(NodeId{i})) ++up;
  }
  if (voters != nullptr && up > voters->voters.size() / 2 && the_leader() == NodeId{})
    return fail("no leader ten election time-outs after the last fault, with " + number(up) + " peers up");
  tools_.probe();
  participants_.probe();
}

// Every host that was up has been enrolled for seconds. All are withdrawn now, so that nothing keeps the log
// busy when it is asked what is held.
void Quiet::enrolled_lead() {
  if (const NodeId leader = the_leader(); leader != NodeId{} && tools_.enrolls()) {
    const auto& all = world_.node(leader)->log().machine().state().elections.leaderships;
    const auto found = all.find(enrolled_everywhere);
    if (found == all.end() || found->second.leading() == nullptr)
      return fail("nobody leads what every host is enrolled for");
  }
  tools_.enroll_everywhere(false);
}

void Quiet::drill_begins() {
  drill_ = Drill::none;
  const NodeId leader = the_leader();
  if (cluster_.founders() < 3 || leader == NodeId{} || !all_vote()) return;
  drill_ = static_cast<Drill>(1 + random_.below(static_cast<std::uint64_t>(Drill::leader_leaves)));
  const NodeId follower{1 + (leader.value + random_.below(cluster_.founders() - 1)) % cluster_.founders()};
  before_ = {leader, raft_of(world_, leader)->term(), follower, world_.faults().of(sim::FaultKind::restart)};
  switch (drill_) {
    case Drill::none:
      break;
    case Drill::follower_away:
      world_.network().isolate(follower);
      break;
    case Drill::bridge:
      world_.network().bridge(leader, follower);
      break;
    case Drill::follower_deaf:
      world_.network().cut(leader, follower);
      break;
    case Drill::leader_deaf:
      world_.network().cut(follower, leader);
      break;
    case Drill::leader_away:
      world_.network().isolate(leader);
      break;
    case Drill::leader_leaves:
      // Who has much to send first does not get so far within an election time-out, where
      // entries travel one by one.
      if (backlog_of(*raft_of(world_, leader)) > most_backlog) {
        drill_ = Drill::none;
      } else {
        world_.input(leader, replica::Leave{});
      }
      break;
  }
}

void Quiet::drill_half_way() {
  if (drill_ == Drill::leader_away) {
    const raft::Raft* old = raft_of(world_, before_.leader);
    if (old != nullptr && old->role() == raft::Role::leader)
      return fail("a leader that nobody hears still leads after six election time-outs");
    if (the_leader() == NodeId{}) return fail("nobody took over from a leader that was cut off");
  }
  world_.network().heal();
}

// Who was away, or heard only some of the others, has deposed nobody; where the leader was
// taken away, there is another.
void Quiet::drill_is_over() {
  if (drill_ == Drill::none || world_.faults().of(sim::FaultKind::restart) != before_.starts) return;
  const NodeId leader = the_leader();
  if (leader == NodeId{}) return fail("no leader after a disturbance of two seconds");
  const Term term = raft_of(world_, leader)->term();
  const bool must_change = drill_ == Drill::leader_away || drill_ == Drill::leader_leaves;
  if (must_change) {
    if (leader == before_.leader && term == before_.term)
      fail("node " + number(leader.value) + " still leads after it was taken away");
  } else if (leader != before_.leader || term != before_.term) {
    world_.fail("stable_leader", "node " + number(before_.leader.value) + " led term " +
                                     number(before_.term.value) + "; after node " +
                                     number(before_.follower.value) + " was away or deaf, node " +
                                     number(leader.value) + " leads term " + number(term.value));
  }
}

std::optional<std::string> Quiet::left_behind(NodeId node) const {
  const Peer& peer = *world_.node(node);
  const service::State& state = peer.log().machine().state();
  const auto some = [&](const char* what, std::size_t count) {
    return "node " + number(node.value) + " still has " + number(count) + " " + what +
           " although every user is gone";
  };
  if (!state.sessions.empty()) return some("sessions", state.sessions.size());
  if (!state.requests.empty()) return some("requests", state.requests.size());
  if (!state.lingering_holds.empty()) return some("lingering holds", state.lingering_holds.size());
  if (!peer.log().machine().of<service::Locks>().table().all().empty())
    return some("locks", peer.log().machine().of<service::Locks>().table().all().size());
  if (!state.elections.leaderships.empty()) return some("leaderships", state.elections.leaderships.size());
  if (!state.elections.enrolled.empty()) return some("enrolments", state.elections.enrolled.size());
  const std::size_t connections = peer.node.service().sessions().size();
  if (connections > tools_.late_readers(node) + scribes_.connections(node) + casters_.connections(node))
    return some("connections", connections);
  return std::nullopt;
}

void Quiet::all_is_done() {
  if (auto left = tools_.unfinished()) return fail(*left + " long after the last fault");
  if (auto left = participants_.unfinished()) return fail(*left + " long after the last fault");
  if (auto left = scribes_.unfinished()) return world_.fail("values", *left, NodeId{1});
  if (auto left = casters_.unfinished()) return world_.fail("casts", *left, NodeId{1});
  const NodeId leader = the_leader();
  if (leader == NodeId{}) {
    if (world_.nodes() > 1 || world_.node(NodeId{1}) != nullptr) fail("there is no leader at the end");
    return;
  }
  const replica::OrderedLog& first = world_.node(leader)->log();
  for (std::size_t i = 1; i <= cluster_.founders(); ++i) {
    if (!raft_of(world_, leader)->voters().votes(NodeId{i}))
      return fail("node " + number(i) + " does not vote although it was ordered to for seconds");
  }
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    if (world_.node(NodeId{i}) == nullptr) return fail("node " + number(i) + " is not running at the end");
    const replica::OrderedLog& other = world_.node(NodeId{i})->log();
    const raft::Raft* raft = raft_of(world_, NodeId{i});
    if (raft != nullptr && raft->recovering())
      return fail("node " + number(i) + " has not caught up after it rejoined");
    if (other.applied() != first.applied())
      return fail("node " + number(i) + " has applied " + number(other.applied().value) + ", the leader " +
                  number(first.applied().value));
    if (other.machine().state() != first.machine().state())
      return world_.fail("machines_agree", "node " + number(i) + " and the leader ended in different states");
    if (auto left = left_behind(NodeId{i})) return fail(*left);
  }
}

}  // namespace coord::sweep
