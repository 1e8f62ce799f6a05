// SPDX-License-Identifier: MIT
// From the arrival in a barrier to the release, or to the departure.
#include <algorithm>

#include "base/rule.hpp"
#include "replica/barrier_listing.hpp"
#include "replica/participants.hpp"

namespace coord::replica {

void Participants::asked(const Scene& at, const local::Arrive& request) {
  const FromTool& event = at.event;
  const ConnectionId id = event.connection;
  if (has(id)) {
    return refuse(id, request.request, local::RefusedKind::protocol, "one barrier at a time on a connection");
  }
  if (event.unguardable) return refuse(id, request.request, event.unguardable->kind, event.unguardable->why);
  if (!ledger_.may_last(request.ttl)) {
    return refuse(id, request.request, local::RefusedKind::mismatch,
                  "the TTL is out of range: give 1 second to 1 hour");
  }
  Record& record = records_[id];
  record.who = event.who;
  record.asked = request;
  record.asked_at = at.now;
  record.ttl = request.ttl;
  std::vector<std::string>& expect = record.asked.expect;
  std::sort(expect.begin(), expect.end());
  expect.erase(std::unique(expect.begin(), expect.end()), expect.end());
  // Said before anything is ordered: if this peer dies, its tool knows from where on
  // it may have been counted.
  const bool first = request.generation == 0;
  if (first) record.generation = at.machine.state().barriers.earliest_of(request.name);
  if (COORD_RULE_OR(barrier_floor_is_told_first, first, false) || !ledger_.quorum)
    say(id, record,
        local::Waiting{request.request,
                       ledger_.quorum,
                       {},
                       {},
                       first ? record.generation : 0,
                       ledger_.quorum ? "" : ledger_.not_begun});
  arrive(at.now, id, record);
}

void Participants::arrive(Instant now, ConnectionId id, Record& record) {
  const local::Arrive& asked = record.asked;
  service::Arrive body;
  body.open.owner = ledger_.owner(record.who, asked.pid, asked.command_line);
  body.open.ttl = asked.ttl;
  body.open.nonce = id.value;
  body.name = asked.name;
  body.id = asked.id;
  body.terms = {asked.count, asked.quorum, asked.after, asked.expect, asked.in_turn};
  body.command = asked.command;
  body.break_on_death = asked.break_on_death;
  body.key = asked.key;
  body.generation = asked.generation;
  body.fail = asked.fail;
  body.why = asked.why;
  record.stage = Stage::arriving;
  record.arrive_sent = now;
  set_alarm(id, record);
  record.arrive_ticket = submit(
      id, std::move(body), [this, id](const Ledger::Heard& heard, Record& of) { arrived(heard, id, of); });
}

void Participants::arrived(const Ledger::Heard& heard, ConnectionId id, Record& record) {
  const service::Outcome& what = heard.what.what;
  if (what.kind != service::OutcomeKind::arrived) {
    not_arrived(heard.what, id, record);
    return finish(id);
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
  if (!as_told)
    say(id, record, local::Waiting{record.asked.request, ledger_.quorum, {}, {}, record.generation});
  if (record.cancel_asked) hurry(heard.now, id, record);
  // What it has caused is told by the effects that follow - unless they came in a snapshot.
  if (heard.what.replaced) look(heard.now, id, heard.machine);
}

// Nor is it said of one who gives up that it has departed: an arrival of its peer's earlier life may count.
void Participants::not_arrived(const Outcome& event, ConnectionId id, const Record& record) {
  const std::uint64_t request = record.asked.request;
  if (record.abandoned) {
    // Nobody asks any more.
  } else if (!event.rejected.empty()) {
    say(id, record, local::Refused{request, local::RefusedKind::limit, event.rejected});
  } else if (event.what.kind == service::OutcomeKind::refused) {
    say(id, record, local::Refused{request, kind_of(event.what.why), service::describe(event.what.why)});
  } else {
    say(id, record,
        local::Refused{request, local::RefusedKind::unknown,
                       "this peer was replaced while it asked: see --status"});
  }
}

// ---- who waits no longer

void Participants::asked(const Scene& at, const local::Cancel& request) {
  const ConnectionId id = at.event.connection;
  Record* record = find(id);
  if (record == nullptr) return;  // what it speaks of is over: its answer is on the way
  const bool waits = record->stage == Stage::arriving || record->stage == Stage::waiting;
  const bool over = record->cancel_asked || record->abandoned;
  if (!waits || request.request != record->asked.request || over) return;
  record->cancel_asked = true;
  hurry(at.now, id, *record);
}

// It is not to wait any longer, but for a leader. While there is none its time for
// one counts from when it came.
void Participants::hurry(Instant now, ConnectionId id, Record& record) {
  const Instant since = ledger_.quorum ? now : record.asked_at;
  if (record.stage == Stage::arriving) {
    hurry_arrival(id, record.arrive_ticket, since);
  } else {
    const std::uint64_t ticket =
        submit(id, service::Depart{record.session}, [this, id](const Ledger::Heard& heard, Record& of) {
          const bool departs = heard.what.what.kind == service::OutcomeKind::departed;
          if (departs && of.stage == Stage::waiting) departed(heard, id, of);
        });
    hurry_arrival(id, ticket, since);
  }
  ledger_.give_up_late(hurry_, now);
}

void Participants::hurry_arrival(ConnectionId id, std::uint64_t ticket, Instant since) {
  ledger_.hurry(hurry_, ticket, since, [this, id, ticket](bool may_be_ordered) {
    if (Record* record = find(id)) give_up(id, *record, may_be_ordered);
    ledger_.retract(ticket);
  });
}

void Participants::departed(const Ledger::Heard& heard, ConnectionId id, Record& record) {
  local::Departed answer;
  answer.request = record.asked.request;
  answer.quorum = ledger_.quorum;
  answer.generation = record.generation;
  answer.arrived = 1;
  const service::Generation* generation = generation_of(heard.machine, record.asked.name, record.generation);
  for (const std::string& expected : record.asked.expect) {
    const bool there =
        expected == record.asked.id || (generation != nullptr && generation->arrivals.contains(expected));
    if (!there) answer.missing.push_back(expected);
  }
  if (generation != nullptr) answer.arrived += static_cast<std::uint32_t>(generation->arrivals.size());
  if (record.asked.report) {
    // Who is gone already is not in it.
    service::Generation alone;
    alone.terms = {record.asked.count, record.asked.quorum, record.asked.after, record.asked.expect,
                   record.asked.in_turn};
    answer.record =
        record_of(record.asked.name, record.generation, generation != nullptr ? *generation : alone);
  }
  say(id, record, std::move(answer));
  finish(id);
}

// Answers a tool that no longer waits although nothing can be ordered now; its arrival is taken back later.
// One that breaks its generation cannot be taken back.
void Participants::give_up(ConnectionId id, Record& record, bool may_be_ordered) {
  if (record.stage != Stage::waiting && record.stage != Stage::arriving) return;
  if (record.asked.fail && may_be_ordered) {
    record.abandoned = true;
    return refuse(id, record.asked.request, local::RefusedKind::unknown,
                  "the quorum was lost meanwhile: see --status when it is back");
  }
  local::Departed answer;
  answer.request = record.asked.request;
  answer.not_begun = ledger_.not_begun;
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
void Participants::abandon(Record& record) {
  record.abandoned = true;
  if (!ledger_.quorum) ledger_.retract(record.arrive_ticket);
}

// One that was given up while it was on its way.
void Participants::heard(const News& at, const service::BarrierArrived& arrival) {
  const bool ours = arrival.to.node == ledger_.config.self && arrival.to.client == at.self;
  if (ours && !by_session_.contains(arrival.session))
    close_nobodys(arrival.session, service::CloseReason::holder_gone);
}

}  // namespace coord::replica
