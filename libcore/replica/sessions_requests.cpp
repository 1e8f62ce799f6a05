// What tools ask for.
#include <algorithm>

#include "base/rule.hpp"
#include "replica/sessions.hpp"
#include "wire/local_version.hpp"

namespace coord::replica {

void Sessions::asked(Instant, ConnectionId id, Record& record, const local::Hello& request) {
  if (request.version != local::protocol_version) {
    refuse(id, 0, local::RefusedKind::protocol,
           "the peer speaks version " + std::to_string(local::protocol_version) +
               ": install the same release on both");
    return;
  }
  record.greeted = true;
  record.speaks = local::common(request.speaks);
  say(id, record,
      local::Welcome{local::protocol_version, config_.peer, config_.scope, local::newest_spoken,
                     config_.hurry.leader});
}

void Sessions::asked(Instant now, ConnectionId id, Record& record, const local::Acquire& request) {
  if (!record.greeted || record.stage != Stage::idle) {
    refuse(id, request.request, local::RefusedKind::protocol, "one request at a time, after a greeting");
    return;
  }
  if (request.ttl < config_.ttl_low || request.ttl > config_.ttl_high) {
    refuse(id, request.request, local::RefusedKind::mismatch,
           "the TTL is out of range: give 1 second to 1 hour");
    return;
  }
  record.asked = request;
  record.asked_at = now;
  record.hurried.reset();
  if (!request.wait) record.hurried = now;
  record.ttl = request.ttl;
  record.status.reset();
  record.abandoned = record.cancel_asked = record.cancel_sent = record.terminated = false;
  record.holders = true;
  record.break_at.reset();
  record.take_up_by.reset();
  record.signalled = false;
  record.pid = 0;
  submit_acquire(now, id, record);
  if (!quorum_ && !record.hurried) say_quorum(id, record);
}

void Sessions::submit_acquire(Instant now, ConnectionId id, Record& record) {
  const local::Acquire& request = record.asked;
  service::Acquire body;
  body.session = record.session;
  if (record.session == SessionId{}) {
    service::Owner owner;
    owner.peer = config_.peer;
    owner.host = config_.host;
    owner.uid = record.who.uid;
    owner.user = record.who.user;
    owner.pid = request.pid;
    owner.command = request.command;
    body.open = service::Open{std::move(owner), request.ttl, id.value};
  }
  body.request = request.request;
  body.names = request.names;
  body.terms = request;
  body.wait = request.wait;
  if (request.candidacy) {
    body.candidacy = request.candidacy;
    body.candidacy->enrolled = false;
  } else {
    body.inside = record.inside;
  }
  body.key = {request.key_high, request.key_low};
  body.join = request.join;
  record.stage = Stage::acquiring;
  record.acquire_sent = now;
  record.acquire_ticket = next_ticket_;
  set_alarm(id, record);
  if (record.hurried) hurry_.begin(record.acquire_ticket, *record.hurried);
  submit(Ticket{Ticket::Kind::acquire, {id}, now, {}}, std::move(body));
}

void Sessions::asked(Instant, ConnectionId id, Record& record, const local::Started& request) {
  const bool held = record.stage == Stage::held && request.request == record.asked.request;
  if (held) {
    record.take_up_by.reset();
    if (record.asked.holder == 0) record.pid = request.pid;
    if (record.asked.holder == 0) record.grace = std::clamp(request.grace, Duration{}, record.asked.ttl);
    keep(id, record);
    set_alarm(id, record);
  }
  // To who comes too late it is on the way that it was taken back, or lost.
  if (record.speaks >= 2 && COORD_RULE(taken_up_only_while_held, held))
    say(id, record, local::TakenUp{request.request});
}

void Sessions::asked(Instant now, ConnectionId id, Record& record, const local::Cancel& request) {
  if (request.request != record.asked.request || record.abandoned) return;
  if (record.stage != Stage::acquiring && record.stage != Stage::waiting)
    return;  // Granted or Refused is on its way
  record.cancel_asked = true;
  hurry(now, id, record);
}

void Sessions::asked(Instant, ConnectionId id, Record& record, const local::Release& request) {
  const bool holds = record.stage == Stage::held || record.stage == Stage::lost;
  if (!holds || request.request != record.asked.request) {
    refuse(id, request.request, local::RefusedKind::protocol, "nothing is held under this number");
    return;
  }
  record.status = request.status;
  if (record.holders) {  // background descendants go on holding: the session ends with the last of them
    record.released = true;
    say(id, record, local::Released{request.request});
    return;
  }
  if (quorum_) {
    record.release_asked = true;
  } else {
    say(id, record, local::Released{request.request});
  }
  close(id, record, service::CloseReason::finished);
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::ListLocks& request) {
  out_.push_back(Query{ticket(Ticket{Ticket::Kind::list, {id}, now, request})});
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::ListWaits& request) {
  out_.push_back(Query{ticket(Ticket{Ticket::Kind::list, {id}, now, request})});
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::ListHistory& request) {
  out_.push_back(Query{ticket(Ticket{Ticket::Kind::list, {id}, now, request})});
}

void Sessions::asked(Instant, ConnectionId id, Record&, const local::ListPeers& request) {
  out_.push_back(DescribePeers{id, request.request});
}

// False: what is asked for needs no guard.
bool Sessions::refuse_unguardable(const FromTool& event) {
  local::Refused refusal = *event.unguardable;
  if (const auto* acquire = std::get_if<local::Acquire>(&event.request)) {
    refusal.request = acquire->request;
  } else if (const auto* started = std::get_if<local::Started>(&event.request)) {
    refusal.request = started->request;
  } else if (const auto* resumed = std::get_if<local::Resume>(&event.request)) {
    refusal.request = resumed->request;
  } else if (const auto* over = std::get_if<local::LetGo>(&event.request)) {
    refusal.request = over->request;
  } else {
    return false;
  }
  out_.push_back(ToTool{event.connection, std::move(refusal)});
  return true;
}

void Sessions::refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why) {
  out_.push_back(ToTool{id, local::Refused{request, kind, std::move(why)}});
}

}  // namespace coord::replica
