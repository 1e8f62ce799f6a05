// SPDX-License-Identifier: MIT
// What is said to this host's participants in barriers, and what becomes of them; their leases.
#include "replica/participants.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "replica/barrier_listing.hpp"

namespace coord::replica {

bool Participants::concerns(const FromTool& event) const {
  return std::visit(
      [&]<class T>(const T&) {
        return service::contains<Serves, T> || (service::contains<ServesOwn, T> && has(event.connection));
      },
      event.request);
}

void Participants::on(Instant now, const FromTool& event, const service::StateMachine& machine,
                      WallTime wall) {
  const Scene at{now, wall, event, machine};
  std::visit(
      [&]<class T>(const T& request) {
        if constexpr (service::contains<service::Join<Serves, ServesOwn>, T>) asked(at, request);
      },
      event.request);
}

void Participants::asked(const Scene& at, const local::Started& request) {
  const ConnectionId id = at.event.connection;
  Record* found = find(id);
  if (found == nullptr) return;  // what it speaks of is over: its answer is on the way
  if (at.event.unguardable)
    return refuse(id, request.request, at.event.unguardable->kind, at.event.unguardable->why);
  Record& record = *found;
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

void Participants::asked(const Scene& at, const local::Ended& request) {
  const ConnectionId id = at.event.connection;
  Record* found = find(id);
  if (found == nullptr) return;
  Record& record = *found;
  if (record.stage != Stage::running || request.request != record.asked.request) return;
  record.stage = Stage::ended;
  record.take_up_by.reset();  // what could not be executed was not taken up
  set_alarm(id, record);
  ledger_.submit(service::Finish{record.session, request.status, request.run}, {});
}

void Participants::on(const ToolGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return;
  record->connected = false;
  switch (record->stage) {
    case Stage::arriving:
      abandon(*record);
      break;
    case Stage::waiting:
    case Stage::queued:
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
}

void Participants::on(const HoldersGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return;
  record->holders = false;
  const bool runs = record->stage == Stage::running || record->stage == Stage::lost;
  if (runs && !record->connected) {
    // A command that was begun under an earlier life of this peer does not have the descriptor.
    if (record->pid != 0) ledger_.out.push_back(StopCommand{event.connection, record->pid, true});
    close(event.connection, *record, service::CloseReason::holder_gone);
  }
}

void Participants::quorum_is(Instant now, bool quorum) {
  hurry_.leader_is(now, quorum);
  for (auto& [id, record] : records_) {
    if (record.stage != Stage::arriving && record.stage != Stage::waiting) continue;
    if (record.abandoned) {
      if (!quorum) ledger_.retract(record.arrive_ticket);
    } else if (!record.cancel_asked) {
      say(id, record,
          local::Waiting{record.asked.request, quorum, {}, {}, 0, quorum ? "" : ledger_.not_begun});
    }
  }
  ledger_.give_up_late(hurry_, now);
}

void Participants::tick(Instant now) {
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
      if (record.pid != 0) ledger_.out.push_back(StopCommand{id, record.pid, false});
    }
    set_alarm(id, record);
  }
  renew(now, leases_.due(now));
  ledger_.give_up_late(hurry_, now);
}

LeaseUse Participants::use_of(const Record& record) const {
  const bool waits =
      record.stage == Stage::waiting || record.stage == Stage::queued || record.stage == Stage::ended;
  return record.stage == Stage::running ? LeaseUse::runs : waits ? LeaseUse::kept : LeaseUse::none;
}

void Participants::renewed(Instant, ConnectionId id, Record& record, Instant sent,
                           const service::StateMachine& machine) {
  if (record.session != SessionId{} && machine.session(record.session) != nullptr) {
    record.renewal_sent = sent;
    if (record.stage == Stage::running) {
      record.terminated = false;
      say(id, record, local::Renewed{sent + record.asked.ttl, sent});
    }
  }
  set_alarm(id, record);
}

void Participants::close(ConnectionId id, Record& record, service::CloseReason why) {
  record.stage = Stage::leaving;
  set_alarm(id, record);
  if (record.session == SessionId{}) return finish(id);
  submit(id, service::Close{record.session, why}, [this, id](const Ledger::Heard&, Record& of) {
    if (of.stage == Stage::leaving) finish(id);
  });
}

// Nothing more is to be done for this arrival; its connection may go on.
void Participants::finish(ConnectionId id) {
  const auto found = records_.find(id);
  const bool connected = found->second.connected;
  leases_.clear(id, found->second);
  if (found->second.session != SessionId{}) by_session_.erase(found->second.session);
  records_.erase(found);
  if (!connected) ledger_.out.push_back(SessionOver{id});
}

// ---- what the log says

void Participants::on(Instant now, const Applied& event, service::ClientId self) {
  hurry_.committed(now);
  hear_effects<Hears>(event.effects, [&](const auto& effect) { heard({now, self}, effect); });
}

void Participants::on(Instant now, const Replaced&, const service::StateMachine& machine) {
  hurry_.committed(now);
  for (const ConnectionId id : with_sessions()) look(now, id, machine);
}

void Participants::heard(const News& at, const service::BarrierMoved& move) {
  for (const SessionId session : move.sessions) {
    if (const auto id = connection_of(session)) moved(at.now, *id, move.number, move.generation);
  }
}

void Participants::heard(const News& at, const service::Closed& end) {
  const auto id = connection_of(end.session);
  if (id && records_.at(*id).stage != Stage::leaving) ended(at.now, *id, records_.at(*id));
}

// The log says what became of the generation that this participant is, or was, in.
void Participants::moved(Instant now, ConnectionId id, std::uint64_t number,
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
    say(id, record,
        local::Broken{asked.request, number, generation.trigger, std::move(report), generation.cause,
                      generation.why});
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
  } else if (record.stage == Stage::waiting || record.stage == Stage::queued) {
    const bool turn = !generation.terms.in_turn || generation.turn == asked.id;
    if (COORD_RULE(command_begins_in_turn, turn)) return start(now, id, record);
    if (record.stage == Stage::waiting) queue(id, record);
  }
}

// It is counted; its command is another one's turn away, or more.
void Participants::queue(ConnectionId id, Record& record) {
  if (!record.connected) return close(id, record, service::CloseReason::holder_gone);
  record.stage = Stage::queued;
  record.cancel_asked = false;  // the release was ordered first
  set_alarm(id, record);
  say(id, record, local::TurnComes{record.asked.request, record.generation});
}

// The command may begin.
void Participants::start(Instant now, ConnectionId id, Record& record) {
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
void Participants::lose(ConnectionId id, Record& record, const std::string& why) {
  record.stage = Stage::lost;
  say(id, record, local::Lost{why});
  if (record.pid != 0) ledger_.out.push_back(StopCommand{id, record.pid, true});
  set_alarm(id, record);
}

// The session has ended and nobody here asked for it: its lease ran out at the leader.
void Participants::ended(Instant now, ConnectionId id, Record& record) {
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
    answer.quorum = ledger_.quorum;
    answer.missing = record.asked.expect;
    say(id, record, std::move(answer));
    finish(id);
  } else if (use_of(record) == LeaseUse::kept) {
    // The same arrival, if the group still knows it. One that only waited was withdrawn with its session.
    record.asked.generation = record.stage == Stage::waiting ? 0 : record.generation;
    arrive(now, id, record);
  }
}

// What became of it, by the machine itself: the entries that say so were not seen.
void Participants::look(Instant now, ConnectionId id, const service::StateMachine& machine) {
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

}  // namespace coord::replica
