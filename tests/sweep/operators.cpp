// SPDX-License-Identifier: MIT
#include "sweep/operators.hpp"

#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "replica/forwarder.hpp"

namespace coord::sweep {

namespace {

using local::VoterVerb;
using std::chrono::milliseconds;

constexpr Duration say_again = milliseconds(100);
constexpr char by_operator[] = "operator";
constexpr Duration least_silence = milliseconds(2000);  // three times the contact, but for what is on its way
constexpr Duration forget_within = milliseconds(600);   // twice the mean
constexpr Duration look_at_logs_again = milliseconds(50);
// As in coordd, shorter: daemon_members.cpp.
constexpr Duration told_by_then = milliseconds(700);
constexpr Duration learner_patience = milliseconds(1500);

// As coordd does (daemon_removing.cpp): nothing is held there, and it does not vote, nor can it again by a
// change that is not committed.
std::optional<service::Forget> forget_of(const replica::Replica& voter, NodeId node) {
  const raft::Raft& raft = voter.raft();
  const service::StateMachine& machine = voter.machine();
  const service::ClientId registration = machine.registration(node);
  if (raft.voters().empty() || raft.voters().has(node) || raft.voters_index() > raft.commit_index() ||
      registration == service::ClientId{} || !machine.sessions_of(node).empty() || !machine.may_forget(node))
    return std::nullopt;
  return service::Forget{node, registration, true};
}

}  // namespace

void Operators::begin() {
  if (gap_ == Duration{}) return;
  look_at_logs();
  act_later();
  forget_later();
  if (kept_ > 0) keep(kept_);
}

// Said at one host after the other until all have it so. In good times nothing is kept.
void Operators::keep(std::uint32_t count) {
  if (world_.violation() || (count > 0 && world_.now() >= end_)) return;
  const NodeId at = somebody();
  const Peer* peer = world_.node(at);
  if (peer != nullptr && world_.state(at) == sim::NodeState::running) {
    const service::State& state = peer->log().machine().state();
    if (state.kept_voters.count != count)
      world_.input(
          at, replica::PutIntoLog{service::KeepVoters{{count, std::chrono::seconds(1), {}}, state.kept_at}});
  }
  world_.at(world_.now() + say_again, [this, count] { keep(count); });
}

// By its own contact the leader may be a little behind what has just come, never so much.
void Operators::stepped(NodeId node, const replica::VoterStep& step) {
  const bool takes_out = step.change && step.change->step == raft::Step::remove;
  if (!takes_out || step.order.verb != VoterVerb::replace || step.order.by == by_operator) return;
  ++replaced_;
  const auto found = heard_.find({node, step.order.node});
  if (found == heard_.end() || world_.now() >= found->second + least_silence) return;
  world_.fail("keeps_who_lives",
              "node " + std::to_string(step.order.node.value) + " was heard of and is replaced all the same",
              node);
}

void Operators::act_later() {
  world_.at(world_.now() + random_.between(Duration{}, 2 * gap_), [this] { act(); });
}

void Operators::forget_later() {
  world_.at(world_.now() + forgetful_.between(Duration{}, forget_within), [this] { forget(); });
}

// One that is down. What was ordered may come into the log when it is there again: then it is void.
void Operators::forget() {
  if (world_.now() >= end_ || world_.violation()) return;
  forget_later();
  const NodeId asked{1 + forgetful_.below(cluster_.nodes())};
  const Peer* peer = world_.node(asked);
  if (peer == nullptr || peer->voter() == nullptr || world_.state(asked) != sim::NodeState::running) return;
  for (std::size_t i = 1; i <= cluster_.nodes(); ++i) {
    if (world_.state(NodeId{i}) != sim::NodeState::down) continue;
    const auto forget = forget_of(*peer->voter(), NodeId{i});
    if (!forget) continue;
    ++forgets_;
    world_.input(asked, replica::PutIntoLog{*forget});
  }
}

// Who is sent the log begins anew with one; who votes no longer, and learns no more, begins anew without it.
void Operators::look_at_logs() {
  if (world_.violation()) return;
  for (std::size_t i = 1; i <= cluster_.nodes(); ++i) {
    const NodeId node{i};
    const Peer* peer = world_.node(node);
    if (peer == nullptr || world_.state(node) != sim::NodeState::running) continue;
    if (const auto* forwarder = dynamic_cast<const replica::Forwarder*>(&peer->log())) {
      if (forwarder->is_sent_log()) begin_anew(node, true);
    } else if (is_to_forward(node, peer->replica().raft())) {
      begin_anew(node, false);
    }
  }
  world_.at(world_.now() + look_at_logs_again, [this] { look_at_logs(); });
}

bool Operators::is_to_forward(NodeId node, const raft::Raft& raft) {
  const auto for_long = [&](std::map<NodeId, Instant>& since, bool is_so, Duration patience) {
    if (!is_so) since.erase(node);
    return is_so && world_.now() > since.emplace(node, world_.now()).first->second + patience;
  };
  const bool only_learns = raft.role() == raft::Role::follower && !raft.recovering() &&
                           (node.value > cluster_.founders() || raft.voters_index() != LogIndex{}) &&
                           !raft.voters().votes(node);
  const bool lost = for_long(lost_, only_learns && raft.leader() == NodeId{}, learner_patience);
  return for_long(removed_, raft.is_removed(), told_by_then) || lost;
}

void Operators::begin_anew(NodeId node, bool with_log) {
  lost_.erase(node);
  removed_.erase(node);
  cluster_.keeps_log[node.value] = with_log;
  world_.crash(node, sim::CrashKind::process);
  world_.start(node);
}

replica::VoterOrder Operators::some_order() {
  constexpr VoterVerb verbs[] = {VoterVerb::promote, VoterVerb::promote,  VoterVerb::demote,
                                 VoterVerb::remove,  VoterVerb::transfer, VoterVerb::replace,
                                 VoterVerb::remove};
  replica::VoterOrder order{verbs[random_.below(std::size(verbs))], somebody(), {}, by_operator};
  if (order.verb == VoterVerb::replace) order.other = somebody();
  if (order.node == order.other) order.verb = VoterVerb::promote, order.other = NodeId{};
  return order;
}

void Operators::act() {
  if (world_.now() >= end_ || world_.violation()) return;
  act_later();
  const Ticket ticket = ++next_;
  errands_[ticket] = {some_order(), somebody(),
                      world_.now() + random_.between(milliseconds(300), milliseconds(3000))};
  say(ticket);
}

// Nobody answers where the host is dead, removed, or knows no leader: then another one is asked.
void Operators::say(Ticket ticket) {
  const auto found = errands_.find(ticket);
  if (found == errands_.end() || world_.violation()) return;
  Errand& errand = found->second;
  if (world_.now() >= errand.give_up) {
    errands_.erase(found);
    return;
  }
  if (random_.chance(0.2)) errand.host = somebody();
  world_.input(errand.host, replica::AskVoters{ticket, errand.order});
  world_.at(world_.now() + say_again, [this, ticket] { say(ticket); });
}

void Operators::told(NodeId, const replica::VotersAnswered& answer) {
  const auto found = errands_.find(answer.ticket);
  if (found == errands_.end()) return;
  const bool done = answer.answer.progress == replica::VoterProgress::done;
  const bool refused = answer.answer.refusal != replica::VoterRefusal::none;
  // Without a leader nothing is refused for good; and in good times each order is to be carried out.
  if (!done && (!refused || world_.now() >= end_)) return;
  done_ += done ? 1 : 0;
  errands_.erase(found);
}

void Operators::promote_all() {
  if (gap_ == Duration{} || world_.violation()) return;
  if (std::exchange(kept_, 0) > 0) keep(0);
  const raft::Voters* voters = latest_voters(world_);
  for (std::size_t i = 1; voters != nullptr && errands_.empty() && i <= cluster_.founders(); ++i) {
    if (voters->votes(NodeId{i})) continue;
    const Ticket ticket = ++next_;
    errands_[ticket] = {{VoterVerb::promote, NodeId{i}, {}, by_operator},
                        voters->voters.front(),
                        world_.now() + std::chrono::seconds(2)};
    say(ticket);
  }
  world_.at(world_.now() + milliseconds(50), [this] { promote_all(); });
}

const raft::Voters* latest_voters(const World& world) {
  const raft::Voters* latest = nullptr;
  LogIndex at;
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    const Peer* peer = world.node(NodeId{i});
    if (peer == nullptr || peer->voter() == nullptr) continue;
    const raft::Raft& raft = peer->voter()->raft();
    if (raft.voters().empty() || (latest != nullptr && raft.voters_index() <= at)) continue;
    latest = &raft.voters();
    at = raft.voters_index();
  }
  return latest;
}

}  // namespace coord::sweep
