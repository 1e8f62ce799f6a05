// What the log says of the sessions of this host.
#include <algorithm>

#include "base/rule.hpp"
#include "replica/enrolments.hpp"
#include "replica/sessions.hpp"
#include "service/locks/wait_graph.hpp"

namespace coord::replica {

local::RefusedKind kind_of(service::Refusal why) {
  switch (why) {
    case service::Refusal::held:
      return local::RefusedKind::held;
    case service::Refusal::slots_differ:
    case service::Refusal::invalid:
    case service::Refusal::owner_too_long:
    case service::Refusal::exclusive_in_shared:
    case service::Refusal::rate_differs:
    case service::Refusal::not_yours:
      return local::RefusedKind::mismatch;
    case service::Refusal::deadlock:
      return local::RefusedKind::deadlock;
    case service::Refusal::slot_done:
      return local::RefusedKind::slot_done;
    case service::Refusal::slot_running:
      return local::RefusedKind::slot_running;
    case service::Refusal::attempts_used:
      return local::RefusedKind::attempts_used;
    case service::Refusal::no_such_request:
    case service::Refusal::not_leading:
    case service::Refusal::other_users_enrolment:
    case service::Refusal::not_enrolled:
      return local::RefusedKind::held;
    case service::Refusal::too_many_sessions:
    case service::Refusal::too_many_of_user:
    case service::Refusal::too_many_requests:
    case service::Refusal::too_many_of_session:
    case service::Refusal::too_many_names:
    case service::Refusal::too_many_owner_bytes:
    case service::Refusal::too_many_slots:
    case service::Refusal::too_many_names_of_user:
    case service::Refusal::too_many_slots_of_user:
    case service::Refusal::too_many_barriers_of_user:
    case service::Refusal::moving:
      return local::RefusedKind::limit;
    default:
      return local::RefusedKind::protocol;
  }
}

SessionActions Sessions::on(Instant now, const Outcome& event, const service::Machine& machine) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  const Ticket what = std::move(found->second);
  tickets_.erase(found);
  hurry_.end(event.ticket);
  if (what.kind == Ticket::Kind::renew) {
    renewed(now, what, machine);
    return take();
  }
  if (what.kind == Ticket::Kind::break_it) {
    break_ordered(what, event, machine);
    return take();
  }
  const ConnectionId id = what.connections.front();
  Record* record = find(id);
  if (record == nullptr) return take();
  if (what.kind == Ticket::Kind::election) election_ordered(id, *record, what, event);
  if (what.kind == Ticket::Kind::acquire) acquired(now, id, *record, event, machine);
  if (what.kind == Ticket::Kind::cancel) cancelled(id, *record, event);
  if (what.kind == Ticket::Kind::close) closed(id, *record);
  return take();
}

void Sessions::acquired(Instant now, ConnectionId id, Record& record, const Outcome& event,
                        const service::Machine& machine) {
  const service::Outcome& what = event.what;
  const bool granted_or_queued =
      what.kind == service::OutcomeKind::granted || what.kind == service::OutcomeKind::queued;
  if (what.kind == service::OutcomeKind::refused && !record.abandoned &&
      kept_out_by_nobody(record, what.why)) {
    submit_acquire(now, id, record);  // behind the end of what keeps it out
    return;
  }
  if (!granted_or_queued) {
    record.stage = Stage::idle;
    if (!record.abandoned) {
      if (record.cancel_asked) {
        say(id, record, local::Cancelled{record.asked.request, quorum_});
      } else if (!event.rejected.empty()) {
        refuse(id, record.asked.request, local::RefusedKind::limit, event.rejected);
      } else if (what.kind == service::OutcomeKind::refused) {
        const bool deadlock = what.why == service::Refusal::deadlock;
        refuse(id, record.asked.request, kind_of(what.why),
               deadlock ? service::in_words(machine, what.cycle) : service::describe(what.why));
      } else {
        refuse(id, record.asked.request, local::RefusedKind::no_quorum,
               "this peer was replaced while it asked: try again");
      }
    }
    if (record.session != SessionId{}) {
      close(id, record, service::CloseReason::finished);
    } else if (!record.connected) {
      finish(id);
    }
    return;
  }
  const service::Standing standing = machine.standing(what.session, what.request);
  if (record.session != what.session) {
    record.session = what.session;
    record.renewal_sent = record.acquire_sent;
    by_session_[what.session] = id;
  }
  record.stage = Stage::waiting;
  if (record.abandoned || !record.connected) {
    orphan(record);
    close(id, record, service::CloseReason::finished);
  } else if (standing.kind == service::Standing::Kind::held) {
    granted(now, id, record, standing.token, machine);
  } else if (standing.kind == service::Standing::Kind::no_session) {
    ended(now, id, record, "the lease ran out before the answer came");
  } else if (standing.kind == service::Standing::Kind::joined) {
    joined(id, record, standing.status);
  } else if (standing.kind == service::Standing::Kind::no_request && record.asked.candidacy) {
    submit_acquire(now, id, record);  // its slot was settled; how, the answer will say
  } else if (standing.kind == service::Standing::Kind::no_request) {
    deadlocked(id, record, {}, machine);
  } else {
    set_alarm(id, record);
    say(id, record,
        local::Waiting{record.asked.request, quorum_, {}, blockers_of(machine, what.session, what.request)});
    if (record.cancel_asked) hurry(now, id, record);
  }
}

