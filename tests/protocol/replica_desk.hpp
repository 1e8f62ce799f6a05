// SPDX-License-Identifier: MIT
// A desk over a machine whose log is this test's: what a session submits waits in `log` until order()
// applies it, so a test decides what comes first, how late, and what never comes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replica/desk.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

using namespace std::chrono_literals;

class OneHost {
 public:
  OneHost() {
    // This peer's registration, and another peer's.
    apply({.node = self, .body = service::Register{self, 1, {}}});
    client = machine.registration(self);
    apply({.node = other, .body = service::Register{other, 2, {}}});
    quorum(true);
  }

  // ---- told to the desk
  void says(std::uint64_t connection, local::Request request, bool holders_left = false) {
    take(desk->on(now,
                  FromTool{ConnectionId{connection},
                           {uid, who_name, {connection, 42}, speaks},
                           std::move(request),
                           holders_left},
                  machine, {}));
  }
  void acquires(std::uint64_t connection, Duration ttl = 10s, bool wait = true, std::string name = "lock") {
    says(connection, local::Hello{local::protocol_version, "dlock", speaks});
    local::Acquire request;
    request.request = 1;
    request.names = {std::move(name)};
    request.ttl = ttl;
    request.wait = wait;
    says(connection, request);
  }
  void holds(std::uint64_t connection, Duration ttl = 10s, std::string name = "lock") {
    acquires(connection, ttl, true, std::move(name));
    order();
    says(connection, local::Started{1, 100 + static_cast<std::uint32_t>(connection), ttl / 5});
  }
  void holds_so(std::uint64_t connection, const std::function<void(local::Acquire&)>& change) {
    says(connection, local::Hello{local::protocol_version, "dlock", speaks});
    local::Acquire request;
    request.request = 1;
    request.names = {"lock"};
    request.ttl = 10s;
    change(request);
    says(connection, request);
    order();
    if (request.holder == 0)
      says(connection, local::Started{1, 100 + static_cast<std::uint32_t>(connection), 2s});
  }
  void command_gone(std::uint64_t connection, bool wrapper_runs = true) {
    take(desk->on(CommandGone{ConnectionId{connection}, wrapper_runs}));
  }
  // What the session holds elsewhere was renewed by what was sent then; or is lost.
  void holds_elsewhere(std::uint64_t connection, Instant sent, const std::string& lost = "") {
    take(desk->on(now, HeldElsewhere{session_of(connection), sent, lost}));
  }
  // This peer is killed and started again: the records are what is left; those of the
  // connections `held` have holders.
  void restarts(const std::vector<std::uint64_t>& held, bool complete = true) {
    Recovered event;
    event.complete_since = complete ? complete_since : service::ClientId{};
    for (const auto& [session, record] : kept) {
      const bool is_held = std::find(held.begin(), held.end(), record.pid - 100) != held.end();
      event.holds.push_back({ConnectionId{1000 + session.value}, record, is_held});
    }
    desk.emplace(config());
    log.clear();
    take(desk->on(now, event));
    take(desk->quorum_is(now, true));
  }
  void registers_again(std::uint64_t nonce) {
    const service::Effects effects =
        apply({.node = self, .body = service::Register{self, nonce, client, machine.level()}});
    client = machine.registration(self);
    sequence = 0;
    take(desk->on(now, Applied{index, effects}, client, machine, {}));
  }
  // The group was at the present level of `machine` from the start.
  void registers_anew() {
    index = {};
    sequence = 0;
    apply({.node = self, .body = service::Register{self, 1, {}, machine.level()}});
    client = machine.registration(self);
  }
  void raises() {
    service::Command anew{.node = self, .body = service::Register{self, 21, client, 2}};
    (void)apply(anew);
    client = machine.registration(self);
    sequence = 0;
    ++index.value;
    const service::Effects effects = machine.apply_raise(index, {2, {{self, 21}}}, {self});
    take(desk->on(now, Applied{index, effects}, client, machine, {}));
  }
  // A leader's snapshot comes in place of entries that change the state so.
  void snapshot_brings(const std::function<void(service::State&)>& change) {
    service::State state = machine.state();
    change(state);
    auto brought = service::StateMachine::restore(std::move(state));
    machine = std::move(*brought);
    take(desk->on(now, Replaced{}, client, machine, {}));
  }
  void resumes(std::uint64_t connection, const HoldRecord& record) {
    says(connection, local::Hello{local::protocol_version, "dlock", speaks});
    says(connection, local::Resume{record.request, record.session, record.secret, record.pid, record.grace});
  }
  void skip_to(LogIndex place) { index = place; }
  void tool_gone(std::uint64_t connection) { take(desk->on(ToolGone{ConnectionId{connection}})); }
  void holders_gone(std::uint64_t connection) { take(desk->on(HoldersGone{ConnectionId{connection}})); }
  void quorum(bool there) { take(desk->quorum_is(now, there)); }
  void questions_are_answered() {  // the machine is new enough
    for (const std::uint64_t ticket : std::exchange(queries, {}))
      take(desk->on(QueryReady{ticket}, machine, {}));
  }
  void pass(Duration time) {  // ticking at every deadline on the way
    const Instant end = now + time;
    while (desk->deadline() && *desk->deadline() <= end) {
      now = std::max(now, *desk->deadline());
      take(desk->tick(now, machine));
    }
    now = end;
  }

