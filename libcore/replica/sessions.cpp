#include "replica/sessions.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::replica {

namespace {

std::optional<Question> question_in(const local::Request& request) {
  if (const auto* locks = std::get_if<local::ListLocks>(&request)) return *locks;
  if (const auto* waits = std::get_if<local::ListWaits>(&request)) return *waits;
  if (const auto* past = std::get_if<local::ListHistory>(&request)) return *past;
  return std::nullopt;
}

}  // namespace

SessionActions Sessions::on(Instant now, const FromTool& event, const service::Machine& machine,
                            WallTime wall) {
  auto found = records_.find(event.connection);
  if (found == records_.end()) {
    if (records_.size() >= config_.connections) {
      out_.push_back(ToTool{event.connection,
                            local::Refused{0, local::RefusedKind::limit,
                                           "too many tools are connected to this peer: try again later"}});
      out_.push_back(SessionOver{event.connection});
      return take();
    }
    found = records_.emplace(event.connection, Record{}).first;
    found->second.who = event.who;
  }
  Record& record = found->second;
  if (event.unguardable && refuse_unguardable(event)) return take();
  if (const auto* release = std::get_if<local::Release>(&event.request)) {
    record.holders = event.holders_left;
    asked(now, event.connection, record, *release);
  } else if (const auto* acquire = std::get_if<local::Acquire>(&event.request)) {
    if (record.stage == Stage::idle) record.inside = sessions_of(event.inside);
    if (record.stage == Stage::idle && waits_for_itself(event, *acquire, machine)) {
      refuse(event.connection, acquire->request,
             acquire->wait ? local::RefusedKind::deadlock : local::RefusedKind::held,
             "deadlock: this runs inside of a hold of the same name, which process " +
                 std::to_string(acquire->holder) + " cannot enter");
    } else {
      asked(now, event.connection, record, *acquire);
    }
  } else if (const auto* over = std::get_if<local::LetGo>(&event.request)) {
    let_go(event.connection, record, *over, machine);
  } else if (const std::optional<Question> question = question_in(event.request);
             question && is_stale(*question)) {
    list(Ticket{Ticket::Kind::list, {event.connection}, now, *question}, machine, wall);
  } else if (const auto* leaders = std::get_if<local::ListLeaders>(&event.request);
             leaders != nullptr && leaders->stale) {
    list_leaders(event.connection, *leaders, machine, wall);
  } else {
    std::visit(
        [&](const auto& request) {
          // Of barriers nothing comes here (host.hpp).
          if constexpr (requires { asked(now, event.connection, record, request); })
            asked(now, event.connection, record, request);
        },
        event.request);
  }
  return take();
}

std::vector<SessionId> Sessions::sessions_of(const std::vector<ConnectionId>& connections) {
  std::vector<SessionId> sessions;
  for (const ConnectionId id : connections) {
    const Record* record = find(id);
    const bool holds = record != nullptr && record->session != SessionId{} && !record->asked.candidacy;
    if (holds) sessions.push_back(record->session);
  }
  return sessions;
}

// One of the names is held, so that it cannot be shared, by what would have to end first.
bool Sessions::waits_for_itself(const FromTool& event, const local::Acquire& request,
                                const service::Machine& machine) {
  const auto stops = [&](const service::Request& hold) {
    const bool shared = hold.terms.mode == service::Mode::shared && request.mode == local::Mode::shared;
    return hold.held() && !shared && hold.terms.slots == 1 &&
           std::ranges::any_of(request.names, [&](const std::string& name) {
             return std::ranges::find(hold.names, name) != hold.names.end();
           });
  };
  for (const SessionId session : sessions_of(event.not_entered)) {
    for (const auto& [number, place] : machine.of<service::Locks>().requests_of(session)) {
      if (stops(machine.state().requests.at(place))) return true;
    }
  }
  return false;
}

