// What the log says of the barriers that this host's tools take part in.
#include <algorithm>

#include "replica/meetings.hpp"

namespace coord::replica {

namespace {

local::RefusedKind refusal_kind_of(service::Refusal why) {
  switch (why) {
    case service::Refusal::invalid:
    case service::Refusal::owner_too_long:
    case service::Refusal::id_in_use:
    case service::Refusal::terms_differ:
    case service::Refusal::not_expected:
    case service::Refusal::not_yours:
      return local::RefusedKind::mismatch;
    case service::Refusal::generation_over:
      return local::RefusedKind::unknown;
    default:
      return local::RefusedKind::limit;
  }
}

local::BarrierStage stage_of(service::GenerationStage stage) {
  switch (stage) {
    case service::GenerationStage::gathering:
      return local::BarrierStage::waiting;
    case service::GenerationStage::released:
      return local::BarrierStage::released;
    case service::GenerationStage::broken:
      break;
  }
  return local::BarrierStage::broken;
}

local::BarrierRecord record_of(const std::string& name, std::uint64_t number,
                               const service::Generation& from) {
  local::BarrierRecord to;
  to.name = name;
  to.generation = number;
  to.count = from.terms.count;
  to.quorum = from.terms.quorum;
  to.stage = stage_of(from.stage);
  to.trigger = from.trigger;
  to.released = from.released_at;
  for (const auto& [id, arrival] : from.arrivals) {
    to.participants.push_back({id, arrival.host, arrival.at, arrival.late, arrival.command, arrival.lost,
                               arrival.status, arrival.run});
  }
  to.missing = from.missing();
  return to;
}

// Of an answer, about: it must stay far below a frame together with one more barrier of the largest size.
std::size_t bytes_of(const local::BarrierRecord& record) {
  std::size_t bytes = 400;
  for (const local::Participant& participant : record.participants)
    bytes += 60 + participant.id.size() + participant.host.size();
  for (const std::string& id : record.missing) bytes += 4 + id.size();
  return bytes;
}

const service::Generation* generation_of(const service::Machine& machine, const std::string& name,
                                         std::uint64_t number) {
  const auto& barriers = machine.state().barriers.barriers;
  const auto barrier = barriers.find(name);
  if (barrier == barriers.end()) return nullptr;
  const auto found = barrier->second.generations.find(number);
  return found == barrier->second.generations.end() ? nullptr : &found->second;
}

}  // namespace

SessionActions Meetings::on(Instant now, const Outcome& event, const service::Machine& machine) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  const Ticket what = std::move(found->second);
  tickets_.erase(found);
  hurry_.end(event.ticket);
  if (what.kind == Ticket::Kind::renew) renewed(what, machine);
  if (what.kind == Ticket::Kind::reset) was_reset(what, event);
  if (what.connections.empty()) return take();
  const ConnectionId id = what.connections.front();
  Record* record = find(id);
  if (record == nullptr) return take();
  if (what.kind == Ticket::Kind::arrive) arrived(now, id, *record, event, machine);
  const bool departs = what.kind == Ticket::Kind::depart && record->stage == Stage::waiting;
  if (departs && event.what.kind == service::OutcomeKind::departed) departed(id, *record, machine);
  if (what.kind == Ticket::Kind::close && record->stage == Stage::leaving) finish(id);
  return take();
}

void Meetings::arrived(Instant now, ConnectionId id, Record& record, const Outcome& event,
                       const service::Machine& machine) {
  const service::Outcome& what = event.what;
  if (what.kind != service::OutcomeKind::arrived) {
    const std::uint64_t request = record.asked.request;
    // Nor is it said of one who gives up that it has departed: an arrival of its peer's earlier life may
    // count.
    if (record.abandoned) {
      // Nobody asks any more.
    } else if (!event.rejected.empty()) {
      say(id, record, local::Refused{request, local::RefusedKind::limit, event.rejected});
    } else if (what.kind == service::OutcomeKind::refused) {
      say(id, record, local::Refused{request, refusal_kind_of(what.why), service::describe(what.why)});
    } else {
      say(id, record,
          local::Refused{request, local::RefusedKind::unknown,
                         "this peer was replaced while it asked: see --status"});
    }
    finish(id);
    return;
  }
  record.session = what.session;
  const bool as_told = std::exchange(record.generation, what.token.value) == what.token.value;
  record.renewal_sent = record.arrive_sent;
  record.renewing = false;
  record.stage = Stage::waiting;
  by_session_[what.session] = id;
  if (record.abandoned) {
    close(id, record, record.connected ? service::CloseReason::finished : service::CloseReason::holder_gone);
    return;
  }
  set_alarm(id, record);
  if (!as_told) say(id, record, local::Waiting{record.asked.request, quorum_, {}, {}, record.generation});
  if (record.cancel_asked) hurry(now, id, record);
  // What it has caused is told by the effects that follow - unless they came in a snapshot.
  if (event.replaced) look(now, id, machine);
}

