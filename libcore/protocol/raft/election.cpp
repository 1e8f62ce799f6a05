// SPDX-License-Identifier: MIT
// Leader election (paper, section 5.2 and 5.4.1), with pre-vote and check-quorum (thesis 9.6, 4.2.3, 6.2).
#include "base/rule.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

namespace {

// A newcomer's log that says nothing of voters may be one that was lost, and has promised what it does not
// know: it votes when a leader has sent it who does.
bool is_named(bool newcomer, const VotersOfLog& said) {
  return COORD_RULE(newcomer_is_named_before_it_votes, !newcomer || !said.are_founders());
}

}  // namespace

// Election time-outs "are chosen randomly from a fixed interval", so that split votes are rare (section 5.2).
void Raft::arm_election_timer() {
  election_deadline_ = alone() ? now_ : now_ + random_.between(config_.election_low, config_.election_high);
}

// However this peer comes into a new term, by a message or as a candidate of its own: that term's leader
// counts its rounds from one.
void Raft::enter(Term term, NodeId vote) {
  hard_.term = term;
  hard_.vote = vote;
  hard_state_changed();
  round_heard_ = 0;
  disks_told_.clear();
}

// Also to follow another leader, or none, in the present term.
void Raft::become_follower(Term term, NodeId leader) {
  if (term > hard_.term) {
    enter(term, NodeId{});
    incoming_.reset();
    leader_heard_.reset();
  }
  if (role_ == Role::leader) {
    drop_reads();
    progress_.clear();
    transfer_.reset();
    making_way_.reset();
    arm_election_timer();
  }
  role_ = Role::follower;
  leader_ = leader;
  votes_.clear();
}

bool Raft::leader_is_alive() const {
  if (role_ == Role::leader) return true;  // else check-quorum would have made it step down
  return leader_.value != 0 && leader_heard_ && now_ < *leader_heard_ + config_.election_low;
}

// "If a server receives a RequestVote request within the minimum election timeout of hearing from a current
// leader, it does not update its term or grant its vote" (thesis 4.2.3).
bool Raft::hears_no_leader() const {
  return COORD_RULE(votes_wait_for_silence, !leader_is_alive());
}

void Raft::election_timed_out() {
  leader_ = NodeId{};
  arm_election_timer();
  if (recovering() || outdated_ || told_removed_ || !stands_for_election()) return;
  // A disk that has not taken the last term will not take another: candidacies must not pile up behind it,
  // and one that waits for a slow disk is not given up for a new one that would wait as long.
  if (!outbox_.is_durable(hard_write_)) return;
  if (!may_stand()) return;
  if (COORD_RULE_OR(pre_vote, true, false)) {
    ask_before_campaign();
  } else {
    campaign(false);
  }
}

// "A candidate only increments its term if it first learns from a majority of the cluster that they
// would be willing to grant the candidate their votes" (thesis 9.6): a peer that was cut off
// disturbs nobody when it returns.
void Raft::ask_before_campaign() {
  role_ = Role::pre_candidate;
  votes_ = {{config_.self, true}};
  VoteRequest request = vote_request(Term{hard_.term.value + 1});
  request.pre = true;
  for (const NodeId peer : voters().voters) {
    if (peer != config_.self) send(peer, request);
  }
  decide_election();
}

// "A follower increments its current term and transitions to candidate state. It then votes for itself"
// (section 5.2). Both must be durable before anybody hears of it, and before its own vote counts.
void Raft::campaign(bool transfer) {
  role_ = Role::candidate;
  leader_ = NodeId{};
  votes_.clear();
  enter(Term{hard_.term.value + 1}, config_.self);
  arm_election_timer();
  VoteRequest request = vote_request(hard_.term);
  request.transfer = transfer;
  for (const NodeId peer : voters().voters) {
    if (peer != config_.self) send(peer, request);
  }
  if (outbox_.is_durable(write_of_term())) own_vote_is_durable();
}

