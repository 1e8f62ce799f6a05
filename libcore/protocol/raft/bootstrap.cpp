// SPDX-License-Identifier: MIT
// Founding: what a peer with an empty state may do.
//
// The problem: "votes for at most one candidate a term" and "acknowledged is durable" hold only as long as
// nobody forgets. A peer whose disk was wiped looks just like one that is started for the first time, and the
// first must not vote while the second must.
//
// Why the obvious answer fails: a flag "first start" given by the operator is left in the unit file, and the
// next wiped disk is taken for a first start.
//
// The rule: an empty peer neither votes nor acknowledges nor campaigns (Role::bootstrap). It asks all others
// what they remember. It founds, durably, when every one of them has answered that it is empty too, or that
// it founded the group with this very incarnation of the asker. Why that is enough: had this peer ever been
// part of a majority before it was wiped, some other member of that majority had founded before this
// incarnation was made, and so does not know it. As incarnations are never accepted later, a founder that
// knows an incarnation proves that nothing was ever done and forgotten under it.
//
// Founding anew: an empty peer may have been given a state to begin with (a snapshot and its term, the same
// at all: coordd --found-from), and is empty otherwise. It founds only with peers that were given one of the
// same term. Without that two with nothing could elect one of them, and what the third was
// given would be gone.
//
// --rejoin: all others have answered, one at least is not empty. The peer takes a term above all of theirs:
// whatever it did before it was wiped, it did in a lower term, for its leader in that term had that term, and
// every peer that could make a majority with it still has. It stays recovering, neither voting nor counted,
// until its log holds a committed entry of its new term or a later one. That leader was elected, and that
// entry committed, by a majority without this peer; so it holds all that any majority with this peer had ever
// acknowledged, and now the log of this peer does too. A group in which a majority was wiped stays without a
// leader: it has lost data, and says so by not answering. The others go on knowing the incarnation of the
// founding only: else a peer that asked to rejoin, and was started again without --rejoin before it became
// recovering, would be taken for one that has never been here.
//
// That leaves one case open: the disk that was thought to be lost turns up again, and is put in after the
// rejoin. It votes and acknowledges by the same number, and knows nothing of what was promised since. So from
// level 2 on nobody rejoins under its number: the operator's --rejoin is his order to take its vote away
// (gives_up_number()), it comes again under another one, and gets the vote.
//
// Without --rejoin: its number votes, and nobody may vote by it, until the others have removed it, which they
// do without it. Once that is committed what the number has promised counts no more; but its disk may turn up
// again, and remembers. So the number stays that disk's, and who has nothing comes again under another one
// (may_come_anew()), as any host does that comes later. Where a majority has nothing nobody can remove
// anybody, and nobody comes back by itself.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

void Raft::ask_for_state() {
  bootstrap_.ask_at = now_ + 4 * config_.heartbeat;
  for (const NodeId peer : config_.peers) {
    if (peer != config_.self) send(peer, StateQuery{config_.incarnation, bootstrap_.nonce});
  }
  try_to_found();
}

// Anyone answers, at once. Empty: nothing was ever promised, and that is so until founding is durable.
void Raft::answer_state(NodeId from, const StateQuery& query) {
  StateAnswer answer;
  answer.nonce = query.nonce;
  answer.incarnation = config_.incarnation;
  answer.empty = role_ == Role::bootstrap;
  answer.term = hard_.term;  // empty: of what it was given to begin with
  answer.of_disks = config_.numbers_of_disks;
  if (!answer.empty) {
    const auto known = hard_.founders.find(from);
    answer.knows_you = known != hard_.founders.end() && known->second == query.incarnation;
    answer.founders = hard_.founders;
    answer.removed = is_out(from);
  }
  outbox_.send(from, std::move(answer), 0);
}

void Raft::receive_state(NodeId from, const StateAnswer& answer) {
  if (role_ != Role::bootstrap || bootstrap_.write != 0 || answer.nonce != bootstrap_.nonce) return;
  if (!answer.empty) {
    const bool same_peers =
        std::equal(config_.peers.begin(), config_.peers.end(), answer.founders.begin(), answer.founders.end(),
                   [](NodeId a, const auto& b) { return a == b.first; });
    if (!same_peers) return refuse(from, "was founded with another list of peers: its answer was ignored");
  }
  bootstrap_.answers[from] = answer;
  bootstrap_.removed = bootstrap_.removed || (!answer.empty && answer.removed);
  try_to_found();
}