void Sessions::granted(Instant now, ConnectionId id, Record& record, Token token,
                       const service::Machine& machine) {
  record.token = token;
  if (!record.connected) {
    close(id, record, service::CloseReason::finished);
    return;
  }
  if (now >= leases_.stop_by(record)) {
    // Too late to be of use: the lease may be over before the command has begun. Ask anew, with a new
    // session.
    abandon(record.session);
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

void Sessions::cancelled(ConnectionId id, Record& record, const Outcome& event) {
  if (record.stage != Stage::waiting)
    return;  // granted by an earlier entry, or the session ended: both were told
  if (event.what.kind == service::OutcomeKind::already_granted)
    return;  // its Granted came, or comes with this entry
  if (record.cancel_asked) say(id, record, local::Cancelled{record.asked.request, quorum_});
  record.cancel_asked = false;
  close(id, record, service::CloseReason::finished);
}

// The session is over, as asked for.
void Sessions::closed(ConnectionId id, Record& record) {
  forget(record);
  orphans_.erase(record.session);
  if (record.session != SessionId{}) by_session_.erase(record.session);
  record.session = SessionId{};
  record.stage = Stage::idle;
  if (record.release_asked) say(id, record, local::Released{record.asked.request});
  record.release_asked = false;
  if (!record.connected) finish(id);
}

void Sessions::renewed(Instant now, const Ticket& ticket, const service::Machine& machine) {
  for (const ConnectionId id : ticket.connections) {
    Record* record = find(id);
    if (record == nullptr || !record->renewing) continue;
    record->renewing = false;
    if (record->session != SessionId{} && machine.session(record->session) != nullptr) {
      record->renewal_sent = COORD_RULE_OR(deadline_counts_from_sending, ticket.sent, now);
      if (record->stage == Stage::held) {
        record->terminated = record->terminated && record->break_at;
        keep(id, *record);
        // Ordered while this peer was down, or in a snapshot that came instead of the log.
        if (machine.session(record->session)->breaking) break_hold(now, id, *record, "somebody");
        say(id, *record, local::Renewed{record->renewal_sent + record->asked.ttl, record->renewal_sent});
        // Told while this peer, or its earlier process, did not see it.
        const service::Leadership* leadership = machine.of<service::Elections>().leadership_of(record->token);
        if (leadership != nullptr && leadership->deposed) step_down(now, id, *record, false);
      }
    } else if (record->session != SessionId{}) {
      ended(now, id, *record, "its lease ran out while this peer was down");
      continue;
    }
    set_alarm(id, *record);
  }
}

// Its wait was ended by the group, for it would have had no end.
void Sessions::deadlocked(ConnectionId id, Record& record, const service::Cycle& cycle,
                          const service::Machine& machine) {
  if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, quorum_});
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

void Sessions::abandon(SessionId session) {
  submit(Ticket{Ticket::Kind::close, {ConnectionId{}}, {}, {}},
         service::Close{session, service::CloseReason::finished});
}

// The session has ended and nobody here asked for it: its lease ran out at the leader, or somebody broke it.
void Sessions::ended(Instant now, ConnectionId id, Record& record, const std::string& why) {
  by_session_.erase(record.session);
  record.session = SessionId{};
  record.renewing = false;
  if (record.stage == Stage::held) {
    lose(id, record, why);
  } else if (record.stage == Stage::waiting && !record.connected) {
    finish(id);
  } else if (record.stage == Stage::waiting && record.cancel_asked) {
    record.cancel_asked = false;
    record.stage = Stage::idle;
    set_alarm(id, record);
    say(id, record, local::Cancelled{record.asked.request, quorum_});
  } else if (record.stage == Stage::waiting) {
    submit_acquire(now, id, record);  // back to the end of the line
  }
}

SessionActions Sessions::on(Instant now, const Applied& event, service::ClientId self,
                            const service::Machine& machine) {
  hurry_.committed(now);
  for (const service::Effect& effect : event.effects) {
    if (const auto* grant = std::get_if<service::Granted>(&effect)) {
      const auto found = by_session_.find(grant->session);
      if (found == by_session_.end()) continue;
      Record& record = records_.at(found->second);
      if (record.stage == Stage::waiting) granted(now, found->second, record, grant->token, machine);
    } else if (const auto* broken = std::get_if<service::BreakAsked>(&effect)) {
      const auto found = by_session_.find(broken->session);
      if (found != by_session_.end())
        break_hold(now, found->second, records_.at(found->second), broken->user);
    } else if (const auto* end = std::get_if<service::Closed>(&effect)) {
      tell_breakers(end->session);
      orphans_.erase(end->session);
      const auto found = by_session_.find(end->session);
      if (found == by_session_.end()) continue;
      const ConnectionId id = found->second;
      Record& record = records_.at(id);
      if (record.stage != Stage::closing) ended(now, id, record, "its lease ran out at the leader");
    } else if (const auto* stuck = std::get_if<service::Deadlocked>(&effect)) {
      const auto found = by_session_.find(stuck->session);
      if (found == by_session_.end()) continue;
      Record& record = records_.at(found->second);
      if (record.stage == Stage::waiting) deadlocked(found->second, record, stuck->cycle, machine);
    } else if (const auto* other = std::get_if<service::Joined>(&effect)) {
      const auto found = by_session_.find(other->session);
      if (found == by_session_.end()) continue;
      Record& record = records_.at(found->second);
      if (record.stage == Stage::waiting) joined(found->second, record, other->status);
    } else if (const auto* open = std::get_if<service::Opened>(&effect)) {
      // An Acquire that was given up while it was on its way: nobody wants its session. Those of this host's
      // earlier lives: close_strangers().
      const bool ours = open->node == config_.self && open->to.client == self;
      if (ours && !by_session_.contains(open->session) && (open->nonce & enrolled_mark) == 0)
        abandon(open->session);
    } else if (const auto* down = std::get_if<service::StepDown>(&effect)) {
      const auto found = by_session_.find(down->session);
      if (found != by_session_.end())
        step_down(now, found->second, records_.at(found->second), down->preempted);
    } else if (const auto* out = std::get_if<service::Dismissed>(&effect)) {
      const auto found = by_session_.find(out->session);
      if (found != by_session_.end() && records_.at(found->second).stage == Stage::waiting)
        dismissed(found->second, records_.at(found->second), out->why);
    }
  }
  close_strangers(self, machine);
  return take();
}

SessionActions Sessions::on(Instant now, const Replaced&, const service::Machine& machine) {
  hurry_.committed(now);
  std::erase_if(orphans_, [&](const auto& orphan) { return machine.session(orphan.first) == nullptr; });
  std::vector<ConnectionId> ids;
  for (const auto& [session, id] : by_session_) ids.push_back(id);
  for (const ConnectionId id : ids) {
    Record& record = records_.at(id);
    if (record.stage != Stage::waiting && record.stage != Stage::held) continue;
    const service::Standing standing = machine.standing(record.session, record.asked.request);
    const bool no_request = standing.kind == service::Standing::Kind::no_request;
    if (standing.kind == service::Standing::Kind::joined) {
      if (record.stage == Stage::waiting) joined(id, record, standing.status);
    } else if (no_request && record.stage == Stage::waiting && record.asked.candidacy) {
      submit_acquire(now, id, record);
    } else if (no_request && record.stage == Stage::waiting) {
      deadlocked(id, record, {}, machine);
    } else if (no_request || standing.kind == service::Standing::Kind::no_session) {
      ended(now, id, record, "its lease ran out at the leader");
    } else if (standing.kind == service::Standing::Kind::held && record.stage == Stage::waiting) {
      granted(now, id, record, standing.token, machine);
    }
  }
  tell_breakers_of_gone(machine);
  return take();
}

SessionActions Sessions::on(const QueryReady& event, const service::Machine& machine, WallTime wall) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  const Ticket what = std::move(found->second);
  tickets_.erase(found);
  if (what.kind == Ticket::Kind::election) {
    election_ready(what, machine, wall);
    return take();
  }
  list(what, machine, wall);
  return take();
}

SessionActions Sessions::on(const QueryFailed& event) {
  const auto found = tickets_.find(event.ticket);
  if (found == tickets_.end()) return {};
  const Ticket& what = found->second;
  const bool order = what.election && (std::holds_alternative<local::Stand>(*what.election) ||
                                       std::holds_alternative<local::Depose>(*what.election));
  refuse(what.connections.front(), what.election ? what.request : request_of(what.question),
         local::RefusedKind::no_quorum,
         no_quorum_text(not_begun_) +
             (order ? ": nothing has changed: see dpeers" : ": --stale shows local knowledge"));
  tickets_.erase(found);
  return take();
}

void Sessions::list(const Ticket& ticket, const service::Machine& machine, WallTime wall) {
  for (local::Answer& answer : answers_to(ticket.question, machine, wall))
    out_.push_back(ToTool{ticket.connections.front(), std::move(answer)});
}

}  // namespace coord::replica