SessionActions Sessions::on(const ToolGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) {  // it never said a word
    out_.push_back(SessionOver{event.connection});
    return take();
  }
  record->connected = false;
  switch (record->stage) {
    case Stage::idle:
      finish(event.connection);
      break;
    case Stage::acquiring:
      record->abandoned = true;
      if (!quorum_) out_.push_back(Retract{record->acquire_ticket});
      break;
    case Stage::waiting:
      close(event.connection, *record, service::CloseReason::finished);
      break;
    case Stage::held:
    case Stage::lost:
      if (!record->holders) holders_vanished(event.connection, *record);
      break;
    case Stage::closing:
      break;
  }
  return take();
}

// While the wrapper is connected it decides: it closes its own copy of the descriptor just before it
// releases.
SessionActions Sessions::on(const HoldersGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return {};
  record->holders = false;
  const bool over = record->stage == Stage::held && (!record->connected || record->released);
  if (over || record->stage == Stage::lost) holders_vanished(event.connection, *record);
  return take();
}

// A command that never had the descriptor may run on: it is stopped before anybody else gets the lock. A
// process that held by itself (of --acquire, or the command in its tool's place, which nobody waits for) has
// ended: that is its release, unless its lock was lost before. Where the wrapper said its release while
// others still had the descriptor (or the kernel had not closed the command's copy yet), the last of them
// ends it, and it is a release.
void Sessions::holders_vanished(ConnectionId id, Record& record) {
  if (record.released && record.stage == Stage::held) {
    close(id, record, service::CloseReason::finished);
  } else if (COORD_RULE_OR(bare_command_stopped_first, record.asked.bare && record.pid != 0, false)) {
    record.stage = Stage::lost;
    set_alarm(id, record);
    out_.push_back(StopCommand{id, record.pid, true, true});
  } else {
    const bool in_place = record.pid != 0 && record.pid == record.asked.pid;
    const bool by_itself = record.asked.holder != 0 || (in_place && record.stage == Stage::held);
    close(id, record, by_itself ? service::CloseReason::finished : service::CloseReason::holder_gone);
  }
}

SessionActions Sessions::on(const CommandGone& event) {
  Record* record = find(event.connection);
  if (record != nullptr && record->stage == Stage::lost && !record->holders)
    close(event.connection, *record, service::CloseReason::holder_gone);
  return take();
}

std::optional<Instant> Sessions::deadline() const {
  const std::optional<Instant> lease = leases_.deadline(), late = hurry_.deadline();
  return lease && late ? std::min(*lease, *late) : lease ? lease : late;
}

SessionActions Sessions::quorum_is(Instant now, bool quorum) {
  if (quorum == quorum_) return {};
  quorum_ = quorum;
  hurry_.leader_is(now, quorum);
  std::vector<ConnectionId> ids;
  for (const auto& [id, record] : records_) ids.push_back(id);
  for (const ConnectionId id : ids) {
    Record& record = records_.at(id);
    if (!quorum && record.release_asked) {
      // Sent again before anything that this host asks for later; there is nothing to wait for.
      say(id, record, local::Released{record.asked.request});
      record.release_asked = false;
    }
    const bool waits = record.stage == Stage::acquiring || record.stage == Stage::waiting;
    if (waits && !record.abandoned && !record.hurried) say_quorum(id, record);
  }
  give_up_late(now);
  return take();
}

void Sessions::say_quorum(ConnectionId id, const Record& record) {
  local::Waiting waiting{record.asked.request, quorum_, {}, {}};
  if (!quorum_) waiting.not_begun = not_begun_;
  say(id, record, std::move(waiting));
}

