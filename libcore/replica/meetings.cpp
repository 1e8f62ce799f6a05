#include "replica/meetings.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::replica {

bool Meetings::concerns(const FromTool& event) const {
  return std::visit(
      [&]<class T>(const T&) {
        constexpr bool ours = std::is_same_v<T, local::Arrive> || std::is_same_v<T, local::Ended> ||
                              std::is_same_v<T, local::ListBarriers> ||
                              std::is_same_v<T, local::ResetBarrier>;
        constexpr bool shared = std::is_same_v<T, local::Started> || std::is_same_v<T, local::Cancel>;
        return ours || (shared && has(event.connection));
      },
      event.request);
}

SessionActions Meetings::on(Instant now, const FromTool& event, const service::Machine& machine,
                            WallTime wall) {
  const ConnectionId id = event.connection;
  Record* record = find(id);
  if (const auto* arrival = std::get_if<local::Arrive>(&event.request)) {
    asked(now, event, *arrival, machine);
  } else if (const auto* listing = std::get_if<local::ListBarriers>(&event.request)) {
    asked(now, id, *listing, machine, wall);
  } else if (const auto* reset = std::get_if<local::ResetBarrier>(&event.request)) {
    asked(now, event, *reset);
  } else if (record == nullptr) {
    // What it speaks of is over: its answer is on the way.
  } else if (const auto* started = std::get_if<local::Started>(&event.request)) {
    if (event.unguardable) {
      refuse(id, started->request, event.unguardable->kind, event.unguardable->why);
    } else {
      asked(id, *record, *started);
    }
  } else if (const auto* end = std::get_if<local::Ended>(&event.request)) {
    asked(id, *record, *end);
  } else if (const auto* cancel = std::get_if<local::Cancel>(&event.request)) {
    asked(now, id, *record, *cancel);
  }
  return take();
}

void Meetings::asked(Instant now, const FromTool& event, const local::Arrive& request,
                     const service::Machine& machine) {
  const ConnectionId id = event.connection;
  if (has(id)) {
    return refuse(id, request.request, local::RefusedKind::protocol, "one barrier at a time on a connection");
  }
  if (event.unguardable) return refuse(id, request.request, event.unguardable->kind, event.unguardable->why);
  if (request.ttl < config_.ttl_low || request.ttl > config_.ttl_high) {
    return refuse(id, request.request, local::RefusedKind::mismatch,
                  "the TTL is out of range: give 1 second to 1 hour");
  }
  Record& record = records_[id];
  record.who = event.who;
  record.asked = request;
  record.asked_at = now;
  record.ttl = request.ttl;
  std::vector<std::string>& expect = record.asked.expect;
  std::sort(expect.begin(), expect.end());
  expect.erase(std::unique(expect.begin(), expect.end()), expect.end());
  // Said before anything is ordered: if this peer dies, its tool knows from where on it may have been
  // counted.
  const bool first = request.generation == 0;
  if (first) record.generation = machine.state().barriers.earliest_of(request.name);
  if (COORD_RULE_OR(barrier_floor_is_told_first, first, false) || !quorum_)
    say(id, record,
        local::Waiting{
            request.request, quorum_, {}, {}, first ? record.generation : 0, quorum_ ? "" : not_begun_});
  arrive(now, id, record);
}

void Meetings::arrive(Instant now, ConnectionId id, Record& record) {
  const local::Arrive& asked = record.asked;
  service::Arrive body;
  service::Owner& owner = body.open.owner;
  owner.peer = config_.peer;
  owner.host = config_.host;
  owner.uid = record.who.uid;
  owner.user = record.who.user;
  owner.pid = asked.pid;
  owner.command = asked.command_line;
  body.open.ttl = asked.ttl;
  body.open.nonce = id.value;
  body.name = asked.name;
  body.id = asked.id;
  body.terms = {asked.count, asked.quorum, asked.after, asked.expect};
  body.command = asked.command;
  body.break_on_death = asked.break_on_death;
  body.key = asked.key;
  body.generation = asked.generation;
  record.stage = Stage::arriving;
  record.arrive_sent = now;
  record.arrive_ticket = next_ticket_;
  set_alarm(id, record);
  submit({Ticket::Kind::arrive, {id}, now, asked.request, {}}, std::move(body));
}

