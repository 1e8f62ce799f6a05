// SPDX-License-Identifier: MIT
#include "service/commits/commits.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"
#include "service/words.hpp"

namespace coord::service {

namespace {

template <class Count>
std::uint32_t count_of(const Transaction& transaction, Count counts) {
  const auto& all = transaction.participants;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(all, [&](const auto& entry) { return counts(entry.second); }));
}

CommitRecord record_of(const std::string& name, const Transaction& of) {
  return {name,
          of.generation,
          of.count,
          of.outcome,
          of.by,
          of.since,
          static_cast<std::uint32_t>(of.participants.size()),
          count_of(of, [](const CommitParticipant& each) { return each.vote != CommitVote::none; }),
          count_of(of, [](const CommitParticipant& each) { return each.is_done(); }),
          of.protocol};
}

bool all_came(const Transaction& transaction) {
  return transaction.participants.size() == transaction.count;
}

bool all_said_yes(const Transaction& transaction) {
  return count_of(transaction, [](const CommitParticipant& each) { return each.vote == CommitVote::yes; }) ==
         transaction.count;
}

}  // namespace

Commits::Map& Commits::map() {
  return core_->part<KeptCommits>().transactions;
}
const Commits::Map& Commits::map() const {
  return std::as_const(*core_).part<KeptCommits>().transactions;
}

// ---- what is changed

void Commits::refuse(Refusal why, Step& step) const {
  step.effects.push_back(CommitAnswered{step.to, why, {}});
}

void Commits::changed(const std::string& name, Token generation, Step& step) const {
  step.effects.push_back(CommitChanged{name});
  step.effects.push_back(CommitAnswered{step.to, Refusal::none, generation});
}

// What the algorithms are made from: groups of nodes that are known and durations that can be.
bool Commits::fits_protocol(const JoinCommit& body) const {
  if (body.by == CommitBy::majority) return body.site == DecisionSite{} && body.bound == Duration{};
  const bool bounded = body.bound >= Duration{} && body.bound <= longest_commit_bound;
  return body.by <= CommitBy::three_phase && bounded && body.site.node != NodeId{} && body.site.disk != 0 &&
         body.site.host.size() <= core_->limits().commit_text_bytes;
}

Refusal Commits::check_join(const JoinCommit& body) const {
  const Limits& limits = core_->limits();
  const bool fits = valid_name(body.transaction, limits) && body.count > 0 &&
                    body.count <= limits.commit_participants && !body.id.empty() &&
                    body.id.size() <= limits.commit_text_bytes &&
                    body.host.size() <= limits.commit_text_bytes && fits_protocol(body);
  if (!fits) return Refusal::invalid;
  if (!may_use(body.transaction, body.uid, body.user)) return Refusal::not_yours;
  if (core_->state().closed) return Refusal::moving;
  const bool full = participants_ >= limits.all_commit_participants;
  const auto found = map().find(body.transaction);
  if (found == map().end()) {
    const auto of_user = of_user_.find(body.user);
    const bool many =
        body.uid != 0 && of_user != of_user_.end() && of_user->second >= limits.transactions_of_user;
    const bool many_by_sites =
        body.by != CommitBy::majority && by_sites_.size() >= limits.transactions_by_sites;
    return full || many || many_by_sites || map().size() >= limits.transactions
               ? Refusal::too_many_transactions
               : Refusal::none;
  }
  const Transaction& transaction = found->second;
  if (transaction.count != body.count) return Refusal::counts_differ;
  if (transaction.protocol != body.by) return Refusal::algorithms_differ;
  const auto self = transaction.participants.find(body.id);
  if (self != transaction.participants.end()) {
    if (self->second.host != body.host) return Refusal::id_in_use;
    return self->second.user == body.user || body.uid == 0 ? Refusal::none : Refusal::not_yours;
  }
  if (all_came(transaction)) return Refusal::all_have_come;
  // Who comes again, or to be told the outcome, adds nothing: so what is open can be ended.
  return full && transaction.outcome == CommitOutcome::open ? Refusal::too_many_transactions : Refusal::none;
}

