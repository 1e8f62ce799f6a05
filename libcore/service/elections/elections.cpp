// Leaderships: candidates, elections, and what is written down of work done.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/machine.hpp"
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

const std::string* Machine::candidacy_of(SessionId session, std::uint64_t request) const {
  const auto of_session = candidacies_of_.find(session);
  if (of_session == candidacies_of_.end()) return nullptr;
  const auto name = of_session->second.find(request);
  return name == of_session->second.end() ? nullptr : &name->second;
}

const Candidate* Machine::candidate(SessionId session, std::uint64_t request) const {
  const std::string* name = candidacy_of(session, request);
  if (name == nullptr) return nullptr;
  for (const auto& [place, candidate] : state_.elections.leaderships.at(*name).candidates) {
    if (candidate.session == session && candidate.number == request) return &candidate;
  }
  return nullptr;
}

const Leadership* Machine::leadership_of(Token term) const {
  const auto name = led_under_.find(term);
  return name == led_under_.end() ? nullptr : &state_.elections.leaderships.at(name->second);
}

Refusal Machine::check_candidacy(const Acquire& body) const {
  const Candidacy& wish = *body.candidacy;
  const bool valid =
      body.names.size() == 1 && valid_name(body.names.front(), limits_) && body.mode == Mode::exclusive &&
      body.slots == 1 && body.inside.empty() && !body.join && body.period == Duration::zero() &&
      body.lock_delay == Duration::zero() && in_range(body.min_hold, limits_.duration_high) &&
      wish.value.size() <= limits_.value_bytes && (!wish.slot || valid_slot(*wish.slot, limits_));
  if (!valid) return Refusal::invalid;
  if (!body.open) {
    if (find_request(body.session, body.request) || candidacy_of(body.session, body.request) != nullptr)
      return Refusal::request_in_use;
    const auto mine = candidacies_of_.find(body.session);
    if (mine != candidacies_of_.end() && mine->second.size() >= limits_.requests_of_session)
      return Refusal::too_many_of_session;
  }
  if (candidates_ + state_.elections.leaderships.size() >= limits_.candidates)
    return Refusal::too_many_requests;
  return Refusal::none;
}

// Whether there is work left for it; and, if it must not wait, whether it may do it now.
Refusal Machine::check_slot(const Acquire& body, WallTime wall) const {
  const auto led = state_.elections.leaderships.find(body.names.front());
  const Leadership* leadership = led == state_.elections.leaderships.end() ? nullptr : &led->second;
  const Candidate* leader = leadership == nullptr ? nullptr : leadership->leading();
  const bool runs = leader != nullptr && same_slot(leader->wish, *body.candidacy) && !leader->completed;
  if (runs) return body.wait ? Refusal::none : Refusal::slot_running;
  if (body.candidacy->slot) {
    const auto book = state_.elections.books.find(body.names.front());
    const Refusal why = refusal_of(
        judge(book == state_.elections.books.end() ? nullptr : &book->second, *body.candidacy->slot, wall));
    if (why != Refusal::none) return why;
  }
  return leadership != nullptr && !body.wait ? Refusal::held : Refusal::none;
}

void Machine::campaign(const Acquire& body, Step& step) {
  Refusal why = body.open ? check_open(*body.open, step.to.node) : check_session(body.session, step.to.node);
  if (why == Refusal::none) why = check_candidacy(body);
  if (why == Refusal::none) why = check_user(body, step.level);
  if (why == Refusal::none) why = check_slot(body, step.wall);
  if (why == Refusal::none && !body.wait && state_.closed) why = Refusal::moving;
  const std::string& name = why == Refusal::none ? body.names.front() : std::string();
  const SlotWish* slot = body.candidacy->slot ? &*body.candidacy->slot : nullptr;
  if (why == Refusal::none && slot != nullptr)
    why = room_for(name, slot, body.open ? body.open->owner : state_.sessions.at(body.session).owner,
                   step.wall);
  if (why != Refusal::none) {
    step.effects.push_back(Refused{step.to, body.session, body.request, why, {}});
    return;
  }
  const SessionId session = body.open ? SessionId{step.index.value} : body.session;
  if (body.open) open_session(*body.open, session, step);
  Leadership& leadership = state_.elections.leaderships[name];
  leadership.candidates.emplace(
      step.index, Candidate{session, body.request, *body.candidacy, body.min_hold, step.wall, 0, false});
  candidacies_of_[session].emplace(body.request, name);
  ++candidates_;
  step.changed.insert(name);
  if (lead_next(name, leadership, step)) return;
  step.effects.push_back(Queued{step.to, session, body.request});
  const Candidate* leader = leadership.leading();
  if (leader == nullptr || leadership.deposed || !body.candidacy->preempt) return;
  if (!COORD_RULE(preempts_only_lower, body.candidacy->priority > leader->wish.priority)) return;
  leadership.deposed = true;
  step.effects.push_back(StepDown{leader->session, leader->number, true});
}