void Meetings::departed(ConnectionId id, Record& record, const service::Machine& machine) {
  local::Departed answer;
  answer.request = record.asked.request;
  answer.quorum = quorum_;
  answer.generation = record.generation;
  answer.arrived = 1;
  const service::Generation* generation = generation_of(machine, record.asked.name, record.generation);
  for (const std::string& expected : record.asked.expect) {
    const bool there =
        expected == record.asked.id || (generation != nullptr && generation->arrivals.contains(expected));
    if (!there) answer.missing.push_back(expected);
  }
  if (generation != nullptr) answer.arrived += static_cast<std::uint32_t>(generation->arrivals.size());
  if (record.asked.report) {
    // Who is gone already is not in it.
    service::Generation alone;
    alone.terms = {record.asked.count, record.asked.quorum, record.asked.after, record.asked.expect};
    answer.record =
        record_of(record.asked.name, record.generation, generation != nullptr ? *generation : alone);
  }
  say(id, record, std::move(answer));
  finish(id);
}

void Meetings::renewed(const Ticket& ticket, const service::Machine& machine) {
  for (const ConnectionId id : ticket.connections) {
    Record* record = find(id);
    if (record == nullptr || !record->renewing) continue;
    record->renewing = false;
    if (record->session != SessionId{} && machine.session(record->session) != nullptr) {
      record->renewal_sent = ticket.sent;
      if (record->stage == Stage::running) {
        record->terminated = false;
        say(id, *record, local::Renewed{ticket.sent + record->asked.ttl, ticket.sent});
      }
    }
    set_alarm(id, *record);
  }
}

void Meetings::was_reset(const Ticket& ticket, const Outcome& event) {
  const ConnectionId id = ticket.connections.front();
  if (event.what.kind == service::OutcomeKind::done) {
    out_.push_back(ToTool{id, local::BarrierIsReset{ticket.request}});
  } else if (event.what.kind == service::OutcomeKind::refused) {
    refuse(id, ticket.request, local::RefusedKind::held, service::describe(event.what.why));
  } else {
    refuse(id, ticket.request, local::RefusedKind::unknown,
           "this peer was replaced while it asked: see --status");
  }
}

// The log says what became of the generation that this participant is, or was, in.
void Meetings::moved(Instant now, ConnectionId id, std::uint64_t number,
                     const service::Generation& generation) {
  Record& record = records_.at(id);
  const local::Arrive& asked = record.asked;
  const auto found = generation.arrivals.find(asked.id);
  if (record.stage == Stage::leaving || record.stage == Stage::lost || found == generation.arrivals.end() ||
      found->second.key != asked.key || generation.stage == service::GenerationStage::gathering)
    return;
  const service::Arrival& arrival = found->second;
  std::optional<local::BarrierRecord> report;
  if (asked.report) report = record_of(asked.name, number, generation);
  if (generation.stage == service::GenerationStage::broken) {
    say(id, record, local::Broken{asked.request, number, generation.trigger, std::move(report)});
    return finish(id);
  }
  if (arrival.lost) return lose(id, record, "its lease ran out at the leader");
  if (arrival.late || !asked.command) {
    say(id, record,
        local::Passed{asked.request, number, arrival.late, SessionId{}, Instant{}, std::move(report)});
    return finish(id);
  }
  if (generation.over()) {
    const auto failed = std::ranges::count_if(generation.arrivals, [&](const auto& other) {
      return other.first != asked.id && other.second.status.value_or(0) != 0;
    });
    say(id, record,
        local::AllEnded{asked.request, number, static_cast<std::uint32_t>(failed), std::move(report)});
    return finish(id);
  }
  if (arrival.status) {
    record.stage = Stage::ended;
    set_alarm(id, record);
  } else if (record.stage == Stage::waiting) {
    start(now, id, record);
  }
}

// The command may begin.
void Meetings::start(Instant now, ConnectionId id, Record& record) {
  if (!record.connected) return close(id, record, service::CloseReason::holder_gone);
  if (now >= leases_.stop_by(record)) {
    say(id, record, local::Lost{"the lease ran out before the release came"});
    return close(id, record, service::CloseReason::holder_gone);
  }
  record.stage = Stage::running;
  record.holders = true;
  record.cancel_asked = false;  // the release was ordered first
  record.take_up_by.reset();
  if (record.who.speaks >= 2) record.take_up_by = leases_.take_up_by(record, now);
  set_alarm(id, record);
  say(id, record,
      local::Passed{record.asked.request, record.generation, false, record.session, record.renewal_sent, {}});
}

// The command may be running and must not.
void Meetings::lose(ConnectionId id, Record& record, const std::string& why) {
  record.stage = Stage::lost;
  say(id, record, local::Lost{why});
  if (record.pid != 0) out_.push_back(StopCommand{id, record.pid, true});
  set_alarm(id, record);
}