void Commits::on(const JoinCommit& body, Step& step) {
  if (const Refusal why = check_join(body); why != Refusal::none) return refuse(why, step);
  const bool is_own = body.by == CommitBy::majority || body.site.node == step.to.node;
  if (!COORD_RULE(participants_site_is_the_askers, is_own)) return refuse(Refusal::no_such_site, step);
  Transaction& transaction = map()[body.transaction];
  if (transaction.generation == Token{}) {
    transaction.generation = core_->next_token(step.index);
    transaction.count = body.count;
    transaction.user = body.user;
    transaction.since = step.wall;
    transaction.protocol = body.by;
    transaction.bound = body.bound;
    transaction.first = body.id;
    ++of_user_[body.user];
    if (body.by != CommitBy::majority) by_sites_.emplace(transaction.generation, body.transaction);
  }
  const auto self = transaction.participants.find(body.id);
  // Who comes when it is decided was not there, and has prepared nothing.
  const bool takes_part =
      self != transaction.participants.end() || transaction.outcome == CommitOutcome::open;
  if (self != transaction.participants.end()) {
    self->second.run = body.run;
  } else if (takes_part) {
    ++participants_;
    transaction.participants.emplace(body.id, CommitParticipant{body.id,
                                                                body.host,
                                                                body.user,
                                                                body.run,
                                                                CommitVote::none,
                                                                {},
                                                                false,
                                                                0,
                                                                CommitOutcome::open,
                                                                body.site});
  }
  changed(body.transaction, transaction.generation, step);
}

template <class Body>
CommitParticipant* Commits::sayer(const Body& body, Step& step) {
  const auto found = map().find(body.transaction);
  if (found == map().end() || found->second.generation != body.generation) {
    refuse(Refusal::forgotten, step);
    return nullptr;
  }
  const auto self = found->second.participants.find(body.id);
  const bool known = self != found->second.participants.end();
  if (known && COORD_RULE(only_the_last_run_speaks, self->second.run == body.run)) {
    if (self->second.user == body.user || body.uid == 0) return &self->second;
    refuse(Refusal::not_yours, step);
    return nullptr;
  }
  refuse(Refusal::run_replaced, step);
  return nullptr;
}

// Once, whatever comes later.
void Commits::decide(Transaction& transaction, CommitOutcome outcome, const std::string& by) const {
  if (COORD_RULE_OR(outcome_never_changes, transaction.outcome != CommitOutcome::open, false)) return;
  transaction.outcome = outcome;
  transaction.by = by;
}

void Commits::on(const VoteCommit& body, Step& step) {
  if (body.why.size() > core_->limits().commit_text_bytes) return refuse(Refusal::invalid, step);
  CommitParticipant* self = sayer(body, step);
  if (self == nullptr) return;
  Transaction& transaction = map().at(body.transaction);
  if (transaction.protocol != CommitBy::majority) return refuse(Refusal::algorithms_differ, step);
  // A vote is given once: said again, it is the same.
  if (COORD_RULE_OR(a_vote_is_given_once, self->vote == CommitVote::none, true)) {
    self->vote = body.yes ? CommitVote::yes : CommitVote::no;
    self->why = body.why;
  }
  if (self->vote == CommitVote::no) decide(transaction, CommitOutcome::aborted, body.id);
  const bool all = all_said_yes(transaction);
  if (COORD_RULE_OR(commit_needs_every_yes, all, self->vote == CommitVote::yes))
    decide(transaction, CommitOutcome::committed, body.id);
  changed(body.transaction, transaction.generation, step);
}

void Commits::on(const AbandonCommit& body, Step& step) {
  if (sayer(body, step) == nullptr) return;
  Transaction& transaction = map().at(body.transaction);
  // Where all have come those settle it who may have voted, and not the log.
  const bool is_theirs = transaction.protocol != CommitBy::majority && all_came(transaction);
  if (COORD_RULE_OR(log_ends_only_what_it_settles, !is_theirs, true))
    decide(transaction, all_came(transaction) ? CommitOutcome::aborted : CommitOutcome::not_all_came,
           body.id);
  changed(body.transaction, transaction.generation, step);
}

// The first that is told is the transaction's; another one after it tears it.
void Commits::on(const LearnCommit& body, Step& step) {
  if (body.why.size() > core_->limits().commit_text_bytes) return refuse(Refusal::invalid, step);
  CommitParticipant* self = sayer(body, step);
  if (self == nullptr) return;
  Transaction& transaction = map().at(body.transaction);
  const bool said = body.outcome == CommitOutcome::committed || body.outcome == CommitOutcome::aborted;
  if (!said || body.vote > CommitVote::no || !all_came(transaction)) return refuse(Refusal::invalid, step);
  if (transaction.protocol == CommitBy::majority) return refuse(Refusal::algorithms_differ, step);
  if (self->told == CommitOutcome::open) {
    self->told = body.outcome;
    self->vote = body.vote;
    self->why = body.why;
    if (transaction.outcome != CommitOutcome::open && transaction.outcome != body.outcome)
      transaction.outcome = CommitOutcome::torn;
    decide(transaction, body.outcome, "");
    const bool is_why = body.vote == CommitVote::no && transaction.by.empty();
    if (is_why && body.outcome == CommitOutcome::aborted) transaction.by = body.id;
  }
  changed(body.transaction, transaction.generation, step);
}

