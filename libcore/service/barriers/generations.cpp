// SPDX-License-Identifier: MIT
#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/barriers/change.hpp"

namespace coord::service {

namespace {

constexpr std::size_t longest_host = 64;
constexpr std::size_t longest_user = 255;

// Whose an arrival is, is kept where the group's snapshots can carry it.
std::string user_of(const Arrive& body, Level level) {
  return level < 2 ? std::string() : body.open.owner.user.substr(0, longest_user);
}

Arrival arrival_of(const Arrive& body, SessionId session, const Barriers::Change& change) {
  return Arrival{.session = session,
                 .key = body.key,
                 .host = body.open.owner.host.substr(0, longest_host),
                 .command = body.command,
                 .break_on_death = body.break_on_death,
                 .late = false,
                 .lost = false,
                 .at = change.wall,
                 .status = {},
                 .run = {},
                 .user = user_of(body, change.level)};
}

constexpr std::int32_t status_of_the_lost = 3;

}  // namespace

// ---- arriving

Refusal Barriers::check(const Arrive& body) const {
  const BarrierTerms& terms = body.terms;
  const auto good_id = [&](const std::string& id) {
    return valid_name(id, core_->limits()) && id.size() <= core_->limits().participant_bytes;
  };
  const bool sorted = std::ranges::adjacent_find(terms.expect, std::greater_equal<>()) == terms.expect.end();
  const bool valid = valid_name(body.name, core_->limits()) && good_id(body.id) && terms.count >= 1 &&
                     terms.count <= core_->limits().participants && terms.quorum <= terms.count &&
                     terms.after >= Duration::zero() && terms.after <= core_->limits().duration_high &&
                     (terms.quorum > 0 || terms.after == Duration::zero()) &&
                     (!terms.in_turn || (body.command && terms.quorum == 0)) &&
                     !(body.fail && (body.command || terms.quorum > 0)) &&
                     body.why.size() <= (body.fail ? core_->limits().why_bytes : 0) &&
                     terms.expect.size() <= terms.count && sorted &&
                     bytes_of_names(terms.expect) <= core_->limits().expect_bytes &&
                     std::ranges::all_of(terms.expect, good_id);
  return valid ? Refusal::none : Refusal::invalid;
}

Barriers::Arrived Barriers::arrive(Change& change, const Arrive& body, SessionId session) {
  if (const Refusal why = check(body); why != Refusal::none) return {why, 0};
  const auto found = change.state.barriers.find(body.name);
  const bool is_new = found == change.state.barriers.end();
  if (!is_new) {
    if (const auto same = same_arrival(change, *found, body, session)) return *same;
  }
  // It is in none that is kept. Whether it was in one that is not, nobody can tell:
  // it might be counted twice.
  const std::uint64_t last = change.state.last_of(body.name);
  const bool was_in_none =
      body.generation > last || (!is_new && found->second.keeps_all(body.generation, last));
  if (!COORD_RULE(barrier_arrives_in_one, body.generation == 0 || was_in_none))
    return {Refusal::generation_over, 0};
  if (is_new) return join(change, body, session);
  Place& barrier = *found;
  for (const auto& [number, generation] : barrier.second.generations) {
    const auto other = generation.arrivals.find(body.id);
    const bool there = other != generation.arrivals.end() && other->second.session != SessionId{};
    if (!COORD_RULE(barrier_one_of_each_id, !there)) return {Refusal::id_in_use, 0};
  }
  if (late(change, barrier, body, session)) return {Refusal::none, barrier.second.last};
  return join(change, body, session);
}

// It has arrived before, and asks again because it does not know what became of that.
std::optional<Barriers::Arrived> Barriers::same_arrival(Change& change, Place& barrier, const Arrive& body,
                                                        SessionId session) {
  for (auto& [number, generation] : barrier.second.generations) {
    const auto found = generation.arrivals.find(body.id);
    if (found == generation.arrivals.end() ||
        !COORD_RULE_OR(barrier_same_arrival_is_one, found->second.key == body.key, false))
      continue;
    Arrival& arrival = found->second;
    const bool waits = !generation.over() && !arrival.late && !arrival.lost &&
                       (generation.stage == GenerationStage::gathering || arrival.command);
    if (arrival.session != SessionId{}) {
      change.leavers.push_back(arrival.session);
      seats_.erase(arrival.session);
    }
    arrival.session = waits ? session : SessionId{};
    if (waits) {
      seats_.insert_or_assign(session, Seat{barrier.first, body.id, number});
    } else {
      change.leavers.push_back(session);
    }
    if (generation.stage != GenerationStage::gathering)
      change.effects.push_back(BarrierMoved{barrier.first, number, generation, {session}});
    return Arrived{Refusal::none, number};
  }
  return std::nullopt;
}

// One of those without whom the latest generation was released, or has failed: it belongs there, not to the
// next one.
bool Barriers::late(Change& change, Place& barrier, const Arrive& body, SessionId session) {
  const auto latest = barrier.second.generations.find(barrier.second.last);
  if (latest == barrier.second.generations.end()) return false;
  Generation& generation = latest->second;
  const bool took_part = generation.arrivals.contains(body.id);
  // Who failed said nothing but the count, and who is told of it asks for no place.
  const bool same = generation.failed() || body.fail ? generation.terms.count == body.terms.count
                                                     : generation.terms == body.terms;
  if (!generation.late_open || !same || !COORD_RULE(barrier_early_is_not_late, !took_part)) return false;
  if (!generation.failed() && fits(generation, body) != Refusal::none) return false;
  Arrival arrival = arrival_of(body, SessionId{}, change);
  arrival.late = true;
  const std::size_t bytes = bytes_of(body.id, arrival);
  const bool idle = barrier.second.idle_since != LogIndex{};
  generation.arrivals.insert_or_assign(body.id, std::move(arrival));
  bytes_ += bytes;
  if (idle) idle_bytes_ += bytes;
  change.leavers.push_back(session);
  change.effects.push_back(BarrierMoved{barrier.first, latest->first, generation, {session}});
  if (generation.arrivals.size() >= generation.terms.count) close_late(change, generation);
  return true;
}

Refusal Barriers::fits(const Generation& generation, const Arrive& body) const {
  const bool same = body.fail ? generation.terms.count == body.terms.count : generation.terms == body.terms;
  if (!COORD_RULE(barrier_terms_are_fixed, same)) return Refusal::terms_differ;
  const std::vector<std::string>& expect = generation.terms.expect;
  if (std::ranges::binary_search(expect, body.id)) return Refusal::none;
  std::size_t others = 0;
  for (const auto& [id, arrival] : generation.arrivals)
    others += std::ranges::binary_search(expect, id) ? 0 : 1;
  const bool room = expect.empty() || others < generation.terms.count - expect.size();
  return COORD_RULE(barrier_expected_have_their_places, room) ? Refusal::none : Refusal::not_expected;
}

Barriers::Arrived Barriers::join(Change& change, const Arrive& body, SessionId session) {
  auto found = change.state.barriers.find(body.name);
  const bool is_new = found == change.state.barriers.end();
  const Generation* gathering = is_new ? nullptr : found->second.gathering();
  Generation fresh{.place = change.index, .terms = body.terms};
  const Generation& target = gathering != nullptr ? *gathering : fresh;
  if (const Refusal why = fits(target, body); why != Refusal::none) return {why, 0};
  const Arrival arrival = arrival_of(body, session, change);
  const std::size_t bytes = bytes_of(body.id, arrival) + (gathering != nullptr ? 0 : bytes_of(fresh)) +
                            (is_new ? body.name.size() : 0);
  if (bytes_ - idle_bytes_ + bytes > core_->limits().all_barrier_bytes ||
      (is_new && change.state.barriers.size() - idle_.size() >= core_->limits().barriers))
    return {Refusal::too_many_barriers, 0};
  const std::string user = user_of(body, change.level);
  const bool begins = is_new || found->second.idle_since != LogIndex{};
  const auto used = used_by_.find(user);
  const std::size_t has = used == used_by_.end() ? 0 : used->second;
  if (begins && body.open.owner.uid != 0 &&
      !COORD_RULE(barriers_of_user_bounded, has < core_->limits().barriers_of_user))
    return {Refusal::too_many_barriers_of_user, 0};

  if (is_new) {
    found = change.state.barriers.emplace(body.name, Barrier{}).first;
    found->second.last = change.state.forgotten;
  }
  Place& barrier = *found;
  if (begins) {
    barrier.second.user = user;
    ++used_by_[user];
  }
  if (barrier.second.idle_since != LogIndex{}) {
    idle_.erase({barrier.second.idle_since, barrier.first});
    idle_bytes_ -= bytes_of(barrier.first, barrier.second);
    barrier.second.idle_since = LogIndex{};
  }
  const std::uint64_t number = barrier.second.last + 1;
  Generation& generation = barrier.second.generations.emplace(number, fresh).first->second;
  if (gathering == nullptr) {
    by_place_.emplace(generation.place, std::pair(barrier.first, number));
    generation.after_over = body.terms.after == Duration::zero();
    if (!generation.after_over)
      change.effects.push_back(TimerStarted{TimerKind::barrier_after, generation.timer(), body.terms.after});
  }
  generation.arrivals.insert_or_assign(body.id, arrival);
  seats_.insert_or_assign(session, Seat{barrier.first, body.id, number});
  bytes_ += bytes;
  const GenerationRef ref{barrier, number, generation};
  if (COORD_RULE_OR(barrier_failed_breaks, body.fail, false)) {
    fail(change, ref, body);
  } else {
    release_if_complete(change, ref, body.id);
  }
  return {Refusal::none, number};
}

// ---- release and end

void Barriers::release_if_complete(Change& change, GenerationRef ref, const std::string& trigger) {
  Generation& generation = ref.generation;
  const BarrierTerms& terms = generation.terms;
  const std::size_t there = generation.arrivals.size();
  const bool all = there >= COORD_RULE_OR(barrier_needs_all, terms.count, std::max(terms.count, 2U) - 1);
  const bool quorum = terms.quorum > 0 && there >= terms.quorum &&
                      COORD_RULE(barrier_quorum_after_its_delay, generation.after_over);
  if (!all && !quorum) return;
  stop_delay(change, generation);
  const auto before = ref.barrier.second.generations.find(ref.barrier.second.last);
  if (before != ref.barrier.second.generations.end()) close_late(change, before->second);
  generation.stage = GenerationStage::released;
  generation.trigger = trigger;
  generation.released_at = change.wall;
  ref.barrier.second.last = ref.number;
  generation.late_open = there < terms.count;
  if (generation.late_open)
    change.effects.push_back(
        TimerStarted{TimerKind::barrier_late, generation.timer(), core_->limits().late_window});
  if (terms.in_turn) generation.turn = generation.arrivals.begin()->first;
  dismiss(change, ref, generation.over());
  tidy(change, ref.barrier);
}

void Barriers::end_if_over(Change& change, GenerationRef ref) {
  if (!ref.generation.over()) return;
  dismiss(change, ref, true);
  tidy(change, ref.barrier);
}

void Barriers::break_up(Change& change, GenerationRef ref, const std::string& by, BreakCause cause) {
  Generation& generation = ref.generation;
  if (generation.stage == GenerationStage::gathering) {
    stop_delay(change, generation);
    ref.barrier.second.last = ref.number;
  }
  close_late(change, generation);
  generation.stage = GenerationStage::broken;
  generation.trigger = by;
  generation.turn.clear();
  if (change.level >= 2) generation.cause = cause;
  dismiss(change, ref, true);
}

// Tells all that are in the generation, and lets those go who have nothing more to wait for.
void Barriers::dismiss(Change& change, GenerationRef ref, bool with_commands) {
  std::vector<SessionId> sessions;
  for (auto& [id, arrival] : ref.generation.arrivals) {
    if (arrival.session == SessionId{}) continue;
    sessions.push_back(arrival.session);
    if (arrival.command && !with_commands) continue;
    change.leavers.push_back(arrival.session);
    seats_.erase(arrival.session);
    arrival.session = SessionId{};
  }
  if (!COORD_RULE_OR(barrier_wakes_everybody, true, false) && !sessions.empty()) sessions.pop_back();
  if (sessions.empty()) return;
  change.effects.push_back(BarrierMoved{ref.barrier.first, ref.number, ref.generation, std::move(sessions)});
}

// ---- leaving

Barriers::GenerationRef Barriers::generation_at(Change& change, const Seat& seat) const {
  Place& barrier = *change.state.barriers.find(seat.name);
  return {barrier, seat.number, barrier.second.generations.at(seat.number)};
}

void Barriers::leave(Change& change, SessionId session, bool died) {
  const auto found = seats_.find(session);
  if (found == seats_.end()) return;
  const Seat seat = found->second;
  seats_.erase(found);
  const GenerationRef ref = generation_at(change, seat);
  Generation& generation = ref.generation;
  Arrival& arrival = generation.arrivals.at(seat.id);
  arrival.session = SessionId{};
  if (generation.stage != GenerationStage::gathering) {
    if (!arrival.running()) return;
    arrival.lost = true;
    if (COORD_RULE_OR(barrier_lost_command_is_over, true, false)) arrival.status = status_of_the_lost;
    return command_over(change, ref, seat.id);
  }
  const bool breaks =
      died && std::ranges::any_of(generation.arrivals, [](const auto& a) { return a.second.break_on_death; });
  if (COORD_RULE_OR(barrier_breaks_on_death, breaks, false)) {
    break_up(change, ref, seat.id, BreakCause::died);
  } else if (COORD_RULE_OR(barrier_dead_do_not_count, true, false)) {
    bytes_ -= bytes_of(seat.id, arrival);
    generation.arrivals.erase(seat.id);
    if (generation.arrivals.empty()) {
      stop_delay(change, generation);
      erase(ref.barrier, ref.number);
    }
  }
  tidy(change, ref.barrier);
}

bool Barriers::finish(Change& change, const Finish& body) {
  const Seat* seat = this->seat(body.session);
  if (seat == nullptr) return false;
  const GenerationRef ref = generation_at(change, *seat);
  const std::string id = seat->id;
  Arrival& arrival = ref.generation.arrivals.at(id);
  const bool may_run = !ref.generation.terms.in_turn || ref.generation.turn == id;
  if (ref.generation.stage != GenerationStage::released || !arrival.running() || !may_run) return false;
  arrival.status = body.status;
  arrival.run = body.run;
  command_over(change, ref, id);
  return true;
}

bool Barriers::reset(Change& change, const std::string& name) {
  const auto found = change.state.barriers.find(name);
  if (found == change.state.barriers.end()) return false;
  if (found->second.idle_since != LogIndex{} && found->second.failure() == nullptr) return false;
  for (auto& [number, generation] : found->second.generations) {
    if (!generation.over()) break_up(change, {*found, number, generation}, "", BreakCause::reset);
    close_late(change, generation);
  }
  tidy(change, *found);
  return true;
}

void Barriers::timer_over(Change& change, TimerKind kind, LogIndex of) {
  if (timer_length(kind, Token{of.value}) == Duration::zero()) return;
  const auto& [name, number] = by_place_.at(of);
  Place& barrier = *change.state.barriers.find(name);
  Generation& generation = barrier.second.generations.at(number);
  if (kind == TimerKind::barrier_late) return close_late(change, generation);
  stop_delay(change, generation);
  generation.after_over = true;
  release_if_complete(change, {barrier, number, generation}, "");
}

}  // namespace coord::service
