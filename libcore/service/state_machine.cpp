// SPDX-License-Identifier: MIT
// Dispatch, exactly once, tokens, queries. Sessions: sessions.cpp. The rest: the families' folders.
#include "service/state_machine.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::service {

namespace {

constexpr std::uint64_t token_end = std::uint64_t{1} << 53U;
// Bases and floors stay below half of it: 2^52 grants are left after the highest of them.
constexpr std::uint64_t token_start_end = std::uint64_t{1} << 52U;

// Unix seconds x 2^20: a group founded anew (its state was wiped) starts above all tokens of the
// old one unless that gave more than a million a second, or was alive less than tokens_ahead ago and had
// reserved that many more. The clock of the founding peer may be wrong: then only this is weaker.
Token base_from(WallTime wall) {
  const std::int64_t seconds = wall.unix_ns / 1'000'000'000;
  const std::int64_t most = static_cast<std::int64_t>(token_start_end >> 20U) - 1;
  return Token{static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 0, most)) << 20U};
}

// The answer among the effects, as it is kept for a client that did not see it.
Outcome outcome_of(const Effects& effects, AnswerTo to) {
  Outcome outcome{.kind = OutcomeKind::done};
  for (const Effect& effect : effects) {
    std::visit(
        [&]<class T>(const T& answer) {
          if constexpr (contains<Answers, T>) {
            if (answer.to == to) outcome = answer.outcome();
          }
        },
        effect);
  }
  return outcome;
}

// Made by the leader, or by a process that the group does not know yet: each carries what it saw and is void
// if that has changed.
using GuardThemselves =
    Types<Register, Expire, TimerOver, TokenFloor, Shut, Forget, KeepVoters, Move, Replacing>;

template <class F>
constexpr bool may_own(TimerKind kind) {
  return std::ranges::find(F::timers, kind) != F::timers.end();
}

}  // namespace

StateMachine& StateMachine::operator=(const StateMachine& other) {
  Core::operator=(other);
  families_ = other.families_;
  bind();
  return *this;
}

StateMachine& StateMachine::operator=(StateMachine&& other) noexcept {
  Core::operator=(std::move(other));
  families_ = std::move(other.families_);
  bind();
  return *this;
}

void StateMachine::bind() {
  each([&](auto& family) { family.bind(*this); });
}

Effects StateMachine::apply(LogIndex index, const Command& command) {
  COORD_CHECK(index > state_.applied);
  if (state_.applied == LogIndex{}) state_.token_base = base_from(command.wall);  // once, even if it is 0
  state_.applied = index;
  Step step{index, state_.level, AnswerTo{command.node, command.client, command.sequence}, command.wall, {}};
  dispatch(command, step);
  each([&](auto& family) { family.settle(step); });
  return std::move(step.effects);
}

void StateMachine::dispatch(const Command& command, Step& step) {
  std::visit(
      [&]<class Kind>(const Kind& body) {
        if constexpr (contains<GuardThemselves, Kind>) {
          step.to = {};
          on(body, step);
        } else if (Registration* registration = begin_once(command, step)) {
          hand_on(body, step);
          registration->applied.insert_or_assign(command.sequence, outcome_of(step.effects, step.to));
        }
      },
      command.body);
}

// To the core; or to the family that takes it, else to the one whose it is.
template <class Kind>
void StateMachine::hand_on(const Kind& body, Step& step) {
  if constexpr (contains<CoreCommands, Kind>) {
    on(body, step);
  } else {
    bool taken = false;
    each([&]<class F>(F& family) {
      if constexpr (contains<typename F::Shares, Kind>) {
        if (taken || !family.takes(body)) return;
        taken = true;
        family.on(body, step);
      }
    });
    if (taken) return;
    each([&]<class F>(F& family) {
      if constexpr (contains<typename F::Commands, Kind>) family.on(body, step);
    });
  }
}

// Whether the command is to take effect: the registration to note it in, or null and
// the reason among the effects.
Registration* StateMachine::begin_once(const Command& command, Step& step) {
  const auto it = state_.registrations.find(command.node);
  if (it == state_.registrations.end() || command.client.value == 0 || command.sequence == 0 ||
      !COORD_RULE(stale_client_void, it->second.client == command.client)) {
    step.effects.push_back(Stale{step.to});
    return nullptr;
  }
  Registration& registration = it->second;
  const std::uint64_t acknowledged = std::min(command.acknowledged, command.sequence - 1);
  if (acknowledged > registration.settled) {
    registration.settled = acknowledged;
    registration.applied.erase(registration.applied.begin(), registration.applied.upper_bound(acknowledged));
  }
  const bool is_new =
      command.sequence > registration.settled && !registration.applied.contains(command.sequence);
  if (!COORD_RULE(retried_command_once, is_new)) {
    step.effects.push_back(Duplicate{step.to});
    return nullptr;
  }
  if (is_new && command.sequence - registration.settled > limits_.window) {
    step.refuse(Refusal::too_far_ahead);
    return nullptr;
  }
  return &registration;
}

void StateMachine::on(const TokenFloor& body, Step&) {
  if (body.token.value >= token_start_end) return;
  state_.last_token =
      COORD_RULE_OR(floor_respected, std::max(state_.last_token, body.token), state_.last_token);
}