void Commits::on(const FinishCommit& body, Step& step) {
  CommitParticipant* self = sayer(body, step);
  if (self == nullptr) return;
  const Transaction& transaction = map().at(body.transaction);
  if (transaction.outcome == CommitOutcome::open) return refuse(Refusal::not_decided, step);
  self->ended = true;
  self->status = body.status;
  changed(body.transaction, transaction.generation, step);
}

void Commits::on(const ForgetCommit& body, Step& step) {
  const auto found = map().find(body.transaction);
  if (!valid_name(body.transaction, core_->limits())) return refuse(Refusal::invalid, step);
  if (!may_use(body.transaction, body.uid, body.user)) return refuse(Refusal::not_yours, step);
  if (found == map().end()) return refuse(Refusal::no_such_transaction, step);
  const bool by_log = found->second.protocol == CommitBy::majority;
  const bool is_open = found->second.outcome == CommitOutcome::open;
  if (is_open && (by_log || !body.open_too)) return refuse(Refusal::not_decided, step);
  const Token generation = found->second.generation;
  participants_ -= found->second.participants.size();
  if (const auto user = of_user_.find(found->second.user); --user->second == 0) of_user_.erase(user);
  by_sites_.erase(generation);
  map().erase(found);
  changed(body.transaction, generation, step);
}

Status Commits::rebuild(Rebuild& rebuild) {
  const Limits& limits = core_->limits();
  for (const auto& [name, transaction] : map()) {
    if (!valid_name(name, limits) || transaction.count == 0 ||
        transaction.count > limits.commit_participants || transaction.participants.size() > transaction.count)
      return inconsistent("a transaction beyond its bounds");
    if (transaction.generation == Token{} || transaction.generation > core_->state().last_token ||
        !rebuild.is_new(transaction.generation))
      return inconsistent("a transaction whose generation was not given, or twice");
    for (const auto& [id, participant] : transaction.participants) {
      if (id.empty() || id != participant.id || id.size() > limits.commit_text_bytes)
        return inconsistent("a participant that cannot be");
    }
    const bool by_log = transaction.protocol == CommitBy::majority;
    if (!by_log && !transaction.participants.contains(transaction.first))
      return inconsistent("a transaction that nobody began");
    if (by_log ? transaction.outcome == CommitOutcome::torn : transaction.bound > longest_commit_bound)
      return inconsistent("a transaction by a protocol that it cannot have");
    if (!by_log) by_sites_.emplace(transaction.generation, name);
    if (by_log && transaction.outcome == CommitOutcome::committed && !all_said_yes(transaction))
      return inconsistent("a transaction that was committed without every yes");
    participants_ += transaction.participants.size();
    ++of_user_[transaction.user];
  }
  if (map().size() > limits.transactions || participants_ > limits.all_commit_participants)
    return inconsistent("more transactions than there may be");
  return done();
}

// ---- what is told

CommitView Commits::answer(const GetCommit& question) const {
  const auto found = map().find(question.transaction);
  CommitView view;
  view.of.name = question.transaction;
  if (found == map().end()) return view;
  view.of = record_of(found->first, found->second);
  for (const auto& [id, participant] : found->second.participants) view.participants.push_back(participant);
  return view;
}

CommitsView Commits::answer(const ListCommits& question) const {
  constexpr std::size_t together = 500;  // below half a frame with the longest names
  CommitsView view;
  auto at = question.after < question.prefix ? map().lower_bound(question.prefix)
                                             : map().upper_bound(question.after);
  for (; at != map().end() && at->first.starts_with(question.prefix); ++at) {
    view.more = view.transactions.size() == together;
    if (view.more) break;
    view.transactions.push_back(record_of(at->first, at->second));
  }
  return view;
}

const std::string* Commits::name_by_sites(Token generation) const {
  const auto found = by_sites_.find(generation);
  if (found == by_sites_.end() || !all_came(map().at(found->second))) return nullptr;
  return &found->second;
}

void Commits::list_staying(Words& words) const {
  for (const auto& [name, transaction] : map()) words.add("transaction", name, nullptr);
}

}  // namespace coord::service
