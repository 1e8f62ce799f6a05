// SPDX-License-Identifier: MIT
#include "service/decisions/decisions.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"
#include "service/words.hpp"

namespace coord::service {

namespace {

DecisionRecord record_of(const std::string& name, const Decision& decision) {
  return {name,          decision.generation, decision.proposal, decision.value.size(),
          decision.user, decision.host,       decision.since,    decision.algorithm};
}

std::size_t bytes_of(const Decision& decision) {
  std::size_t bytes = decision.value.size();
  for (const DecisionSite& site : decision.sites) bytes += sizeof site + site.host.size();
  return bytes;
}

// Each peer keeps in memory what it has promised for each, with the value.
constexpr std::size_t most_by_sites = 1'024, most_by_sites_of_user = 256;

bool are_sites(Agreement algorithm, const std::vector<DecisionSite>& sites) {
  if (algorithm == Agreement::pbft && (sites.size() < 4 || sites.size() % 3 != 1)) return false;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (i > 0 && sites[i - 1].node >= sites[i].node) return false;
    if (sites[i].host.size() > 255) return false;
  }
  return !sites.empty();
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

Refusal Decisions::check_room(std::size_t bytes, std::uint32_t uid, const std::string& user) const {
  const Limits& limits = core_->limits();
  if (bytes_ + bytes > limits.all_decision_bytes) return Refusal::too_many_decisions;
  if (kept().decisions.size() >= limits.decisions) return Refusal::too_many_decisions;
  const auto of_user = of_user_.find(user);
  const bool many = of_user != of_user_.end() && of_user->second >= limits.decisions_of_user;
  return uid != 0 && many ? Refusal::too_many_decisions_of_user : Refusal::none;
}

// The name was forgotten after the tool had looked.
bool Decisions::is_late(const std::string& name, Token seen) const {
  const auto found = kept().forgotten.find(name);
  return seen < (found == kept().forgotten.end() ? kept().forgotten_before : found->second);
}

void Decisions::add(const std::string& name, Decision decision, Step& step) {
  auto& decisions = kept().decisions;
  const auto found = decisions.find(name);
  const bool again = found != decisions.end();  // of a mutant only
  decision.generation = again ? found->second.generation : core_->next_token(step.index);
  bytes_ += bytes_of(decision) - (again ? bytes_of(found->second) : 0);
  if (!again) ++of_user_[decision.user];
  step.effects.push_back(DecisionChanged{name});
  step.effects.push_back(DecisionAnswered{step.to, Refusal::none, decision.generation});
  if (decision.algorithm != Agreement::raft && by_sites_.emplace(decision.generation, name).second)
    ++by_sites_of_user_[decision.user];
  decisions[name] = std::move(decision);
}

void Decisions::on(const ProposeValue& body, Step& step) {
  const auto answer = [&](Refusal why, Token generation = {}) {
    step.effects.push_back(DecisionAnswered{step.to, why, generation});
  };
  Refusal why = check(body.decision, body.uid, body.user);
  const Limits& limits = core_->limits();
  const bool fits = body.value.size() <= limits.one_decision_bytes && body.host.size() <= 255;
  if (why == Refusal::none && !fits) why = Refusal::invalid;
  const bool late = is_late(body.decision, body.seen);
  if (why == Refusal::none && COORD_RULE_OR(proposals_before_a_forget_are_void, late, false))
    why = Refusal::forgotten;
  if (why != Refusal::none) return answer(why);
  const auto found = kept().decisions.find(body.decision);
  const bool decided = found != kept().decisions.end();
  if (decided && found->second.algorithm != Agreement::raft) return answer(Refusal::algorithms_differ);
  if (COORD_RULE_OR(first_proposal_is_the_value, decided, false))
    return answer(Refusal::none, found->second.generation);
  if (why = check_room(body.value.size(), body.uid, body.user); why != Refusal::none) return answer(why);
  add(body.decision, {body.value, {}, body.proposal, body.user, body.host, step.wall, Agreement::raft, {}},
      step);
}

// The value is the sites' affair.
void Decisions::on(const OpenDecision& body, Step& step) {
  const auto answer = [&](Refusal why, Token generation = {}) {
    step.effects.push_back(DecisionAnswered{step.to, why, generation});
  };
  Refusal why = check(body.decision, body.uid, body.user);
  const bool fits =
      body.algorithm != Agreement::raft && body.host.size() <= 255 && are_sites(body.algorithm, body.sites);
  if (why == Refusal::none && (!fits || body.sites.size() > core_->limits().decision_sites))
    why = Refusal::invalid;
  const auto& members = core_->state().registrations;
  const auto is_member = [&](const DecisionSite& site) { return members.contains(site.node); };
  if (why == Refusal::none &&
      !COORD_RULE(decided_by_hosts_of_the_group, std::ranges::all_of(body.sites, is_member)))
    why = Refusal::no_such_site;
  if (why == Refusal::none && is_late(body.decision, body.seen)) why = Refusal::forgotten;
  if (why != Refusal::none) return answer(why);
  const auto found = kept().decisions.find(body.decision);
  if (found != kept().decisions.end()) {
    const bool same = found->second.algorithm == body.algorithm;
    return answer(same ? Refusal::none : Refusal::algorithms_differ,
                  same ? found->second.generation : Token{});
  }
  if (by_sites_.size() >= most_by_sites) return answer(Refusal::too_many_decisions);
  const auto of_user = by_sites_of_user_.find(body.user);
  if (body.uid != 0 && of_user != by_sites_of_user_.end() && of_user->second >= most_by_sites_of_user)
    return answer(Refusal::too_many_decisions_of_user);
  Decision decision{{}, {}, 0, body.user, body.host, step.wall, body.algorithm, body.sites};
  if (why = check_room(bytes_of(decision), body.uid, body.user); why != Refusal::none) return answer(why);
  add(body.decision, std::move(decision), step);
}

void Decisions::on(const ForgetDecision& body, Step& step) {
  auto& decisions = kept().decisions;
  Refusal why = check(body.decision, body.uid, body.user);
  const auto found = decisions.find(body.decision);
  if (why == Refusal::none && found == decisions.end()) why = Refusal::no_such_decision;
  if (why != Refusal::none) return step.effects.push_back(DecisionAnswered{step.to, why, {}});
  bytes_ -= bytes_of(found->second);
  if (const auto user = of_user_.find(found->second.user); --user->second == 0) of_user_.erase(user);
  if (by_sites_.erase(found->second.generation) > 0) {
    const auto by_sites = by_sites_of_user_.find(found->second.user);
    if (--by_sites->second == 0) by_sites_of_user_.erase(by_sites);
  }
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
    const bool by_log = decision.algorithm == Agreement::raft;
    if (by_log ? !decision.sites.empty()
               : !decision.value.empty() || !are_sites(decision.algorithm, decision.sites) ||
                     decision.sites.size() > limits.decision_sites)
      return inconsistent("a decision whose sites cannot be");
    if (!given(decision.generation))
      return inconsistent("a decision whose generation was not given, or twice");
    bytes_ += bytes_of(decision);
    ++of_user_[decision.user];
    if (!by_log && by_sites_.emplace(decision.generation, name).second) ++by_sites_of_user_[decision.user];
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
  view.sites = found->second.sites;
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

const std::string* Decisions::name_by_sites(Token generation) const {
  const auto found = by_sites_.find(generation);
  return found == by_sites_.end() ? nullptr : &found->second;
}

Token Decisions::last_forgotten() const {
  return forgotten_.empty() ? kept().forgotten_before : forgotten_.rbegin()->first;
}

void Decisions::list_staying(Words& words) const {
  for (const auto& [name, decision] : kept().decisions) words.add("decision", name, nullptr);
}

}  // namespace coord::service
