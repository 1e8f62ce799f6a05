// SPDX-License-Identifier: MIT
#include "replica/voter_changes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace coord::replica {

namespace {

using Next = VoterChanges::Next;

constexpr Duration given_up_after = std::chrono::seconds(2);

bool is_same(const VoterOrder& a, const VoterOrder& b) {
  return a.verb == b.verb && a.node == b.node && a.other == b.other;
}

Next under_way(VoterProgress how, NodeId about = {}) {
  Next next;
  next.answer.progress = how;
  next.answer.about = about;
  return next;
}

Next refused(VoterRefusal why, NodeId about = {}) {
  Next next;
  next.answer.progress = VoterProgress::nobody_leads;
  next.answer.refusal = why;
  next.answer.about = about;
  return next;
}

bool is_reached(const raft::Raft& raft, const VoterOrder& order) {
  const raft::Voters& now = raft.voters();
  switch (order.verb) {
    case VoterVerb::promote:
      return now.votes(order.node);
    case VoterVerb::demote:
      return now.learns(order.node);
    case VoterVerb::remove:
      return !now.has(order.node);
    case VoterVerb::replace:
      return !now.has(order.node) && now.votes(order.other);
    case VoterVerb::transfer:
      return raft.config().self == order.node;
  }
  return false;
}

bool is_recovering(const raft::Raft& raft, NodeId node) {
  const auto found = raft.progress().find(node);
  return found != raft.progress().end() && found->second.recovering;
}

// The one step that is next for it.
raft::Change step_of(const raft::Raft& raft, const VoterOrder& order) {
  const raft::Voters& now = raft.voters();
  const auto become_voter = [&](NodeId node) {
    return raft::Change{now.learns(node) ? raft::Step::promote : raft::Step::learn, node};
  };
  switch (order.verb) {
    case VoterVerb::demote:
      return {raft::Step::demote, order.node};
    case VoterVerb::remove:
      return {raft::Step::remove, order.node};
    case VoterVerb::replace:
      // The new one stands ready before the old one goes, which may be dead and count against every majority.
      // One that has lost its state counts for none, and nobody comes in beside it.
      if (now.has(order.node) && (now.has(order.other) || is_recovering(raft, order.node)))
        return {raft::Step::remove, order.node};
      return become_voter(order.other);
    case VoterVerb::promote:
    case VoterVerb::transfer:
      break;
  }
  return become_voter(order.node);
}

Next catching_up(const raft::Raft& raft, NodeId learner) {
  Next next = under_way(VoterProgress::catches_up, learner);
  const auto found = raft.progress().find(learner);
  const LogIndex match = found == raft.progress().end() ? LogIndex{} : found->second.match;
  next.answer.lacking = raft.last_index().value - std::min(match, raft.last_index()).value;
  return next;
}

Next hand_over(NodeId to) {
  Next next = under_way(VoterProgress::hands_over, to);
  next.hand_over = to;
  return next;
}

Next try_step(const raft::Raft& raft, raft::Change change) {
  const auto why = raft.why_not(change);
  if (!why) {
    Next next = under_way(VoterProgress::is_proposed, change.node);
    next.change = change;
    return next;
  }
  switch (*why) {
    using enum raft::ChangeRefusal;
    case not_leading:
      break;
    case hands_over:
      return under_way(VoterProgress::hands_over);
    case not_yet:
      return under_way(VoterProgress::leads_newly);
    case another:
      return under_way(VoterProgress::is_proposed);
    case no_such_step:
      return change.step == raft::Step::demote && !raft.voters().votes(change.node)
                 ? refused(VoterRefusal::not_there, change.node)
             : change.step == raft::Step::learn || change.step == raft::Step::promote
                 ? refused(VoterRefusal::too_many, change.node)
                 : refused(VoterRefusal::last_voter, change.node);
    case leads:
      return hand_over(NodeId{});
    case behind:
      return catching_up(raft, change.node);
    case recovering:
      return under_way(VoterProgress::waits_rejoined);
    case no_majority_then:
      return refused(VoterRefusal::no_majority, change.node);
  }
  return under_way(VoterProgress::nobody_leads);
}

// It would not be elected, or not do what it is for: the leadership stays.
Next transfer(Instant now, const raft::Raft& raft, NodeId to) {
  if (!raft.voters().votes(to)) return refused(VoterRefusal::no_voter, to);
  if (raft.voters_index() > raft.commit_index()) return under_way(VoterProgress::is_proposed);
  const auto found = raft.progress().find(to);
  if (found == raft.progress().end() || now >= found->second.heard + raft.config().election_high)
    return refused(VoterRefusal::does_not_answer, to);
  const raft::Progress& progress = found->second;
  if (progress.recovering) return refused(VoterRefusal::has_lost_state, to);
  if (progress.disk == raft::DiskState::full || progress.disk == raft::DiskState::stalled)
    return refused(VoterRefusal::cannot_write, to);
  // Proposals wait meanwhile: not for who lacks much.
  if (progress.match.value + raft.config().caught_up_within < raft.last_index().value)
    return catching_up(raft, to);
  return hand_over(to);
}

bool is_done(const raft::Raft& raft, const VoterOrder& order) {
  return is_reached(raft, order) && raft.voters_index() <= raft.commit_index();
}

Next next_for(Instant now, const raft::Raft& raft, const VoterOrder& order) {
  if (is_reached(raft, order))
    return under_way(is_done(raft, order) ? VoterProgress::done : VoterProgress::is_proposed);
  if (order.verb == VoterVerb::transfer) return transfer(now, raft, order.node);
  const raft::Change step = step_of(raft, order);
  const bool stands_ready = order.verb != VoterVerb::replace || step.node != order.node ||
                            !raft.voters().learns(order.other) ||
                            raft.why_not({raft::Step::promote, order.other}) != raft::ChangeRefusal::behind;
  return stands_ready ? try_step(raft, step) : catching_up(raft, order.other);
}

}  // namespace

Next VoterChanges::next(Instant now, const raft::Raft& raft, Level level, const VoterOrder& order) {
  Next next;
  const bool leads = raft.role() == raft::Role::leader;
  // One that has just begun to learn has not read the level yet.
  const bool knows_level = leads || raft.voters().votes(raft.config().self);
  if (level < 2 && knows_level) {
    next = refused(VoterRefusal::too_early);
  } else if (!leads) {
    next = under_way(VoterProgress::nobody_leads);
  } else if (current_ && term_ == raft.term() && !is_same(*current_, order) &&
             now < asked_ + given_up_after && !is_done(raft, *current_)) {
    next = refused(VoterRefusal::other_order);
    next.answer.other_order = current_;
  } else {
    next = next_for(now, raft, order);
    const bool over =
        next.answer.progress == VoterProgress::done || next.answer.refusal != VoterRefusal::none;
    current_ = over ? std::nullopt : std::optional(order);
    asked_ = now;
    term_ = raft.term();
  }
  next.answer.leader = raft.leader();
  next.answer.voters = raft.voters();
  return next;
}

}  // namespace coord::replica
