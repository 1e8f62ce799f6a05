// SPDX-License-Identifier: MIT
// From the Acquire to the grant, or to no grant. How long that is waited for which is not to wait: hurry.hpp.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/enrolments.hpp"
#include "replica/sessions.hpp"
#include "service/locks/wait_graph.hpp"

namespace coord::replica {

void Sessions::asked(const Scene& at, Record& record, const local::Acquire& request) {
  if (record.stage == Stage::idle) {
    record.inside = sessions_of(at.event.inside);
    if (waits_for_itself(at, request)) {
      return refuse(
          at.event.connection, request.request,
          request.wait ? local::RefusedKind::deadlock : local::RefusedKind::held,
          fmt::format("deadlock: this runs inside of a hold of the same name, which process {} cannot enter",
                      request.holder));
    }
  }
  if (!record.greeted || record.stage != Stage::idle) {
    refuse(at.event.connection, request.request, local::RefusedKind::protocol,
           "one request at a time, after a greeting");
    return;
  }
  if (!ledger_.may_last(request.ttl)) {
    refuse(at.event.connection, request.request, local::RefusedKind::mismatch,
           "the TTL is out of range: give 1 second to 1 hour");
    return;
  }
  // The log would refuse it: an entry less until it is asked for with sites. This peer may be behind; then an
  // epoch that is there is joined by whoever names its sites.
  if (request.part && request.part->names_no_sites() && request.names.size() == 1 &&
      !at.machine.of<service::Locks>().has_open_epoch(request.names.front(), ledger_.config.self)) {
    return refuse(at.event.connection, request.request, local::RefusedKind::forgotten,
                  service::describe(service::Refusal::no_such_epoch));
  }
  record.asked = request;
  record.asked_at = at.now;
  record.hurried.reset();
  if (!request.wait) record.hurried = at.now;
  record.ttl = request.ttl;
  record.status.reset();
  record.abandoned = record.cancel_asked = record.cancel_sent = record.terminated = false;
  record.holders = true;
  record.break_at.reset();
  record.take_up_by.reset();
  record.elsewhere.reset();
  record.took_part.reset();
  record.signalled = false;
  record.pid = 0;
  submit_acquire(at.now, at.event.connection, record);
  if (!ledger_.quorum && !record.hurried) say_quorum(at.event.connection, record);
}

// One of the names is held, so that it cannot be shared, by what would have to end first.
bool Sessions::waits_for_itself(const Scene& at, const local::Acquire& request) {
  const auto stops = [&](const service::Request& hold) {
    const bool shared = hold.terms.mode == service::Mode::shared && request.mode == local::Mode::shared;
    return hold.held() && !shared && hold.terms.permits == 1 &&
           std::ranges::any_of(request.names, [&](const std::string& name) {
             return std::ranges::find(hold.names, name) != hold.names.end();
           });
  };
  for (const SessionId session : sessions_of(at.event.not_entered)) {
    for (const auto& [number, place] : at.machine.of<service::Locks>().requests_of(session)) {
      if (stops(at.machine.state().requests.at(place))) return true;
    }
  }
  return false;
}

void Sessions::submit_acquire(Instant now, ConnectionId id, Record& record) {
  const local::Acquire& request = record.asked;
  service::Acquire body;
  body.session = record.session;
  if (record.session == SessionId{}) {
    body.open = service::Open{ledger_.owner(record.who, request.pid, request.command), request.ttl, id.value};
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
  body.put = request.put;
  body.part = request.part;
  body.key = {request.key_high, request.key_low};
  body.join = request.join;
  record.stage = Stage::acquiring;
  record.acquire_sent = now;
  set_alarm(id, record);
  record.acquire_ticket = submit(
      id, std::move(body), [this, id](const Ledger::Heard& heard, Record& of) { acquired(heard, id, of); });
  if (record.hurried) hurry_acquire(id, record.acquire_ticket, *record.hurried);
}

void Sessions::acquired(const Ledger::Heard& heard, ConnectionId id, Record& record) {
  const service::Outcome& what = heard.what.what;
  const bool granted_or_queued =
      what.kind == service::OutcomeKind::granted || what.kind == service::OutcomeKind::queued;
  if (what.kind == service::OutcomeKind::refused && !record.abandoned &&
      kept_out_by_nobody(record, what.why)) {
    return submit_acquire(heard.now, id, record);  // behind the end of what keeps it out
  }
  if (!granted_or_queued) return not_acquired(heard, id, record);
  if (record.session != what.session) {
    record.session = what.session;
    record.renewal_sent = record.acquire_sent;
    by_session_[what.session] = id;
  }
  record.stage = Stage::waiting;
  if (record.abandoned || !record.connected) {
    orphan(record);
    close(id, record, service::CloseReason::finished);
  } else {
    stands(heard.now, id, record, heard.machine.standing(what.session, what.request), heard.machine);
  }
}

void Sessions::not_acquired(const Ledger::Heard& heard, ConnectionId id, Record& record) {
  const service::Outcome& what = heard.what.what;
  record.stage = Stage::idle;
  if (record.abandoned) {
    // Nobody asks any more.
  } else if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, ledger_.quorum});
  } else if (!heard.what.rejected.empty()) {
    refuse(id, record.asked.request, local::RefusedKind::limit, heard.what.rejected);
  } else if (what.kind == service::OutcomeKind::refused) {
    const bool deadlock = what.why == service::Refusal::deadlock;
    std::string now_it_is;
    if (what.why == service::Refusal::wrong_version && record.asked.put) {
      const auto view = heard.machine.of<service::Values>().answer(service::GetValue{record.asked.put->key});
      now_it_is = fmt::format("version {}: ", view.of.version.value);
    }
    refuse(
        id, record.asked.request, kind_of(what.why),
        now_it_is + (deadlock ? service::in_words(heard.machine, what.cycle) : service::describe(what.why)));
  } else {
    refuse(id, record.asked.request, local::RefusedKind::no_quorum,
           "this peer was replaced while it asked: try again");
  }
  if (record.session != SessionId{}) {
    close(id, record, service::CloseReason::finished);
  } else if (!record.connected) {
    finish(id);
  }
}

