// SPDX-License-Identifier: MIT
// Orders of the voters (voter_changes.hpp): carried out where this peer leads, passed on where it does not.
#include <algorithm>
#include <utility>

#include "replica/registered_life.hpp"
#include "replica/replica.hpp"

namespace coord::replica {

namespace {

// Who is given a place by this order, and has none; 0: nobody.
NodeId learner_of(const VoterOrder& order, const raft::Raft& raft) {
  const bool is_to_learn = order.verb == VoterVerb::promote || order.verb == VoterVerb::replace;
  const NodeId node = order.verb == VoterVerb::replace ? order.other : order.node;
  return is_to_learn && !raft.voters().has(node) ? node : NodeId{};
}

// It would learn for ever, and its host would not hear that its vote was taken away (registered_life.hpp).
VoterAnswer not_there(const raft::Raft& raft, NodeId node, bool for_ever) {
  VoterAnswer answer;
  answer.progress = for_ever ? VoterProgress::nobody_leads : VoterProgress::waits_rejoined;
  answer.refusal = for_ever ? VoterRefusal::has_lost_state : VoterRefusal::none;
  answer.about = node;
  answer.leader = raft.leader();
  answer.voters = raft.voters();
  return answer;
}

}  // namespace

VoterAnswer Replica::carry_out_of_operator(Instant now, const VoterOrder& order) {
  VoterAnswer answer = carry_out(now, order);
  if (answer.refusal == VoterRefusal::none && raft_.role() == raft::Role::leader) keeper_.ordered(now, order);
  return answer;
}

VoterAnswer Replica::carry_out(Instant now, const VoterOrder& order, const BeforeChange& before) {
  const NodeId learner = learner_of(order, raft_);
  if (learner != NodeId{} && raft_.role() == raft::Role::leader && machine_.level() >= 2) {
    const bool is_lost = machine_.state().retired.contains(learner);
    const auto said = announced_.find(learner);
    // One that is registered without a name is so since level 1, in whichever life.
    const auto registered = machine_.state().registrations.find(learner);
    const bool has_name =
        registered != machine_.state().registrations.end() && !registered->second.name.empty();
    const bool is_other = said != announced_.end() && has_name &&
                          !is_registered_life(machine_.state(), learner, said->second.life);
    if (is_lost || is_other) return not_there(raft_, learner, is_lost);
  }
  VoterChanges::Next next = changes_.next(now, raft_, machine_.level(), order);
  if (next.change && before) before(*next.change);
  if (next.change || next.hand_over) out_.push_back(VoterStep{order, next.change});
  if (next.change) tell_raft(now, raft::ChangeMembers{*next.change, machine_.level()});
  if (next.hand_over) tell_raft(now, raft::TransferLeadership{*next.hand_over});
  return std::move(next.answer);
}

void Replica::on(Instant now, const AskVoters& event) {
  const bool leads = raft_.role() == raft::Role::leader;
  if (leads || !has_quorum() || !at_level_two()) {
    out_.push_back(VotersAnswered{event.ticket, carry_out_of_operator(now, event.order)});
    return;
  }
  pass_on(now, {NodeId{}, event.ticket}, event.order);
}

void Replica::pass_on(Instant now, PassedOrders::Asker asker, const VoterOrder& order) {
  const std::uint64_t id = next_read_++;
  if (passed_orders_.add(now, id, asker)) send_peer(raft_.leader(), PassedOrder{id, order, true});
}

// From any host of the group: who has the key has asked its own operator. A host without a vote may reach
// this voter, and not the one that leads.
void Replica::hear(Instant now, NodeId from, const PassedOrder& passed) {
  const bool leads = raft_.role() == raft::Role::leader;
  if (!leads && !passed.is_last && has_quorum() && at_level_two() && raft_.leader() != from)
    return pass_on(now, {from, passed.id}, passed.order);
  send_peer(from, OrderAnswer{passed.id, carry_out_of_operator(now, passed.order)});
}

void Replica::hear(const OrderAnswer& answer) {
  const auto asker = passed_orders_.take(answer.id);
  if (!asker) return;
  if (asker->node != NodeId{}) return send_peer(asker->node, OrderAnswer{asker->number, answer.answer});
  out_.push_back(VotersAnswered{asker->number, answer.answer});
}

}  // namespace coord::replica