SessionActions Sessions::tick(Instant now) {
  // With those that are lost now: while their commands are being stopped nobody else shall hold.
  const Leases::Due due = leases_.due(now);
  for (const ConnectionId id : leases_.ringing(now)) {
    Record& record = records_.at(id);
    if (record.stage == Stage::held && record.take_up_by && now >= *record.take_up_by) {
      pass_on(id, record);
    } else if (record.stage == Stage::held && now >= leases_.stop_by(record)) {
      lose(id, record,
           record.break_at ? "it did not end in time"
                           : "no renewal for too long: the peer cannot reach a majority");
    } else if (record.stage == Stage::held && !record.terminated && now >= leases_.terminate_at(record)) {
      record.terminated = true;
      if (record.pid != 0) stop_holders(id, record, false);
    }
    set_alarm(id, record);
  }
  renew(now, due);
  give_up_late(now);
  return take();
}

void Sessions::renew(Instant now, const Leases::Due& due) {
  for (Leases::Renewal& renewal : Leases::renew(due)) {
    for (const ConnectionId id : renewal.connections) set_alarm(id, records_.at(id));
    submit(Ticket{Ticket::Kind::renew, std::move(renewal.connections), now, {}}, std::move(renewal.body));
  }
}

void Sessions::close(ConnectionId id, Record& record, service::CloseReason why) {
  if (record.break_at) why = service::CloseReason::broken;
  record.stage = Stage::closing;
  // What its holder let go of is not resumed. A holder that died is found dead again: its lock delays apply.
  if (why == service::CloseReason::finished) forget(record);
  set_alarm(id, record);
  if (record.session == SessionId{}) {
    closed(id, record);
    return;
  }
  submit(Ticket{Ticket::Kind::close, {id}, {}, {}}, service::Close{record.session, why, record.status});
}

// The command may be running and must not: say so to the wrapper, and stop it from here as well.
void Sessions::lose(ConnectionId id, Record& record, const std::string& why) {
  record.stage = Stage::lost;
  say(id, record, local::Lost{why});
  stop_holders(id, record, true);
  set_alarm(id, record);
}

// Its tool is stopped, or gone without a word: the next one's turn. Nothing runs under it, and nothing will.
void Sessions::pass_on(ConnectionId id, Record& record) {
  record.take_up_by.reset();
  say(id, record, local::TakenBack{record.asked.request});
  close(id, record, service::CloseReason::finished);
}

// A process that is the holder gets its signal once, in place of TERM.
void Sessions::stop_holders(ConnectionId id, Record& record, bool kill) {
  if (record.asked.holder == 0) {
    out_.push_back(StopCommand{id, record.pid, kill});
  } else if (!std::exchange(record.signalled, true)) {
    out_.push_back(SignalHolder{id, record.asked.signal});
  }
}

void Sessions::finish(ConnectionId id) {
  const auto found = records_.find(id);
  leases_.clear(id, found->second);
  if (found->second.session != SessionId{}) by_session_.erase(found->second.session);
  if (found->second.kept != SessionId{}) forget(found->second);
  stop_watching(id, found->second);
  records_.erase(found);
  if (!breakers_.empty())
    std::erase_if(breakers_, [&](const auto& entry) { return entry.second.first == id; });
  out_.push_back(SessionOver{id});
}

void Sessions::say(ConnectionId id, const Record& record, local::Answer answer) {
  if (record.connected) out_.push_back(ToTool{id, std::move(answer)});
}

std::uint64_t Sessions::ticket(Ticket what) {
  tickets_.emplace(next_ticket_, std::move(what));
  return next_ticket_++;
}

void Sessions::submit(Ticket what, service::Body body) {
  const std::uint64_t number = ticket(std::move(what));
  out_.push_back(Submit{number, std::move(body)});
}

void Sessions::set_alarm(ConnectionId id, Record& record) {
  const LeaseUse use = record.stage == Stage::held      ? LeaseUse::runs
                       : record.stage == Stage::waiting ? LeaseUse::kept
                                                        : LeaseUse::none;
  leases_.set(id, record, use);
}

bool Sessions::ready(ConnectionId id) const {
  const auto found = records_.find(id);
  return found != records_.end() && found->second.greeted && found->second.stage == Stage::idle;
}

Sessions::Record* Sessions::find(ConnectionId id) {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace coord::replica