Token Core::next_token(LogIndex index) {
  const Token by_place{state_.token_base.value + index.value};
  const Token after_last{state_.last_token.value + 1};
  const Token token = COORD_RULE_OR(token_strictly_increases, std::max(by_place, after_last), by_place);
  COORD_CHECK(token.value < token_end);
  state_.last_token = token;
  return token;
}

// What is left is more than all requests that wait to reserve some can take.
bool Core::may_reserve_tokens(std::uint64_t count) const {
  return state_.last_token.value + count < token_start_end;
}

std::uint64_t Core::room_by_clock(WallTime wall) const {
  const std::uint64_t reached = std::max(state_.token_base, base_from(wall)).value + tokens_ahead;
  const std::uint64_t last = state_.last_token.value;
  return reached > last ? reached - last : 0;
}

std::uint64_t Core::most_reserved(std::size_t times, std::uint64_t least, std::uint64_t most,
                                  WallTime wall) const {
  return std::min(times * most, room_by_clock(wall) + times * least);
}

// Who reserves again and again would bring the tokens ahead of Unix seconds x 2^20, by which a group that is
// founded anew goes.
std::uint64_t Core::reserve_tokens(std::uint64_t least, std::uint64_t most, WallTime wall) {
  const std::uint64_t count =
      COORD_RULE_OR(tokens_do_not_outrun_the_clock, std::clamp(room_by_clock(wall), least, most), most);
  state_.last_token.value += COORD_RULE_OR(tokens_of_an_epoch_are_reserved, count, std::uint64_t{0});
  COORD_CHECK(state_.last_token.value < token_end);
  return count;
}

Effects StateMachine::apply_voters(LogIndex index, const std::vector<NodeId>& voters) {
  if (state_.level < 2 || index <= state_.applied || state_.applied == LogIndex{}) return {};
  for (const NodeId voter : voters)
    if (const auto found = state_.registrations.find(voter); found != state_.registrations.end())
      found->second.voted = true;
  Step step{index, state_.level, {}, {}, {}};
  std::get<Locks>(families_).voters_are(voters, step);
  if (step.effects.empty()) return {};
  each([&](auto& family) { family.settle(step); });
  return std::move(step.effects);
}

void StateMachine::on(const TimerOver& body, Step& step) {
  each([&]<class F>(F& family) {
    if (may_own<F>(body.kind)) family.timer_over(body.kind, body.token, step);
  });
}

ClientId StateMachine::registration(NodeId node) const {
  const auto it = state_.registrations.find(node);
  return it == state_.registrations.end() ? ClientId{} : it->second.client;
}

Outcome StateMachine::outcome(NodeId node, ClientId client, std::uint64_t sequence) const {
  const auto it = state_.registrations.find(node);
  if (it == state_.registrations.end() || it->second.client != client) return {.kind = OutcomeKind::stale};
  if (sequence <= it->second.settled) return {.kind = OutcomeKind::forgotten};
  const auto found = it->second.applied.find(sequence);
  return found == it->second.applied.end() ? Outcome{} : found->second;
}

Standing StateMachine::standing(SessionId session, std::uint64_t request) const {
  if (!state_.sessions.contains(session)) return {Standing::Kind::no_session, {}};
  std::optional<Standing> found;
  each([&](const auto& family) {
    if (!found) found = family.standing(session, request);
  });
  return found.value_or(Standing{Standing::Kind::no_request, {}});
}

bool StateMachine::is_asked(SessionId session, std::uint64_t request) const {
  bool asked = false;
  each([&](const auto& family) { asked = asked || family.standing(session, request); });
  return asked;
}

std::vector<SessionId> StateMachine::sessions_of(NodeId node) const {
  std::vector<SessionId> result;
  for (const auto& [id, session] : state_.sessions) {
    if (session.node == node) result.push_back(id);
  }
  return result;
}

bool StateMachine::timer_runs(TimerKind kind, Token token) const {
  bool runs = false;
  each([&]<class F>(const F& family) {
    runs = runs || (may_own<F>(kind) && family.timer_length(kind, token) > Duration::zero());
  });
  return runs;
}

std::vector<RunningTimer> StateMachine::running_timers() const {
  std::vector<RunningTimer> running;
  each([&](const auto& family) {
    const std::vector<RunningTimer> own = family.running_timers();
    running.insert(running.end(), own.begin(), own.end());
  });
  return running;
}

bool StateMachine::busy() const {
  bool busy = !state_.sessions.empty();
  each([&](const auto& family) { busy = busy || family.busy(); });
  return busy;
}

bool StateMachine::makes_durable() const {
  bool durable = false;
  each([&](const auto& family) { durable = durable || family.makes_durable(); });
  return durable;
}

// Sessions and what keeps them alive add nothing.
Nature nature_of(const Body& body) {
  Nature nature;
  std::visit(
      [&]<class Kind>(const Kind& of) {
        for_each_family([&]<class F>() {
          if constexpr (contains<Join<typename F::Commands, typename F::Shares>, Kind>) {
            const Nature own = F::nature(of);
            nature = {.grows = nature.grows || own.grows,
                      .durable = nature.durable || own.durable,
                      .operators = nature.operators || own.operators};
          }
        });
      },
      body);
  return nature;
}

}  // namespace coord::service
