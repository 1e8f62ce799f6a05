// SPDX-License-Identifier: MIT
// Leaderships: candidates, elections, and what is written down of work done.
#include "service/elections/elections.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"

namespace coord::service {

namespace {

bool in_range(Duration length, Duration most) {
  return length >= Duration::zero() && length <= most;
}

bool valid_slot(const SlotWish& wish, const Limits& limits) {
  const bool period = wish.period == Duration::zero() ||
                      (wish.period >= limits.period_low && wish.period <= limits.duration_high);
  return !wish.key.empty() && wish.key.size() <= limits.slot_key_bytes && period && wish.attempts >= 1 &&
         wish.attempts <= limits.attempts;
}

bool same_slot(const Candidacy& a, const Candidacy& b) {
  return a.slot && b.slot && a.slot->key == b.slot->key && a.slot->period == b.slot->period;
}

Refusal refusal_of(SlotVerdict verdict) {
  if (verdict == SlotVerdict::done) return Refusal::slot_done;
  return verdict == SlotVerdict::used_up ? Refusal::attempts_used : Refusal::none;
}

}  // namespace

ElectionState& Elections::state() {
  return core_->part<KeptElections>().elections;
}
const ElectionState& Elections::state() const {
  return std::as_const(*core_).part<KeptElections>().elections;
}

const SlotBook* Elections::book_of(const std::string& name) const {
  const auto book = state().books.find(name);
  return book == state().books.end() ? nullptr : &book->second;
}

std::optional<Standing> Elections::standing(SessionId session, std::uint64_t number) const {
  const std::string* name = candidacy_of(session, number);
  if (name == nullptr) return std::nullopt;
  const Leadership& leadership = state().leaderships.at(*name);
  return leadership.leading() == candidate(session, number) ? Standing{Standing::Kind::held, leadership.term}
                                                            : Standing{Standing::Kind::waiting, {}};
}

const std::string* Elections::candidacy_of(SessionId session, std::uint64_t request) const {
  const auto of_session = candidacies_of_.find(session);
  if (of_session == candidacies_of_.end()) return nullptr;
  const auto name = of_session->second.find(request);
  return name == of_session->second.end() ? nullptr : &name->second;
}

const Candidate* Elections::candidate(SessionId session, std::uint64_t request) const {
  const std::string* name = candidacy_of(session, request);
  if (name == nullptr) return nullptr;
  for (const auto& [place, candidate] : state().leaderships.at(*name).candidates) {
    if (candidate.session == session && candidate.number == request) return &candidate;
  }
  return nullptr;
}

const Leadership* Elections::leadership_of(Token term) const {
  const auto name = led_under_.find(term);
  return name == led_under_.end() ? nullptr : &state().leaderships.at(name->second);
}

Refusal Elections::check_candidacy(const Acquire& body) const {
  const Candidacy& wish = *body.candidacy;
  const bool valid = body.names.size() == 1 && valid_name(body.names.front(), core_->limits()) &&
                     body.terms.mode == Mode::exclusive && body.terms.permits == 1 && body.inside.empty() &&
                     !body.join && body.terms.period == Duration::zero() &&
                     body.terms.lock_delay == Duration::zero() &&
                     in_range(body.terms.min_hold, core_->limits().duration_high) &&
                     wish.value.size() <= core_->limits().value_bytes &&
                     (!wish.slot || valid_slot(*wish.slot, core_->limits()));
  if (!valid) return Refusal::invalid;
  if (!body.open) {
    if (core_->is_asked(body.session, body.request)) return Refusal::request_in_use;
    const auto mine = candidacies_of_.find(body.session);
    if (mine != candidacies_of_.end() && mine->second.size() >= core_->limits().requests_of_session)
      return Refusal::too_many_of_session;
  }
  if (candidates_ + state().leaderships.size() >= core_->limits().candidates)
    return Refusal::too_many_requests;
  return Refusal::none;
}

// Whether there is work left for it; and, if it must not wait, whether it may do it now.
Refusal Elections::check_slot(const Acquire& body, WallTime wall) const {
  const auto led = state().leaderships.find(body.names.front());
  const Leadership* leadership = led == state().leaderships.end() ? nullptr : &led->second;
  const Candidate* leader = leadership == nullptr ? nullptr : leadership->leading();
  const bool runs = leader != nullptr && same_slot(leader->wish, *body.candidacy) && !leader->completed;
  if (runs) return body.wait ? Refusal::none : Refusal::slot_running;
  if (body.candidacy->slot) {
    const Refusal why = refusal_of(judge(book_of(body.names.front()), *body.candidacy->slot, wall));
    if (why != Refusal::none) return why;
  }
  return leadership != nullptr && !body.wait ? Refusal::held : Refusal::none;
}

// From level 2 on. Before, only the peer of the tool that asks looks.
Refusal Elections::check_user(const Acquire& body, Level level) const {
  if (level < 2) return Refusal::none;
  const Owner& owner = body.open ? body.open->owner : core_->state().sessions.at(body.session).owner;
  const std::string& name = body.names.front();
  const bool may =
      may_use(name, owner.uid, owner.user) && may_preempt(name, *body.candidacy, owner.uid, owner.user);
  return may ? Refusal::none : Refusal::not_yours;
}

bool Elections::may_depose(const Candidate& leader, std::uint32_t uid, const std::string& user) const {
  const Session* session = core_->session(leader.session);
  return COORD_RULE(deposes_only_own, uid == 0 || session == nullptr || session->owner.user == user);
}

bool Elections::may_preempt(const std::string& name, const Candidacy& wish, std::uint32_t uid,
                            const std::string& user) const {
  const auto found = state().leaderships.find(name);
  const Candidate* leader = found == state().leaderships.end() ? nullptr : found->second.leading();
  if (!wish.preempt || leader == nullptr || wish.priority <= leader->wish.priority) return true;
  return may_depose(*leader, uid, user);
}

void Elections::on(const Acquire& body, Step& step) {
  if (body.names.size() > core_->limits().names_a_request)
    return step.refuse(Refusal::invalid, body.session, body.request);
  Refusal why = core_->check_sender(body.open, body.session, step.to.node);
  if (why == Refusal::none) why = check_candidacy(body);
  if (why == Refusal::none) why = check_user(body, step.level);
  if (why == Refusal::none) why = check_slot(body, step.wall);
  if (why == Refusal::none && !body.wait && core_->state().closed) why = Refusal::moving;
  const std::string& name = why == Refusal::none ? body.names.front() : std::string();
  const SlotWish* slot = body.candidacy->slot ? &*body.candidacy->slot : nullptr;
  if (why == Refusal::none && slot != nullptr)
    why = room_for(name, slot, body.open ? body.open->owner : core_->state().sessions.at(body.session).owner,
                   step.wall);
  if (why != Refusal::none) {
    return step.refuse(why, body.session, body.request);
  }
  const SessionId session = body.open ? SessionId{step.index.value} : body.session;
  if (body.open) core_->open_session(*body.open, session, step);
  Leadership& leadership = state().leaderships[name];
  leadership.candidates.emplace(step.index, Candidate{session, body.request, *body.candidacy,
                                                      body.terms.min_hold, step.wall, 0, false});
  candidacies_of_[session].emplace(body.request, name);
  ++candidates_;
  changed_.insert(name);
  if (lead_next(name, leadership, step)) return;
  step.effects.push_back(Queued{step.to, session, body.request});
  const Candidate* leader = leadership.leading();
  if (leader == nullptr || leadership.deposed || !body.candidacy->preempt) return;
  if (!COORD_RULE(preempts_only_lower, body.candidacy->priority > leader->wish.priority)) return;
  leadership.deposed = true;
  step.effects.push_back(StepDown{leader->session, leader->number, true});
}

// If nobody leads: of those whose work is still to be done, the one of the highest priority, then the oldest.
bool Elections::lead_next(const std::string& name, Leadership& leadership, Step& step) {
  if (!COORD_RULE(one_leader_at_a_time, leadership.leader == LogIndex{})) return false;
  const bool kept = leadership.leader == LogIndex{} && leadership.term != Token{};
  if (!COORD_RULE(kept_shut_after_resigning, !kept)) return false;
  if (!core_->may_grant({})) return false;
  auto next = leadership.candidates.end();
  for (auto it = leadership.candidates.begin(); it != leadership.candidates.end(); ++it) {
    const bool better =
        next == leadership.candidates.end() ||
        COORD_RULE_OR(highest_priority_leads, it->second.wish.priority > next->second.wish.priority, false);
    if (better) next = it;
  }
  if (next == leadership.candidates.end()) return false;
  Candidate& leader = next->second;
  led_under_.erase(leadership.term);
  leadership.term = core_->next_token(step.index);
  leadership.leader = next->first;
  leadership.kept = {};
  leadership.deposed = false;
  led_under_.insert_or_assign(leadership.term, name);
  leader.since = step.wall;
  if (leader.wish.slot) {
    // Written down by the command that makes it leader: before anything is begun.
    write_down(name, &*leader.wish.slot, core_->state().sessions.at(leader.session).owner, step,
               [&](SlotBook& book) { leader.attempt = begin_slot(book, *leader.wish.slot, step.wall); });
  }
  const AnswerTo to = next->first == step.index ? step.to : AnswerTo{};
  step.effects.push_back(Granted{.to = to,
                                 .session = leader.session,
                                 .request = leader.number,
                                 .token = leadership.term,
                                 .leadership = name});
  if (leader.min_hold > Duration::zero())
    step.effects.push_back(TimerStarted{TimerKind::min_hold, leadership.term, leader.min_hold});
  changed_.insert(name);
  return true;
}

// Candidates for work that is done, or that was tried often enough, are told so. Those who wait for the same
// slot as the leader has learn how that ends.
void Elections::settle_slots(const std::string& name, Leadership& leadership, Step& step) {
  const SlotBook* book = book_of(name);
  const Candidate* leader = leadership.leading();
  std::map<LogIndex, Refusal> settled;
  for (const auto& [place, candidate] : leadership.candidates) {
    if (place == leadership.leader || !candidate.wish.slot) continue;
    if (leader != nullptr && same_slot(leader->wish, candidate.wish) && !leader->completed) continue;
    const Refusal why = refusal_of(judge(book, *candidate.wish.slot, step.wall));
    if (why != Refusal::none) settled.emplace(place, why);
  }
  for (const auto& [place, why] : settled) {
    const Candidate gone = leadership.candidates.at(place);
    leadership.candidates.erase(place);
    forget_candidacy(gone.session, gone.number);
    step.effects.push_back(Dismissed{gone.session, gone.number, why});
    changed_.insert(name);
  }
}

void Elections::settle(Step& step) {
  for (const std::string& name : std::exchange(open_, {})) {
    const auto it = state().leaderships.find(name);
    if (it == state().leaderships.end()) continue;
    settle_slots(name, it->second, step);
    lead_next(name, it->second, step);
    if (it->second.candidates.empty() && it->second.term == Token{}) state().leaderships.erase(it);
  }
  for (const std::string& name : std::exchange(changed_, {})) step.effects.push_back(LeadershipChanged{name});
}

void Elections::grants_again() {
  for (const auto& [name, leadership] : state().leaderships) open_.insert(name);
}

void Elections::forget_candidacy(SessionId session, std::uint64_t number) {
  const auto of_session = candidacies_of_.find(session);
  of_session->second.erase(number);
  if (of_session->second.empty()) candidacies_of_.erase(of_session);
  --candidates_;
}

// Of the leader, too: the name is free, unless its minimum hold has not passed.
void Elections::end_candidacy(SessionId session, std::uint64_t number, Step& step, AnswerTo to) {
  const std::string name = *candidacy_of(session, number);
  Leadership& leadership = state().leaderships.at(name);
  const auto it = std::ranges::find_if(leadership.candidates, [&](const auto& entry) {
    return entry.second.session == session && entry.second.number == number;
  });
  const bool led = it->first == leadership.leader;
  if (led) {
    leadership.kept = it->second.min_hold;
    leadership.leader = {};
    leadership.deposed = false;
    step.effects.push_back(Released{to, session, number, leadership.term, {}});
    if (leadership.kept == Duration::zero()) {
      led_under_.erase(leadership.term);
      leadership.term = {};
    }
  } else {
    step.effects.push_back(Cancelled{to, session, number});
  }
  leadership.candidates.erase(it);
  forget_candidacy(session, number);
  open_.insert(name);
  changed_.insert(name);
}

void Elections::session_ends(SessionId session, End /*end*/, Step& step) {
  const auto found = candidacies_of_.find(session);
  if (found == candidacies_of_.end()) return;
  const std::map<std::uint64_t, std::string> all = found->second;  // a copy: they go one by one
  for (const auto& [number, name] : all) end_candidacy(session, number, step, {});
}

void Elections::on(const Cancel& body, Step& step) {
  const Refusal why = core_->check_session(body.session, step.to.node);
  if (why != Refusal::none) return step.refuse(why, body.session, body.request);
  const Standing now = *standing(body.session, body.request);
  if (now.kind == Standing::Kind::held) {
    step.effects.push_back(AlreadyGranted{step.to, body.session, body.request, now.token});
  } else {
    end_candidacy(body.session, body.request, step, step.to);
  }
}

// Of a leadership. A candidacy that still waits is none that could be released.
void Elections::on(const Release& body, Step& step) {
  Refusal why = core_->check_session(body.session, step.to.node);
  if (why == Refusal::none && standing(body.session, body.request)->kind != Standing::Kind::held)
    why = Refusal::no_such_request;
  if (why != Refusal::none) return step.refuse(why, body.session, body.request);
  end_candidacy(body.session, body.request, step, step.to);
}

Duration Elections::timer_length(TimerKind /*kind*/, Token term) const {
  const Leadership* leadership = leadership_of(term);
  if (leadership == nullptr) return Duration::zero();
  const Candidate* leader = leadership->leading();
  return leader != nullptr ? leader->min_hold : leadership->kept;
}

std::vector<RunningTimer> Elections::running_timers() const {
  std::vector<RunningTimer> running;
  for (const auto& [term, name] : led_under_) {
    if (const Duration length = timer_length(TimerKind::min_hold, term); length > Duration::zero())
      running.push_back({TimerKind::min_hold, term, length});
  }
  return running;
}

void Elections::timer_over(TimerKind kind, Token term, Step& step) {
  const auto found = led_under_.find(term);
  if (found == led_under_.end()) return;
  const std::string name = found->second;
  Leadership& leadership = state().leaderships.at(name);
  const auto leader = leadership.candidates.find(leadership.leader);
  Duration& timer = leader != leadership.candidates.end() ? leader->second.min_hold : leadership.kept;
  if (timer > Duration::zero()) step.effects.push_back(TimerEnded{kind, term});
  timer = Duration::zero();
  if (leadership.leader != LogIndex{}) return;
  led_under_.erase(found);
  leadership.term = {};
  open_.insert(name);
  changed_.insert(name);
}

bool Elections::makes_durable() const {
  return !state().leaderships.empty();
}

void Elections::on(const Depose& body, Step& step) {
  const auto it = state().leaderships.find(body.name);
  const Candidate* leader = it == state().leaderships.end() ? nullptr : it->second.leading();
  if (leader == nullptr || !COORD_RULE(depose_names_its_term, it->second.term == body.term)) {
    return step.refuse(Refusal::not_leading);
  }
  if (step.level >= 2 && !may_depose(*leader, body.uid, body.user)) {
    return step.refuse(Refusal::not_yours);
  }
  if (it->second.deposed) return;
  it->second.deposed = true;
  step.effects.push_back(StepDown{leader->session, leader->number, false});
}

}  // namespace coord::service