void Raft::own_vote_is_durable() {
  if (hard_.vote != config_.self) return;
  votes_[config_.self] = true;
  arm_election_timer();  // the others have heard of it only now
  decide_election();
}

void Raft::decide_election() {
  std::map<NodeId, bool> counted = votes_;
  std::erase_if(counted, [this](const auto& vote) { return !counts(vote.first); });
  const Ballot ballot = tally(counted, voters().voters.size());
  if (ballot == Ballot::lost) {
    become_follower(hard_.term, NodeId{});
  } else if (ballot == Ballot::won && role_ == Role::pre_candidate) {
    campaign(false);
  } else if (ballot == Ballot::won) {
    become_leader();
  }
}

VoteRequest Raft::vote_request(Term term) const {
  VoteRequest request;
  request.term = term;
  request.last_index = log_.last();
  request.last_term = log_.last_term();
  return request;
}

// "If the logs have last entries with different terms, then the log with the later term is more up-to-date.
// If the logs end with the same term, then whichever log is longer" (section 5.4.1).
bool Raft::holds_enough(const VoteRequest& request) const {
  return COORD_RULE(log_up_to_date_to_vote, log_.is_covered_by(request.last_index, request.last_term));
}

// Would this peer vote for `from` in a term that nobody is in yet? Nothing is promised and nothing changes.
void Raft::answer_pre_vote(NodeId from, const VoteRequest& request) {
  // Whose disk stands still could not give the vote that it promises.
  const bool granted = request.term > hard_.term && !recovering() && is_named(joined_later(), members_) &&
                       hears_no_leader() && holds_enough(request) && disk_state() != DiskState::stalled;
  if (granted) nobody_stands_since_.reset();
  send(from, VoteReply{granted ? request.term : hard_.term, true, granted});
}

// In the present term. "If votedFor is null or candidateId, and candidate's log is at least as up-to-date as
// receiver's log, grant vote" (figure 2).
void Raft::receive(NodeId from, const VoteRequest& request) {
  const bool free_to_vote =
      COORD_RULE(one_vote_a_term, hard_.vote == NodeId{} || hard_.vote == from) && role_ != Role::leader;
  const bool granted =
      free_to_vote && holds_enough(request) && !recovering() && is_named(joined_later(), members_);
  if (granted) {
    nobody_stands_since_.reset();
    if (hard_.vote != from) {
      hard_.vote = from;
      hard_state_changed();
    }
    if (role_ == Role::pre_candidate) become_follower(hard_.term, NodeId{});
    arm_election_timer();
  }
  const std::uint64_t after = COORD_RULE_OR(vote_durable_before_reply, hard_write_, 0);
  outbox_.send(from, VoteReply{hard_.term, false, granted}, after);
}

void Raft::receive(NodeId from, const VoteReply& reply) {
  if (reply.pre) {
    if (role_ != Role::pre_candidate) return;
    if (reply.granted && reply.term.value != hard_.term.value + 1) return;  // of an earlier question
  } else if (role_ != Role::candidate) {
    return;
  }
  votes_[from] = votes_[from] || reply.granted;  // a vote once given stands, whatever a late refusal says
  decide_election();
}

void Raft::become_leader() {
  role_ = Role::leader;
  leader_ = config_.self;
  votes_.clear();
  incoming_.reset();
  round_ = 0;
  rounds_sent_.clear();
  transfer_.reset();
  making_way_.reset();
  follow_members();
  // "Raft handles this by having each leader commit a blank no-op entry into the log at the start of its
  // term" (section 8): it may not count older entries (section 5.4.2), so without it they could wait for
  // ever, and every read with them.
  if (COORD_RULE_OR(noop_at_election, true, false)) {
    log_.append({hard_.term, LogIndex{log_.last().value + 1}, EntryKind::noop, {}});
  }
  begin_round();
  send_to_all();
}

}  // namespace coord::raft
