// Dispatch, exactly once, tokens, queries. Sessions: sessions.cpp. Locks: locks/locks.cpp.
// Barriers: barriers/barriers.cpp.
#include "service/machine.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::service {

namespace {

constexpr std::uint64_t token_end = std::uint64_t{1} << 53U;
// Bases and floors stay below half of it: 2^52 grants are left after the highest of them.
constexpr std::uint64_t token_start_end = std::uint64_t{1} << 52U;

// Unix seconds x 2^20: a group founded anew (its state was wiped) starts above all tokens of the old one
// unless that gave more than a million a second. The clock of the founding peer may be wrong: then only this
// is weaker.
Token base_from(WallTime wall) {
  const std::int64_t seconds = wall.unix_ns / 1'000'000'000;
  const std::int64_t most = static_cast<std::int64_t>(token_start_end >> 20U) - 1;
  return Token{static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 0, most)) << 20U};
}

template <class T>
constexpr OutcomeKind outcome_kind = OutcomeKind::done;
template <>
constexpr OutcomeKind outcome_kind<Granted> = OutcomeKind::granted;
template <>
constexpr OutcomeKind outcome_kind<Queued> = OutcomeKind::queued;
template <>
constexpr OutcomeKind outcome_kind<Refused> = OutcomeKind::refused;
template <>
constexpr OutcomeKind outcome_kind<Cancelled> = OutcomeKind::cancelled;
template <>
constexpr OutcomeKind outcome_kind<AlreadyGranted> = OutcomeKind::already_granted;
template <>
constexpr OutcomeKind outcome_kind<Released> = OutcomeKind::released;
template <>
constexpr OutcomeKind outcome_kind<Closed> = OutcomeKind::closed;
template <>
constexpr OutcomeKind outcome_kind<Renewed> = OutcomeKind::renewed;
template <>
constexpr OutcomeKind outcome_kind<BarrierArrived> = OutcomeKind::arrived;
template <>
constexpr OutcomeKind outcome_kind<BarrierDeparted> = OutcomeKind::departed;
template <>
constexpr OutcomeKind outcome_kind<BarrierStays> = OutcomeKind::stays;

// The answer among the effects, as it is kept for a client that did not see it.
Outcome outcome_of(const Effects& effects, AnswerTo to) {
  Outcome outcome{.kind = OutcomeKind::done};
  for (const Effect& effect : effects) {
    std::visit(
        [&]<class T>(const T& answer) {
          if constexpr (outcome_kind<T> != OutcomeKind::done) {
            if (answer.to != to) return;
            outcome.kind = outcome_kind<T>;
            if constexpr (std::is_same_v<T, Refused>) outcome.why = answer.why;
            if constexpr (std::is_same_v<T, Refused>) outcome.cycle = answer.cycle;
            if constexpr (requires { answer.session; }) outcome.session = answer.session;
            if constexpr (requires { answer.request; }) outcome.request = answer.request;
            if constexpr (requires { answer.token; }) outcome.token = answer.token;
            if constexpr (std::is_same_v<T, BarrierArrived>) outcome.token = Token{answer.generation};
          }
        },
        effect);
  }
  return outcome;
}

}  // namespace

Effects Machine::apply(LogIndex index, const Command& command) {
  COORD_CHECK(index > state_.applied);
  if (state_.applied == LogIndex{}) state_.token_base = base_from(command.wall);  // once, even if it is 0
  state_.applied = index;
  Step step{index,
            state_.level,
            AnswerTo{command.node, command.client, command.sequence},
            command.wall,
            {},
            {},
            {},
            {},
            {},
            {}};
  dispatch(command, step);
  grant_next(step);
  end_deadlocks(step);
  elect_next(step);
  return std::move(step.effects);
}

void Machine::dispatch(const Command& command, Step& step) {
  std::visit(
      [&]<class Body>(const Body& body) {
        constexpr bool guards_itself = std::is_same_v<Body, Register> || std::is_same_v<Body, Expire> ||
                                       std::is_same_v<Body, TimerOver> || std::is_same_v<Body, TokenFloor> ||
                                       std::is_same_v<Body, Shut>;
        if constexpr (guards_itself) {
          step.to = {};
          on(body, step);
        } else if (Registration* registration = begin_once(command, step)) {
          on(body, step);
          registration->applied.insert_or_assign(command.sequence, outcome_of(step.effects, step.to));
        }
      },
      command.body);
}