void Meetings::asked(ConnectionId id, Record& record, const local::Started& request) {
  const bool runs = record.stage == Stage::running && request.request == record.asked.request;
  if (runs) {
    record.take_up_by.reset();
    record.pid = request.pid;
    record.grace = std::clamp(request.grace, Duration{}, record.asked.ttl);
    set_alarm(id, record);
  }
  if (record.who.speaks >= 2 && COORD_RULE(command_taken_up_only_while_counted, runs))
    say(id, record, local::TakenUp{request.request});
}

void Meetings::asked(ConnectionId id, Record& record, const local::Ended& request) {
  if (record.stage != Stage::running || request.request != record.asked.request) return;
  record.stage = Stage::ended;
  record.take_up_by.reset();  // what could not be executed was not taken up
  set_alarm(id, record);
  submit({Ticket::Kind::finish, {id}, {}, request.request, {}},
         service::Finish{record.session, request.status, request.run});
}

void Meetings::asked(Instant now, ConnectionId id, Record& record, const local::Cancel& request) {
  const bool waits = record.stage == Stage::arriving || record.stage == Stage::waiting;
  const bool over = record.cancel_asked || record.abandoned;
  if (!waits || request.request != record.asked.request || over) return;
  record.cancel_asked = true;
  hurry(now, id, record);
}

// It is not to wait any longer, but for a leader. While there is none its time for one counts from when it
// came.
void Meetings::hurry(Instant now, ConnectionId id, Record& record) {
  const Instant since = quorum_ ? now : record.asked_at;
  if (record.stage == Stage::arriving) {
    hurry_.begin(record.arrive_ticket, since);
  } else {
    hurry_.begin(next_ticket_, since);
    submit({Ticket::Kind::depart, {id}, {}, record.asked.request, {}}, service::Depart{record.session});
  }
  give_up_late(now);
}

void Meetings::give_up_late(Instant now) {
  for (const Hurry::Late& late : hurry_.over(now)) {
    const auto found = tickets_.find(late.ticket);
    if (found == tickets_.end()) continue;
    const ConnectionId id = found->second.connections.front();
    if (found->second.kind != Ticket::Kind::reset) {
      if (Record* record = find(id)) give_up(id, *record);
    } else if (late.may_be_ordered) {
      refuse(id, found->second.request, local::RefusedKind::unknown,
             "the quorum was lost meanwhile: see --status when it is back");
    } else {
      refuse(id, found->second.request, local::RefusedKind::no_quorum, no_quorum_text(not_begun_));
    }
    out_.push_back(Retract{late.ticket});
    if (found->second.kind == Ticket::Kind::reset) tickets_.erase(found);
  }
}

// Answers a tool that no longer waits although nothing can be ordered now; its arrival is taken back later.
void Meetings::give_up(ConnectionId id, Record& record) {
  if (record.stage != Stage::waiting && record.stage != Stage::arriving) return;
  local::Departed answer;
  answer.request = record.asked.request;
  answer.not_begun = not_begun_;
  say(id, record, std::move(answer));
  record.cancel_asked = false;
  if (record.stage == Stage::waiting) {
    close(id, record, service::CloseReason::finished);
  } else {
    record.abandoned = true;
  }
}

// Nobody waits for the answer to its Arrive any more: an arrival that is ordered later closes. With a
// majority that is at once; without, it must not be what completes a generation long after it was given up.
void Meetings::abandon(Record& record) {
  record.abandoned = true;
  if (!quorum_) out_.push_back(Retract{record.arrive_ticket});
}

void Meetings::asked(Instant now, ConnectionId id, const local::ListBarriers& request,
                     const service::Machine& machine, WallTime wall) {
  Ticket what{Ticket::Kind::list, {id}, now, request.request, request};
  if (request.stale) return list(what, machine, wall, true);
  tickets_.emplace(next_ticket_, std::move(what));
  out_.push_back(Query{next_ticket_++});
}

void Meetings::asked(Instant now, const FromTool& event, const local::ResetBarrier& request) {
  hurry_.begin(next_ticket_, now);
  submit({Ticket::Kind::reset, {event.connection}, {}, request.request, {}},
         service::ResetBarrier{request.name, event.who.uid, event.who.user});
}

SessionActions Meetings::on(const ToolGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return {};
  record->connected = false;
  switch (record->stage) {
    case Stage::arriving:
      abandon(*record);
      break;
    case Stage::waiting:
    case Stage::ended:
      close(event.connection, *record, service::CloseReason::holder_gone);
      break;
    case Stage::running:
    case Stage::lost:
      if (!record->holders) close(event.connection, *record, service::CloseReason::holder_gone);
      break;
    case Stage::leaving:
      break;
  }
  return take();
}