  // ---- the log
  // Applies what was submitted, in order (what follows from it as well), at most `most` commands.
  void order(std::size_t most = 1000) {
    for (; most > 0 && !log.empty(); --most) {
      const Submit next = std::move(log.front());
      log.pop_front();
      service::Command command{.node = self, .client = client, .sequence = ++sequence, .body = next.body};
      const service::Effects effects = apply(command);
      take(desk->on(now, Outcome{next.ticket, machine.outcome(self, client, sequence), {}}, machine));
      take(desk->on(now, Applied{index, effects}, client, machine, {}));
    }
  }
  // A command of somebody else's: another peer's, or an expiry of the leader's.
  void foreign(service::Command command) {
    const service::Effects effects = apply(command);
    take(desk->on(now, Applied{index, effects}, client, machine, {}));
  }
  void expire(std::uint64_t connection) {
    const SessionId session = session_of(connection);
    foreign({.body = service::Expire{session, machine.session(session)->renewal}});
  }
  // The next command ends without an effect, with these words.
  void reject(const std::string& why) {
    const Submit next = std::move(log.front());
    log.pop_front();
    take(desk->on(now, Outcome{next.ticket, {}, why}, machine));
  }
  // Another peer's session takes "lock".
  SessionId rival_takes() {
    service::Acquire body;
    body.open = service::Open{{}, 10s, 7};
    body.request = 1;
    body.names = {"lock"};
    foreign(
        {.node = other, .client = machine.registration(other), .sequence = ++rival_sequence, .body = body});
    return SessionId{index.value};
  }
  void rival_gives_back(SessionId session) {
    foreign({.node = other,
             .client = machine.registration(other),
             .sequence = ++rival_sequence,
             .body = service::Close{session, service::CloseReason::finished}});
  }

  // ---- what came of it
  template <class T>
  std::vector<T> told(std::uint64_t connection) const {
    std::vector<T> found;
    for (const ToTool& answer : answers) {
      if (answer.connection != ConnectionId{connection}) continue;
      if (const auto* said = std::get_if<T>(&answer.answer)) found.push_back(*said);
    }
    return found;
  }
  template <class T>
  const T* next() const {  // the oldest command that waits to be ordered, if it is of this kind
    return log.empty() ? nullptr : std::get_if<T>(&log.front().body);
  }
  SessionId session_of(std::uint64_t connection) const {
    const auto grants = told<local::Granted>(connection);
    return grants.empty() ? SessionId{} : grants.back().session;
  }

  const NodeId self{1}, other{2};
  service::StateMachine machine;
  std::optional<Desk> desk{config()};
  Instant now{1h};
  std::deque<Submit> log;
  std::vector<std::uint64_t>
      retracted;  // tickets; what they name stays in `log`: another copy may be ordered
  std::vector<std::uint64_t> queries;
  std::vector<ToTool> answers;
  std::vector<StopCommand> stops;
  std::vector<ConnectionId> over;
  std::vector<Moved> moves;
  std::vector<SignalHolder> signals;
  std::map<SessionId, HoldRecord> kept;
  service::ClientId client;
  std::uint32_t uid = 1000;
  // of the tools' protocol, the tools; from 2 on they take up what they are granted
  std::uint32_t speaks = 1;
  std::string who_name = "user";
  std::uint64_t rival_sequence = 0;

 private:
  static SessionsConfig config() {
    SessionsConfig config;
    config.self = NodeId{1};
    config.peer = config.host = "a";
    config.connections = 100;
    return config;
  }
  service::Effects apply(const service::Command& command) {
    ++index.value;
    return machine.apply(index, command);
  }
  void take(SessionActions actions) {
    for (SessionAction& action : actions) {
      if (auto* submit = std::get_if<Submit>(&action)) log.push_back(std::move(*submit));
      if (auto* query = std::get_if<Query>(&action)) queries.push_back(query->ticket);
      if (auto* retract = std::get_if<Retract>(&action)) retracted.push_back(retract->ticket);
      if (auto* answer = std::get_if<ToTool>(&action)) answers.push_back(std::move(*answer));
      if (auto* stop = std::get_if<StopCommand>(&action)) stops.push_back(*stop);
      if (auto* ends = std::get_if<SessionOver>(&action)) over.push_back(ends->connection);
      if (auto* keep = std::get_if<KeepHold>(&action)) kept[keep->record.session] = keep->record;
      if (auto* forget = std::get_if<ForgetHold>(&action)) kept.erase(forget->session);
      if (auto* since = std::get_if<HoldsCompleteSince>(&action)) complete_since = since->registration;
      if (auto* signal = std::get_if<SignalHolder>(&action)) signals.push_back(*signal);
      if (auto* moved = std::get_if<Moved>(&action)) moves.push_back(*moved);
    }
  }

  service::ClientId complete_since{1};  // as the records say
  LogIndex index;
  std::uint64_t sequence = 0;
};

}  // namespace coord::replica