void Raft::try_to_found() {
  if (bootstrap_.write != 0 || bootstrap_.removed) return;
  const auto& answers = bootstrap_.answers;
  const bool all_answered = answers.size() + 1 == config_.peers.size();
  const auto founder =
      std::find_if(answers.begin(), answers.end(), [](const auto& a) { return !a.second.empty; });
  const auto against = std::find_if(answers.begin(), answers.end(),
                                    [](const auto& a) { return !a.second.empty && !a.second.knows_you; });
  const bool of_disks =
      std::ranges::any_of(answers, [](const auto& a) { return !a.second.empty && a.second.of_disks; });
  if (against != answers.end() && config_.rejoin && of_disks)
    bootstrap_.gives_up_number = COORD_RULE_OR(number_is_of_one_disk, true, false);
  if (bootstrap_.gives_up_number) return;
  if (against != answers.end() && config_.rejoin && all_answered) return rejoin();
  if (against != answers.end() && !config_.rejoin) {
    const std::string why =
        "has met this peer with a state that is lost now: it takes no part until the group has removed it "
        "from the voters (dpeers remove, replace), or it is started with --rejoin, or with a file `rejoin` "
        "in its state directory";
    if (bootstrap_.refused != why) refuse(against->first, why);
    bootstrap_.refused = why;
  }
  if (!COORD_RULE(empty_peer_is_mute, all_answered && against == answers.end())) return;
  if (founder == answers.end()) {
    const auto other =
        std::ranges::find_if(answers, [this](const auto& a) { return a.second.term != hard_.term; });
    const bool alike = other == answers.end();
    if (!alike && bootstrap_.refused.empty()) {
      bootstrap_.refused =
          "was given another beginning than this peer: give coordd --found-from the same file";
      refuse(other->first, bootstrap_.refused);
    }
    if (!COORD_RULE(founders_begin_alike, alike)) return;
  }
  std::map<NodeId, Incarnation> founders;
  if (founder != answers.end()) {
    founders = founder->second.founders;
  } else {
    for (const auto& [peer, answer] : answers) founders[peer] = answer.incarnation;
  }
  founders[config_.self] = config_.incarnation;
  found(std::move(founders));
}

void Raft::rejoin() {
  Term highest;
  std::map<NodeId, Incarnation> founders;
  for (const auto& [peer, answer] : bootstrap_.answers) {
    highest = std::max(highest, answer.term);
    if (!answer.empty) founders = answer.founders;
  }
  founders[config_.self] = config_.incarnation;
  hard_.term = COORD_RULE_OR(rejoin_above_all_terms, Term{highest.value + 1}, Term{1});
  hard_.recovering_until = hard_.term;
  found(std::move(founders));
}

void Raft::found(std::map<NodeId, Incarnation> founders) {
  hard_.founders = std::move(founders);
  hard_state_changed();
  bootstrap_.write = hard_write_;
}

void Raft::founded() {
  role_ = Role::follower;
  bootstrap_.answers.clear();
  arm_election_timer();
  if (alone()) election_timed_out();
}

std::vector<NodeId> Raft::not_met() const {
  std::vector<NodeId> missing;
  if (role_ != Role::bootstrap || bootstrap_.write != 0) return missing;
  for (const NodeId peer : config_.peers) {
    if (peer != config_.self && !bootstrap_.answers.contains(peer)) missing.push_back(peer);
  }
  return missing;
}

bool Raft::recovering() const {
  return COORD_RULE_OR(rejoined_peer_is_mute, hard_.recovering_until.value != 0, false);
}

// The rule above asks the founders. Once the voters have changed, others may have led by this peer's
// forgotten vote: it stays mute until they have removed it, which they have done without it, and learns anew.
bool Raft::still_counted_as_before() const {
  if (members_.are_founders()) return false;
  return members_.index() > commit_ || voters().votes(config_.self);
}

// Called when the commit index has moved. Messages that show the peer unmuted wait until that is durable,
// like all others.
void Raft::unmute_if_caught_up() {
  if (hard_.recovering_until.value == 0 || log_.term_at(commit_).value_or(Term{}) < hard_.recovering_until ||
      !COORD_RULE(rejoined_only_among_founders, !still_counted_as_before()))
    return;
  hard_.recovering_until = Term{};
  hard_state_changed();
}

}  // namespace coord::raft