// If nobody leads: of those whose work is still to be done, the one of the highest priority, then the oldest.
bool Machine::lead_next(const std::string& name, Leadership& leadership, Step& step) {
  if (!COORD_RULE(one_leader_at_a_time, leadership.leader == LogIndex{})) return false;
  const bool kept = leadership.leader == LogIndex{} && leadership.term != Token{};
  if (!COORD_RULE(kept_shut_after_resigning, !kept)) return false;
  if (!may_grant({})) return false;
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
  leadership.term = next_token(step.index);
  leadership.leader = next->first;
  leadership.kept = {};
  leadership.deposed = false;
  led_under_.insert_or_assign(leadership.term, name);
  leader.since = step.wall;
  if (leader.wish.slot) {
    // Written down by the command that makes it leader: before anything is begun.
    write_down(name, &*leader.wish.slot, state_.sessions.at(leader.session).owner, step,
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
  step.changed.insert(name);
  return true;
}

// Candidates for work that is done, or that was tried often enough, are told so. Those who wait for the same
// slot as the leader has learn how that ends.
void Machine::settle_slots(const std::string& name, Leadership& leadership, Step& step) {
  const auto book = state_.elections.books.find(name);
  const Candidate* leader = leadership.leading();
  std::map<LogIndex, Refusal> settled;
  for (const auto& [place, candidate] : leadership.candidates) {
    if (place == leadership.leader || !candidate.wish.slot) continue;
    if (leader != nullptr && same_slot(leader->wish, candidate.wish) && !leader->completed) continue;
    const Refusal why = refusal_of(judge(book == state_.elections.books.end() ? nullptr : &book->second,
                                         *candidate.wish.slot, step.wall));
    if (why != Refusal::none) settled.emplace(place, why);
  }
  for (const auto& [place, why] : settled) {
    const Candidate gone = leadership.candidates.at(place);
    leadership.candidates.erase(place);
    forget_candidacy(gone.session, gone.number);
    step.effects.push_back(Dismissed{gone.session, gone.number, why});
    step.changed.insert(name);
  }
}

void Machine::elect_next(Step& step) {
  for (const std::string& name : std::exchange(step.open, {})) {
    const auto it = state_.elections.leaderships.find(name);
    if (it == state_.elections.leaderships.end()) continue;
    settle_slots(name, it->second, step);
    lead_next(name, it->second, step);
    if (it->second.candidates.empty() && it->second.term == Token{}) state_.elections.leaderships.erase(it);
  }
  for (const std::string& name : step.changed) step.effects.push_back(LeadershipChanged{name});
}

void Machine::forget_candidacy(SessionId session, std::uint64_t number) {
  const auto of_session = candidacies_of_.find(session);
  of_session->second.erase(number);
  if (of_session->second.empty()) candidacies_of_.erase(of_session);
  --candidates_;
}

// Of the leader, too: the name is free, unless its minimum hold has not passed.
void Machine::end_candidacy(SessionId session, std::uint64_t number, Step& step, AnswerTo to) {
  const std::string name = *candidacy_of(session, number);
  Leadership& leadership = state_.elections.leaderships.at(name);
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
  step.open.insert(name);
  step.changed.insert(name);
}

void Machine::end_candidacies(SessionId session, Step& step) {
  const auto found = candidacies_of_.find(session);
  if (found == candidacies_of_.end()) return;
  const std::map<std::uint64_t, std::string> all = found->second;  // a copy: they go one by one
  for (const auto& [number, name] : all) end_candidacy(session, number, step, {});
}

bool Machine::end_leadership_timer(Token term, Step& step) {
  const auto found = led_under_.find(term);
  if (found == led_under_.end()) return false;
  const std::string name = found->second;
  Leadership& leadership = state_.elections.leaderships.at(name);
  const auto leader = leadership.candidates.find(leadership.leader);
  Duration& timer = leader != leadership.candidates.end() ? leader->second.min_hold : leadership.kept;
  if (timer > Duration::zero()) step.effects.push_back(TimerEnded{TimerKind::min_hold, term});
  timer = Duration::zero();
  if (leadership.leader != LogIndex{}) return true;
  led_under_.erase(found);
  leadership.term = {};
  step.open.insert(name);
  step.changed.insert(name);
  return true;
}

// Whether there is room to remember it, once what is old has been forgotten. Asked before a candidate is let
// in: at its turn it is written down whatever has come since.
Refusal Machine::room_for(const std::string& name, const SlotWish* wish, const Owner& owner, WallTime wall) {
  auto& books = state_.elections.books;
  const std::string user = kept_user(owner.user);
  const auto full = [&] {
    const auto book = books.find(name);
    const bool new_book = book == books.end();
    const bool new_key = wish != nullptr && wish->period == Duration::zero() &&
                         (new_book || !book->second.slots.contains(wish->key));
    if ((new_book && books.size() >= limits_.books) ||
        (new_key &&
         (slots_.keys >= limits_.slot_keys || slots_.bytes + wish->key.size() > limits_.all_slot_bytes)))
      return Refusal::too_many_slots;
    const SlotTotals::OfUser has = slots_.of(user);
    const bool within = (!new_book || has.books < limits_.books_of_user) &&
                        (!new_key || has.keys < limits_.slot_keys_of_user);
    return owner.uid == 0 || COORD_RULE(slots_of_user_bounded, within) ? Refusal::none
                                                                       : Refusal::too_many_slots_of_user;
  };
  if (full() == Refusal::too_many_slots) {
    forget_old(books, wall);
    // Of names without slots only a time is known: that of the one who was here the longest ago goes.
    auto oldest = books.end();
    for (auto it = books.begin(); books.size() >= limits_.books && it != books.end(); ++it) {
      if (it->second.remembers_slots()) continue;
      if (oldest == books.end() || it->second.touched < oldest->second.touched) oldest = it;
    }
    if (oldest != books.end() && oldest->first != name) books.erase(oldest);
    slots_ = totals(books);
  }
  if (full() == Refusal::too_many_slots_of_user) forget_of_user(user, name, wall);
  return full();
}

// As above, of what this user has begun.
void Machine::forget_of_user(const std::string& user, const std::string& name, WallTime wall) {
  auto& books = state_.elections.books;
  forget_old(books, wall);
  slots_ = totals(books);
  auto oldest = books.end();
  for (auto it = books.begin(); it != books.end(); ++it) {
    if (it->second.remembers_slots() || it->second.user != user) continue;
    if (oldest == books.end() || it->second.touched < oldest->second.touched) oldest = it;
  }
  if (slots_.of(user).books < limits_.books_of_user || oldest == books.end() || oldest->first == name) return;
  books.erase(oldest);
  slots_ = totals(books);
}

void Machine::write_down(const std::string& name, const SlotWish* slot, const Owner& owner, const Step& step,
                         const std::function<void(SlotBook&)>& change) {
  const std::string user = step.level < 2 ? std::string() : kept_user(owner.user);
  const auto [at, is_new] = state_.elections.books.try_emplace(name);
  SlotBook& book = at->second;
  if (is_new) {
    book.user = user;
    ++slots_.of_user[user].books;
  }
  const std::size_t keys = book.slots.size();
  change(book);
  book.touched = step.index;
  if (book.slots.size() == keys) return;
  book.slots.at(slot->key).user = user;
  ++slots_.of_user[user].keys;
  ++slots_.keys;
  slots_.bytes += slot->key.size();
}

void Machine::on(const Complete& body, Step& step) {
  Refusal why = check_session(body.session, step.to.node);
  const std::string* name = why == Refusal::none ? candidacy_of(body.session, body.request) : nullptr;
  if (why == Refusal::none &&
      (name == nullptr || !COORD_RULE(only_the_leader_completes,
                                      standing(body.session, body.request).kind == Standing::Kind::held)))
    why = Refusal::not_leading;
  const SlotWish* slot = nullptr;
  if (why == Refusal::none) {
    const Candidate* done = candidate(body.session, body.request);
    if (done->wish.slot) slot = &*done->wish.slot;
    why = room_for(*name, slot, state_.sessions.at(body.session).owner, step.wall);
  }
  if (why != Refusal::none) {
    step.effects.push_back(Refused{step.to, body.session, body.request, why, {}});
    return;
  }
  write_down(*name, slot, state_.sessions.at(body.session).owner, step, [&](SlotBook& book) {
    complete(book, slot,
             Completion{step.wall, slot != nullptr ? slot->key : std::string(),
                        state_.sessions.at(body.session).owner.host});
  });
  for (auto& [place, candidate] : state_.elections.leaderships.at(*name).candidates) {
    if (candidate.session == body.session && candidate.number == body.request) candidate.completed = true;
  }
  step.open.insert(*name);
  step.changed.insert(*name);
}

void Machine::on(const Depose& body, Step& step) {
  const auto it = state_.elections.leaderships.find(body.name);
  const Candidate* leader = it == state_.elections.leaderships.end() ? nullptr : it->second.leading();
  if (leader == nullptr || !COORD_RULE(depose_names_its_term, it->second.term == body.term)) {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::not_leading, {}});
    return;
  }
  if (step.level >= 2 && !may_depose(*leader, body.uid, body.user)) {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::not_yours, {}});
    return;
  }
  if (it->second.deposed) return;
  it->second.deposed = true;
  step.effects.push_back(StepDown{leader->session, leader->number, false});
}