SessionActions Meetings::on(const HoldersGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return {};
  record->holders = false;
  const bool runs = record->stage == Stage::running || record->stage == Stage::lost;
  if (runs && !record->connected) {
    // A command that was begun under an earlier life of this peer does not have the descriptor.
    if (record->pid != 0) out_.push_back(StopCommand{event.connection, record->pid, true});
    close(event.connection, *record, service::CloseReason::holder_gone);
  }
  return take();
}

std::optional<Instant> Meetings::deadline() const {
  const std::optional<Instant> lease = leases_.deadline(), late = hurry_.deadline();
  return lease && late ? std::min(*lease, *late) : lease ? lease : late;
}

SessionActions Meetings::quorum_is(Instant now, bool quorum) {
  if (quorum == quorum_) return {};
  quorum_ = quorum;
  hurry_.leader_is(now, quorum);
  for (auto& [id, record] : records_) {
    if (record.stage != Stage::arriving && record.stage != Stage::waiting) continue;
    if (record.abandoned) {
      if (!quorum) out_.push_back(Retract{record.arrive_ticket});
    } else if (!record.cancel_asked) {
      say(id, record, local::Waiting{record.asked.request, quorum, {}, {}, 0, quorum ? "" : not_begun_});
    }
  }
  give_up_late(now);
  return take();
}

SessionActions Meetings::tick(Instant now) {
  for (const ConnectionId id : leases_.ringing(now)) {
    Record& record = records_.at(id);
    if (record.stage == Stage::running && record.take_up_by && now >= *record.take_up_by) {
      // Its tool is stopped, or gone without a word: nothing runs, and nothing will.
      say(id, record, local::Lost{"its command was not begun in time"});
      close(id, record, service::CloseReason::holder_gone);
      continue;
    }
    if (record.stage == Stage::running && now >= leases_.stop_by(record)) {
      lose(id, record, "no renewal for too long: the peer cannot reach a majority");
    } else if (record.stage == Stage::running && !record.terminated && now >= leases_.terminate_at(record)) {
      record.terminated = true;
      if (record.pid != 0) out_.push_back(StopCommand{id, record.pid, false});
    }
    set_alarm(id, record);
  }
  for (Leases::Renewal& renewal : Leases::renew(leases_.due(now))) {
    for (const ConnectionId id : renewal.connections) set_alarm(id, records_.at(id));
    submit({Ticket::Kind::renew, std::move(renewal.connections), now, 0, {}}, std::move(renewal.body));
  }
  give_up_late(now);
  return take();
}

void Meetings::close(ConnectionId id, Record& record, service::CloseReason why) {
  record.stage = Stage::leaving;
  set_alarm(id, record);
  if (record.session == SessionId{}) return finish(id);
  submit({Ticket::Kind::close, {id}, {}, 0, {}}, service::Close{record.session, why});
}

// Nothing more is to be done for this arrival; its connection may go on.
void Meetings::finish(ConnectionId id) {
  const auto found = records_.find(id);
  const bool connected = found->second.connected;
  leases_.clear(id, found->second);
  if (found->second.session != SessionId{}) by_session_.erase(found->second.session);
  records_.erase(found);
  if (!connected) out_.push_back(SessionOver{id});
}

void Meetings::say(ConnectionId id, const Record& record, local::Answer answer) {
  if (record.connected) out_.push_back(ToTool{id, std::move(answer)});
}

void Meetings::refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why) {
  out_.push_back(ToTool{id, local::Refused{request, kind, std::move(why)}});
}

void Meetings::submit(Ticket what, service::Body body) {
  tickets_.emplace(next_ticket_, std::move(what));
  out_.push_back(Submit{next_ticket_++, std::move(body)});
}

void Meetings::set_alarm(ConnectionId id, Record& record) {
  const bool waits = record.stage == Stage::waiting || record.stage == Stage::ended;
  const LeaseUse use = record.stage == Stage::running ? LeaseUse::runs
                       : waits                        ? LeaseUse::kept
                                                      : LeaseUse::none;
  leases_.set(id, record, use);
}

Meetings::Record* Meetings::find(ConnectionId id) {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace coord::replica