// The session has ended and nobody here asked for it: its lease ran out at the leader.
void Meetings::ended(Instant now, ConnectionId id, Record& record) {
  by_session_.erase(record.session);
  record.session = SessionId{};
  record.renewing = false;
  if (record.stage == Stage::running) {
    lose(id, record, "its lease ran out at the leader");
  } else if (record.stage == Stage::leaving || !record.connected) {
    finish(id);
  } else if (record.cancel_asked) {
    local::Departed answer;
    answer.request = record.asked.request;
    answer.quorum = quorum_;
    answer.missing = record.asked.expect;
    say(id, record, std::move(answer));
    finish(id);
  } else if (record.stage == Stage::waiting || record.stage == Stage::ended) {
    // The same arrival, if the group still knows it. One that only waited was withdrawn with its session.
    record.asked.generation = record.stage == Stage::ended ? record.generation : 0;
    arrive(now, id, record);
  }
}

SessionActions Meetings::on(Instant now, const Applied& event, service::ClientId self) {
  hurry_.committed(now);
  for (const service::Effect& effect : event.effects) {
    if (const auto* move = std::get_if<service::BarrierMoved>(&effect)) {
      for (const SessionId session : move->sessions) {
        const auto found = by_session_.find(session);
        if (found != by_session_.end()) moved(now, found->second, move->number, move->generation);
      }
    } else if (const auto* end = std::get_if<service::Closed>(&effect)) {
      const auto found = by_session_.find(end->session);
      if (found == by_session_.end()) continue;
      const ConnectionId id = found->second;
      Record& record = records_.at(id);
      if (record.stage != Stage::leaving) ended(now, id, record);
    } else if (const auto* arrival = std::get_if<service::BarrierArrived>(&effect)) {
      // One that was given up while it was on its way.
      const bool ours = arrival->to.node == config_.self && arrival->to.client == self;
      if (ours && !by_session_.contains(arrival->session))
        submit({Ticket::Kind::close, {ConnectionId{}}, {}, 0, {}},
               service::Close{arrival->session, service::CloseReason::holder_gone});
    }
  }
  return take();
}

SessionActions Meetings::on(Instant now, const Replaced&, const service::Machine& machine) {
  hurry_.committed(now);
  std::vector<ConnectionId> ids;
  for (const auto& [session, id] : by_session_) ids.push_back(id);
  for (const ConnectionId id : ids) look(now, id, machine);
  return take();
}

// What became of it, by the machine itself: the entries that say so were not seen.
void Meetings::look(Instant now, ConnectionId id, const service::Machine& machine) {
  Record& record = records_.at(id);
  if (record.stage == Stage::leaving || record.stage == Stage::lost) return;
  const service::Generation* generation = generation_of(machine, record.asked.name, record.generation);
  const bool gathers = generation != nullptr && generation->stage == service::GenerationStage::gathering;
  const bool lives = machine.session(record.session) != nullptr;
  if (generation != nullptr && !gathers && generation->arrivals.contains(record.asked.id)) {
    moved(now, id, record.generation, *generation);
    Record* stays = find(id);
    // Its command has ended, and so has its session: it waits for the others as who is not known here.
    if (stays != nullptr && stays->stage == Stage::ended && !lives) ended(now, id, *stays);
  } else if (lives) {
    // It waits as before.
  } else if (record.stage == Stage::running || gathers ||
             machine.state().barriers.last_of(record.asked.name) < record.generation) {
    ended(now, id, record);
  } else {
    say(id, record,
        local::Refused{record.asked.request, local::RefusedKind::unknown,
                       "this peer was away while its generation ended: see --status"});
    finish(id);
  }
}

SessionActions Meetings::on(const QueryReady& event, const service::Machine& machine, WallTime wall) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  const Ticket what = std::move(found->second);
  tickets_.erase(found);
  list(what, machine, wall, false);
  return take();
}

SessionActions Meetings::on(const QueryFailed& event) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  refuse(found->second.connections.front(), found->second.request, local::RefusedKind::no_quorum,
         no_quorum_text(not_begun_) + ": --stale shows local knowledge");
  tickets_.erase(found);
  return take();
}

void Meetings::list(const Ticket& ticket, const service::Machine& machine, WallTime wall, bool stale) {
  constexpr std::size_t together = 100 * 1024;
  const auto& barriers = machine.state().barriers.barriers;
  local::Barriers answer;
  answer.request = ticket.request;
  answer.as_of = wall;
  answer.stale = stale;
  std::size_t bytes = 0;
  const bool one = !ticket.list.name.empty();
  for (auto it = one ? barriers.find(ticket.list.name) : barriers.upper_bound(ticket.list.after);
       it != barriers.end(); ++it) {
    const auto [number, generation] = it->second.current();
    const bool shown = generation != nullptr && (one || it->second.idle_since == LogIndex{});
    if (shown && bytes >= together) {
      answer.more = true;
      break;
    }
    if (shown) {
      answer.barriers.push_back(record_of(it->first, number, *generation));
      bytes += bytes_of(answer.barriers.back());
    }
    if (one) break;
  }
  out_.push_back(ToTool{ticket.connections.front(), std::move(answer)});
}

}  // namespace coord::replica