// Whoever leads by an enrolment decides what runs where: other users of the host may not end that.
bool Machine::may_change(const std::string& name, NodeId node, std::uint32_t uid,
                         const std::string& user) const {
  const auto known = state_.elections.enrolled.find(name);
  if (known == state_.elections.enrolled.end()) return true;
  const auto here = known->second.find(node);
  if (here == known->second.end()) return true;
  return COORD_RULE(enrolment_is_its_users, uid == 0 || user == here->second.user);
}

void Machine::on(const Enroll& body, Step& step) {
  auto& enrolled = state_.elections.enrolled;
  std::size_t all = 0;
  for (const auto& [name, nodes] : enrolled) all += nodes.size();
  const auto known = enrolled.find(body.name);
  const bool is_new = known == enrolled.end() || !known->second.contains(step.to.node);
  Refusal why = Refusal::none;
  if (!valid_name(body.name, limits_) || body.as.value.size() > limits_.value_bytes ||
      body.as.user.size() > limits_.owner_bytes)
    why = Refusal::invalid;
  if (is_new && all >= limits_.enrolments) why = Refusal::too_many_names;
  if (step.level >= 2 && !may_use(body.name, body.as.uid, body.as.user)) why = Refusal::not_yours;
  if (!may_change(body.name, step.to.node, body.as.uid, body.as.user)) why = Refusal::other_users_enrolment;
  if (why != Refusal::none) {
    step.effects.push_back(Refused{step.to, {}, 0, why, {}});
    return;
  }
  enrolled[body.name].insert_or_assign(step.to.node, body.as);
  step.changed.insert(body.name);
}

void Machine::on(const Withdraw& body, Step& step) {
  if (!may_change(body.name, step.to.node, body.uid, body.user)) {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::other_users_enrolment, {}});
    return;
  }
  const auto found = state_.elections.enrolled.find(body.name);
  if (found == state_.elections.enrolled.end() || found->second.erase(step.to.node) == 0) {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::not_enrolled, {}});
    return;
  }
  if (found->second.empty()) state_.elections.enrolled.erase(found);
  step.changed.insert(body.name);
}

}  // namespace coord::service
