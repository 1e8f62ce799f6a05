// SPDX-License-Identifier: MIT
#include "service/decisions/decisions.hpp"

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"
#include "service/words.hpp"

namespace coord::service {

namespace {

DecisionRecord record_of(const std::string& name, const Decision& decision) {
  return {name,          decision.generation, decision.proposal, decision.value.size(),
          decision.user, decision.host,       decision.since};
}

}  // namespace

KeptDecisions& Decisions::kept() {
  return core_->part<KeptDecisions>();
}
const KeptDecisions& Decisions::kept() const {
  return std::as_const(*core_).part<KeptDecisions>();
}

// ---- what is changed

Refusal Decisions::check(const std::string& name, std::uint32_t uid, const std::string& user) const {
  if (!valid_name(name, core_->limits())) return Refusal::invalid;
  if (!may_use(name, uid, user)) return Refusal::not_yours;
  return core_->state().closed ? Refusal::moving : Refusal::none;
}

Refusal Decisions::check_room(const ProposeValue& body) const {
  const Limits& limits = core_->limits();
  if (bytes_ + body.value.size() > limits.all_decision_bytes) return Refusal::too_many_decisions;
  if (kept().decisions.size() >= limits.decisions) return Refusal::too_many_decisions;
  const auto of_user = of_user_.find(body.user);
  const bool many = of_user != of_user_.end() && of_user->second >= limits.decisions_of_user;
  return body.uid != 0 && many ? Refusal::too_many_decisions_of_user : Refusal::none;
}

// Its name was forgotten after its tool had looked.
bool Decisions::is_late(const ProposeValue& body) const {
  const auto found = kept().forgotten.find(body.decision);
  return body.seen < (found == kept().forgotten.end() ? kept().forgotten_before : found->second);
}

void Decisions::on(const ProposeValue& body, Step& step) {
  const auto answer = [&](Refusal why, Token generation = {}) {
    step.effects.push_back(DecisionAnswered{step.to, why, generation});
  };
  Refusal why = check(body.decision, body.uid, body.user);
  const Limits& limits = core_->limits();
  const bool fits = body.value.size() <= limits.one_decision_bytes && body.host.size() <= 255;
  if (why == Refusal::none && !fits) why = Refusal::invalid;
  const bool late = is_late(body);
  if (why == Refusal::none && COORD_RULE_OR(proposals_before_a_forget_are_void, late, false))
    why = Refusal::forgotten;
  if (why != Refusal::none) return answer(why);
  auto& decisions = kept().decisions;
  const auto found = decisions.find(body.decision);
  const bool decided = found != decisions.end();
  if (COORD_RULE_OR(first_proposal_is_the_value, decided, false))
    return answer(Refusal::none, found->second.generation);
  if (why = check_room(body); why != Refusal::none) return answer(why);
  const Token generation = decided ? found->second.generation : core_->next_token(step.index);
  bytes_ += body.value.size() - (decided ? found->second.value.size() : 0);
  if (!decided) ++of_user_[body.user];
  decisions[body.decision] = {body.value, generation, body.proposal, body.user, body.host, step.wall};
  step.effects.push_back(DecisionChanged{body.decision});
  answer(Refusal::none, generation);
}

void Decisions::on(const ForgetDecision& body, Step& step) {
  auto& decisions = kept().decisions;
  Refusal why = check(body.decision, body.uid, body.user);
  const auto found = decisions.find(body.decision);
  if (why == Refusal::none && found == decisions.end()) why = Refusal::no_such_decision;
  if (why != Refusal::none) return step.effects.push_back(DecisionAnswered{step.to, why, {}});
  bytes_ -= found->second.value.size();
  if (const auto user = of_user_.find(found->second.user); --user->second == 0) of_user_.erase(user);
  decisions.erase(found);
  const Token when = core_->next_token(step.index);
  remember_forgotten(body.decision, when);
  step.effects.push_back(DecisionChanged{body.decision});
  step.effects.push_back(DecisionAnswered{step.to, Refusal::none, when});
}

void Decisions::remember_forgotten(const std::string& name, Token when) {
  Token& last = kept().forgotten[name];
  if (last != Token{}) forgotten_.erase(last);
  last = when;
  forgotten_.emplace(when, name);
  if (forgotten_.size() <= core_->limits().forgotten_decisions) return;
  const auto oldest = forgotten_.begin();
  kept().forgotten_before = oldest->first;
  kept().forgotten.erase(oldest->second);
  forgotten_.erase(oldest);
}

Status Decisions::rebuild(Rebuild& rebuild) {
  const Limits& limits = core_->limits();
  const Token last = core_->state().last_token;
  const auto given = [&](Token token) { return token != Token{} && token <= last && rebuild.is_new(token); };
  for (const auto& [name, decision] : kept().decisions) {
    if (!valid_name(name, limits) || decision.value.size() > limits.one_decision_bytes)
      return inconsistent("a decision beyond its bounds");
    if (!given(decision.generation))
      return inconsistent("a decision whose generation was not given, or twice");
    bytes_ += decision.value.size();
    ++of_user_[decision.user];
  }
  for (const auto& [name, when] : kept().forgotten) {
    if (!valid_name(name, limits) || !given(when))
      return inconsistent("a forgotten decision that cannot have been");
    forgotten_.emplace(when, name);
  }
  if (kept().forgotten_before > last || kept().decisions.size() > limits.decisions ||
      bytes_ > limits.all_decision_bytes || forgotten_.size() > limits.forgotten_decisions)
    return inconsistent("more decisions than there may be");
  return done();
}

// ---- what is told

DecisionView Decisions::answer(const GetDecision& question) const {
  const auto found = kept().decisions.find(question.decision);
  DecisionView view;
  view.now = core_->state().last_token;
  view.of.name = question.decision;
  if (found == kept().decisions.end()) return view;
  view.of = record_of(found->first, found->second);
  view.value = found->second.value;
  return view;
}

DecisionsView Decisions::answer(const ListDecisions& question) const {
  constexpr std::size_t together = 500;  // below half a frame with the longest names
  DecisionsView view;
  const auto& all = kept().decisions;
  auto at =
      question.after < question.prefix ? all.lower_bound(question.prefix) : all.upper_bound(question.after);
  for (; at != all.end() && at->first.starts_with(question.prefix); ++at) {
    view.more = view.decisions.size() == together;
    if (view.more) break;
    view.decisions.push_back(record_of(at->first, at->second));
  }
  return view;
}

void Decisions::list_staying(Words& words) const {
  for (const auto& [name, decision] : kept().decisions) words.add("decision", name, nullptr);
}

}  // namespace coord::service