// Where its request, which was ordered, stands by now.
void Sessions::stands(Instant now, ConnectionId id, Record& record, const service::Standing& standing,
                      const service::StateMachine& machine) {
  switch (standing.kind) {
    case service::Standing::Kind::held:
      return granted(now, id, record, standing.token, machine);
    case service::Standing::Kind::no_session:
      return ended(now, id, record, "the lease ran out before the answer came");
    case service::Standing::Kind::joined:
      return joined(id, record, standing.status);
    case service::Standing::Kind::no_request:
      // A leadership's slot was settled; how, the answer will say.
      return record.asked.candidacy ? submit_acquire(now, id, record) : deadlocked(id, record, {}, machine);
    case service::Standing::Kind::waiting:
      break;
  }
  set_alarm(id, record);
  say(id, record,
      local::Waiting{record.asked.request,
                     ledger_.quorum,
                     {},
                     blockers_of(machine, record.session, record.asked.request)});
  if (record.cancel_asked) hurry(now, id, record);
}

void Sessions::granted(Instant now, ConnectionId id, Record& record, Token token,
                       const service::StateMachine& machine) {
  record.token = token;
  if (!record.connected) {
    close(id, record, service::CloseReason::finished);
    return;
  }
  if (!COORD_RULE(late_grant_is_closed, now < leases_.stop_by(record))) {
    // Too late to be of use: the lease may be over before the command has begun. Ask
    // anew, with a new session.
    close_nobodys(record.session, service::CloseReason::finished);
    ended(now, id, record, "the lease ran out before the grant came");
    return;
  }
  record.cancel_asked = record.cancel_sent = false;  // the grant was ordered first
  record.stage = Stage::held;
  if (record.asked.holder != 0) {
    record.pid = record.asked.holder;
    record.grace = std::clamp(record.asked.grace, Duration{}, record.asked.ttl);
  }
  if (COORD_RULE_OR(renew_only_what_was_taken_up, record.speaks >= 2, false))
    record.take_up_by = leases_.take_up_by(record, now);
  set_alarm(id, record);
  keep(id, record);
  const service::Candidate* leader =
      machine.of<service::Elections>().candidate(record.session, record.asked.request);
  say(id, record,
      local::Granted{record.asked.request, token, record.session, record.renewal_sent + record.asked.ttl,
                     record.renewal_sent, record.who.secret, leader != nullptr ? leader->attempt : 0});
}

// Its wait was ended by the group, for it would have had no end.
void Sessions::deadlocked(ConnectionId id, Record& record, const service::Cycle& cycle,
                          const service::StateMachine& machine) {
  if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, ledger_.quorum});
  } else {
    refuse(id, record.asked.request, local::RefusedKind::deadlock, service::in_words(machine, cycle));
  }
  record.cancel_asked = false;
  close(id, record, service::CloseReason::finished);
}

// What it waited to run was run by the command that it had joined.
void Sessions::joined(ConnectionId id, Record& record, std::uint8_t status) {
  record.cancel_asked = false;
  say(id, record, local::Joined{record.asked.request, status});
  close(id, record, service::CloseReason::finished);
}

// It waits no more: its slot is complete, or used up.
void Sessions::dismissed(ConnectionId id, Record& record, service::Refusal why) {
  if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, ledger_.quorum});
  } else {
    refuse(id, record.asked.request, kind_of(why), service::describe(why));
  }
  record.cancel_asked = false;
  close(id, record, service::CloseReason::finished);
}

// ---- who waits no longer

void Sessions::asked(const Scene& at, Record& record, const local::Cancel& request) {
  if (request.request != record.asked.request || record.abandoned) return;
  if (record.stage != Stage::acquiring && record.stage != Stage::waiting)
    return;  // Granted or Refused is on its way
  record.cancel_asked = true;
  hurry(at.now, at.event.connection, record);
}