// Whether the command is to take effect: the registration to note it in, or null and the reason among the
// effects.
Registration* Machine::begin_once(const Command& command, Step& step) {
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
    step.effects.push_back(
        Refused{.to = step.to, .session = {}, .request = 0, .why = Refusal::too_far_ahead, .cycle = {}});
    return nullptr;
  }
  return &registration;
}

void Machine::on(const Register& body, Step& step) {
  const ClientId current = registration(body.node);
  const auto it = state_.registrations.find(body.node);
  if (it != state_.registrations.end() && it->second.nonce == body.nonce) {
    step.effects.push_back(Registered{body.node, body.nonce, current});
    return;
  }
  const bool full = it == state_.registrations.end() && state_.registrations.size() >= limits_.nodes;
  const bool below = COORD_RULE_OR(registers_at_level, body.knows < step.level, false);
  if (body.node.value == 0 || full || below || !COORD_RULE(late_register_void, body.replaces == current)) {
    step.effects.push_back(NotRegistered{body.node, body.nonce, current});
    return;
  }
  const ClientId client{step.index.value};
  state_.registrations.insert_or_assign(body.node, Registration{client, body.nonce, 0, {}, body.knows});
  step.effects.push_back(Registered{body.node, body.nonce, client});
}

void Machine::on(const TokenFloor& body, Step&) {
  if (body.token.value >= token_start_end) return;
  state_.last_token =
      COORD_RULE_OR(floor_respected, std::max(state_.last_token, body.token), state_.last_token);
}

Token Machine::next_token(LogIndex index) {
  const Token by_place{state_.token_base.value + index.value};
  const Token after_last{state_.last_token.value + 1};
  const Token token = COORD_RULE_OR(token_strictly_increases, std::max(by_place, after_last), by_place);
  COORD_CHECK(token.value < token_end);
  state_.last_token = token;
  return token;
}

ClientId Machine::registration(NodeId node) const {
  const auto it = state_.registrations.find(node);
  return it == state_.registrations.end() ? ClientId{} : it->second.client;
}

Outcome Machine::outcome(NodeId node, ClientId client, std::uint64_t sequence) const {
  const auto it = state_.registrations.find(node);
  if (it == state_.registrations.end() || it->second.client != client) return {.kind = OutcomeKind::stale};
  if (sequence <= it->second.settled) return {.kind = OutcomeKind::forgotten};
  const auto found = it->second.applied.find(sequence);
  return found == it->second.applied.end() ? Outcome{} : found->second;
}

Standing Machine::standing(SessionId session, std::uint64_t request) const {
  if (!state_.sessions.contains(session)) return {Standing::Kind::no_session, {}};
  if (const std::string* name = candidacy_of(session, request)) {
    const Leadership& leadership = state_.elections.leaderships.at(*name);
    return leadership.leading() == candidate(session, request)
               ? Standing{Standing::Kind::held, leadership.term}
               : Standing{Standing::Kind::waiting, {}};
  }
  const std::optional<LogIndex> place = find_request(session, request);
  if (!place) return {Standing::Kind::no_request, {}};
  const Request& found = state_.requests.at(*place);
  if (found.joined) return {Standing::Kind::joined, found.fence(), *found.joined};
  return found.held() ? Standing{Standing::Kind::held, found.fence()} : Standing{Standing::Kind::waiting, {}};
}

const Session* Machine::session(SessionId id) const {
  const auto it = state_.sessions.find(id);
  return it == state_.sessions.end() ? nullptr : &it->second;
}

std::vector<SessionId> Machine::sessions_of(NodeId node) const {
  std::vector<SessionId> result;
  for (const auto& [id, session] : state_.sessions) {
    if (session.node == node) result.push_back(id);
  }
  return result;
}

const std::map<std::uint64_t, LogIndex>& Machine::requests_of(SessionId session) const {
  static const std::map<std::uint64_t, LogIndex> none;
  const auto it = requests_of_.find(session);
  return it == requests_of_.end() ? none : it->second;
}

std::optional<LogIndex> Machine::find_request(SessionId session, std::uint64_t number) const {
  const auto& requests = requests_of(session);
  const auto it = requests.find(number);
  if (it == requests.end()) return std::nullopt;
  return it->second;
}

}  // namespace coord::service
