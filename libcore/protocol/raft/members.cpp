// SPDX-License-Identifier: MIT
// Voters that change (paper, section 6; thesis, chapter 4).
//
// The problem: hosts are replaced and groups grow while they are in use. Who votes is itself agreed upon, by
// an entry of the log, and for a while some peers know of it and others do not.
//
// Why the obvious answer fails: switched from one list to any other, a part of the old voters and a part of
// the new ones can each be a majority of their list at the same moment, and elect a leader each.
//
// The rule: one voter at a time, so that any majority before and any after have a voter in common (thesis
// 4.1). A change is in force on each peer as soon as it stands in its log, committed or not, and gone when it
// is overwritten. The next one may begin once this one is committed, and the first one of a leader only once
// it has committed an entry of its term: an uncommitted change of an earlier leader that it does not know
// could differ from its own by two voters (Ongaro, "bug in single-server membership changes", 2015).
//
// Who is added learns first: it is sent the log and counts for nothing, and votes once it has nearly all of
// it (thesis 4.2.1). A leader that is to go hands over before that. One that finds, when it has been elected,
// that the change which takes its vote away is still to be committed, leads until it is and does not count
// itself (thesis 4.2.2). Who has been removed hears nothing more, and stands again and again: it is refused
// as long as a leader lives (thesis 4.2.3, election.cpp), and told so, which ends it (NotVoter). It is still
// sent the change itself, if it takes it.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// Does what this peer says count when a majority is needed, as far as it can know?
bool Raft::counts(NodeId peer) const {
  const Voters& now = voters();
  if (now.votes(peer)) return true;
  if (peer == config_.self && role_ == Role::leader)
    return COORD_RULE_OR(removed_leader_does_not_count, false, true);
  return COORD_RULE_OR(learners_do_not_count, false, now.learns(peer));
}

// Whose vote is taken away by a change that is not committed may be the only one who has it: then nobody else
// can win (thesis 4.2.2).
bool Raft::stands_for_election() const {
  if (voters().votes(config_.self)) return true;
  return members_.index() > commit_ && members_.before().votes(config_.self);
}

std::optional<ChangeRefusal> Raft::why_not(Change change) const {
  if (role_ != Role::leader) return ChangeRefusal::not_leading;
  if (transfer_ || making_way_) return ChangeRefusal::hands_over;
  if (!COORD_RULE(change_after_own_term_commit, log_.term_at(commit_) == hard_.term))
    return ChangeRefusal::not_yet;
  if (!COORD_RULE(one_change_at_a_time, members_.index() <= commit_)) return ChangeRefusal::another;
  const std::optional<Voters> next = changed(voters(), change);
  if (!next) return ChangeRefusal::no_such_step;
  if (change.node == config_.self) return ChangeRefusal::leads;
  const bool waits = std::ranges::any_of(progress_, [&](const auto& other) {
    return other.second.recovering && other.first != change.node && voters().votes(other.first);
  });
  if (waits) return ChangeRefusal::recovering;
  if (change.step == Step::learn) return std::nullopt;
  if (change.step == Step::promote && !COORD_RULE(learner_catches_up_first, has_caught_up(change.node)))
    return ChangeRefusal::behind;
  return next->voters != voters().voters && !is_heard_by_majority_of(*next)
             ? std::optional(ChangeRefusal::no_majority_then)
             : std::nullopt;
}

// It has the entry by which it learns, too: a newcomer that knows of no voters gives no vote (election.cpp),
// and one whose vote is needed for that entry to be sent would wait for ever.
bool Raft::has_caught_up(NodeId learner) const {
  const auto found = progress_.find(learner);
  if (found == progress_.end()) return false;
  const Progress& progress = found->second;
  return progress.state == Progress::State::replicate && !progress.recovering && may_write(progress.disk) &&
         progress.match.value + config_.caught_up_within >= log_.last().value &&
         progress.match >= members_.index() && now_ < progress.heard + config_.election_high;
}

// A change after which too few would be left to commit it must not begin. Of one that a new leader has never
// heard, it may be the former leader that has died, nothing is known.
bool Raft::is_heard_by_majority_of(const Voters& next) const {
  std::size_t there = next.votes(config_.self) ? 1 : 0;
  for (const auto& [peer, progress] : progress_) {
    const bool answers = COORD_RULE(who_is_there_has_answered, progress.answered);
    const bool heard = answers && !progress.recovering && now_ < progress.heard + config_.contact();
    there += heard && next.votes(peer) ? 1 : 0;
  }
  return there >= majority_of(next.voters.size());
}

// Whoever asks has asked why_not() before.
void Raft::on(const ChangeMembers& event) {
  if (event.level < 2 || why_not(event.change)) return;
  Voters next = *changed(voters(), event.change);
  const LogIndex index{log_.last().value + 1};
  Bytes data = encode(next);
  members_.append(index, std::move(next));
  follow_members();  // before the entry is there: it is the first thing that a newcomer is sent
  log_.append({hard_.term, index, EntryKind::members, std::move(data), event.level});
  must_be_durable_ = true;
  send_to_all();
}

// A leader sends to all voters and learners, and to who goes until it has heard so, or does not answer.
void Raft::follow_members() {
  for (const auto* list : {&voters().voters, &voters().learners}) {
    for (const NodeId peer : *list) {
      if (peer == config_.self || progress_.contains(peer)) continue;
      Progress& progress = progress_[peer];
      progress.next =
          LogIndex{log_.last().value + 1};  // "initialized to leader last log index + 1" (figure 2)
      progress.heard = now_;
    }
  }
}

void Raft::let_go_of_removed() {
  std::erase_if(progress_, [this](const auto& other) {
    const auto& [peer, progress] = other;
    if (voters().has(peer)) return false;
    const bool knows = members_.index() <= commit_ && progress.match >= members_.index() &&
                       progress.commit_told >= members_.index();
    return knows || now_ >= progress.heard + 2 * config_.election_high;
  });
}

// It leads only until the change that takes its vote away is committed: then it hands over and is done.
void Raft::step_down_if_removed() {
  if (role_ != Role::leader || members_.index() > commit_ || voters().votes(config_.self)) return;
  if (!transfer_) begin_transfer_to_best(NodeId{});
  if (!transfer_ || transfer_->told) become_follower(hard_.term, NodeId{});
}

// Whoever asks for a vote that the others do not count, for it was away when it was removed, would ask for
// ever: each time-out a message to everybody.
void Raft::tell_if_removed(NodeId asker) {
  if (is_out(asker)) send(asker, NotVoter{members_.index()});
}

bool Raft::is_out(NodeId node) const {
  const bool committed = COORD_RULE(removed_when_committed, members_.index() <= commit_);
  return committed && !members_.are_founders() && !voters().has(node);
}

// A word that is committed and not in this log: without it this peer cannot win, whoever votes, so nothing is
// lost when it is silent until a leader sends it the log.
void Raft::receive(NodeId /*from*/, const NotVoter& message) {
  if (role_ == Role::leader || message.index <= members_.index()) return;
  told_removed_ = message.index;
  if (role_ != Role::follower) become_follower(hard_.term, NodeId{});
}

bool Raft::is_removed() const {
  // Who came later and was sent nothing yet is to come in.
  if (role_ == Role::bootstrap || (joined_later() && members_.are_founders())) return false;
  return told_removed_ || (members_.index() <= commit_ && !voters().has(config_.self));
}

void Raft::note_members(const Entry& entry) {
  if (entry.kind != EntryKind::members) return;
  if (std::optional<Voters> said = decode_voters(entry.data)) members_.append(entry.index, *std::move(said));
}

}  // namespace coord::raft