// The tool has cancelled. While there is no leader its time for one counts from when it asked: who has waited
// for longer than -n would is answered at once.
void Sessions::hurry(Instant now, ConnectionId id, Record& record) {
  if (!record.hurried) record.hurried = ledger_.quorum ? now : record.asked_at;
  if (record.stage == Stage::acquiring) {
    hurry_acquire(id, record.acquire_ticket, *record.hurried);
  } else if (!std::exchange(record.cancel_sent, true)) {
    const std::uint64_t ticket =
        submit(id, service::Cancel{record.session, record.asked.request},
               [this, id](const Ledger::Heard& heard, Record& of) { cancelled(id, of, heard.what); });
    hurry_acquire(id, ticket, *record.hurried);
  }
  ledger_.give_up_late(hurry_, now);
}

void Sessions::hurry_acquire(ConnectionId id, std::uint64_t ticket, Instant since) {
  ledger_.hurry(hurry_, ticket, since, [this, id](bool may_be_ordered) {
    if (Record* record = find(id)) give_up_acquire(id, *record, may_be_ordered);
  });
}

void Sessions::cancelled(ConnectionId id, Record& record, const Outcome& event) {
  if (record.stage != Stage::waiting)
    return;  // granted by an earlier entry, or the session ended: both were told
  if (event.what.kind == service::OutcomeKind::already_granted)
    return;  // its Granted came, or comes with this entry
  if (record.cancel_asked) say(id, record, local::Cancelled{record.asked.request, ledger_.quorum});
  record.cancel_asked = false;
  close(id, record, service::CloseReason::finished);
}

// Answers a tool that no longer waits although nothing can be ordered now; what it may have left in the log
// is closed later.
void Sessions::give_up_acquire(ConnectionId id, Record& record, bool may_be_ordered) {
  const bool asks = record.stage == Stage::acquiring;
  if (record.abandoned || (!asks && record.stage != Stage::waiting)) return;
  // A grant that nobody takes up is closed and leaves nothing behind, but for these.
  const char* counted = nullptr;
  if (record.asked.candidacy && record.asked.candidacy->slot) counted = "an attempt at the slot";
  if (record.asked.period != Duration{}) counted = "a permit";
  if (asks && may_be_ordered && counted != nullptr) {
    say(id, record,
        local::Refused{record.asked.request, local::RefusedKind::unknown,
                       fmt::format("{}: {} may have been used up", no_leader_text(), counted)});
  } else if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, false, ledger_.not_begun});
  } else {
    say(id, record, local::Refused{record.asked.request, local::RefusedKind::no_quorum, no_leader_text()});
  }
  record.cancel_asked = false;
  if (!asks) return close(id, record, service::CloseReason::finished);
  record.abandoned = true;
  ledger_.retract(record.acquire_ticket);
}

// ---- what was given up and ordered all the same: granted to nobody

void Sessions::orphan(const Record& record) {
  orphans_.insert_or_assign(record.session,
                            std::pair(record.asked.names, record.asked.candidacy.has_value()));
}

// Who does not wait was refused for the sake of a request that nobody wants any more, and whose end was sent
// a moment ago.
bool Sessions::kept_out_by_nobody(const Record& record, service::Refusal why) const {
  const bool kept_out = why == service::Refusal::held || why == service::Refusal::slot_running;
  if (record.asked.wait || !COORD_RULE_OR(given_up_is_in_nobodys_way, kept_out, false)) return false;
  const std::vector<std::string>& wanted = record.asked.names;
  return std::ranges::any_of(orphans_, [&](const auto& orphan) {
    const auto& [names, leads] = orphan.second;
    return leads == record.asked.candidacy.has_value() &&
           std::ranges::any_of(names, [&](const std::string& name) {
             return std::ranges::find(wanted, name) != wanted.end();
           });
  });
}

// ---- what the log says of who waits

void Sessions::heard(const News& at, const service::Granted& grant) {
  const auto id = connection_of(grant.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage == Stage::waiting) granted(at.now, *id, record, grant.token, at.machine);
}

void Sessions::heard(const News& at, const service::Deadlocked& stuck) {
  const auto id = connection_of(stuck.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage == Stage::waiting) deadlocked(*id, record, stuck.cycle, at.machine);
}

void Sessions::heard(const News&, const service::Joined& other) {
  const auto id = connection_of(other.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage == Stage::waiting) joined(*id, record, other.status);
}

void Sessions::heard(const News&, const service::Dismissed& out) {
  const auto id = connection_of(out.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage == Stage::waiting) dismissed(*id, record, out.why);
}

// An Acquire that was given up while it was on its way: nobody wants its session. Those of this host's
// earlier lives: close_strangers().
void Sessions::heard(const News& at, const service::Opened& open) {
  const bool ours = open.node == ledger_.config.self && open.to.client == at.self;
  if (ours && !by_session_.contains(open.session) && (open.nonce & enrolled_mark) == 0)
    close_nobodys(open.session, service::CloseReason::finished);
}

}  // namespace coord::replica
