// SPDX-License-Identifier: MIT
// Connections: what they are, whether there is a majority for them, and their leases.
#include "replica/sessions.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "base/rule.hpp"
#include "wire/local_version.hpp"

namespace coord::replica {

void Sessions::on(Instant now, const FromTool& event, const service::StateMachine& machine, WallTime wall) {
  auto found = records_.find(event.connection);
  if (found == records_.end()) {
    if (records_.size() >= ledger_.config.connections) {
      refuse(event.connection, 0, local::RefusedKind::limit,
             "too many tools are connected to this peer: try again later");
      ledger_.out.push_back(SessionOver{event.connection});
      return;
    }
    found = records_.emplace(event.connection, Record{}).first;
    found->second.who = event.who;
  }
  if (event.unguardable && refuse_unguardable(event)) return;
  const Scene at{now, wall, event, machine};
  std::visit(
      [&]<class T>(const T& request) {
        if constexpr (service::contains<Serves, T>) asked(at, found->second, request);
      },
      event.request);
}

void Sessions::asked(const Scene& at, Record& record, const local::Hello& request) {
  if (request.version != local::protocol_version) {
    refuse(
        at.event.connection, 0, local::RefusedKind::protocol,
        fmt::format("the peer speaks version {}: install the same release on both", local::protocol_version));
    return;
  }
  record.greeted = true;
  record.speaks = local::common(request.speaks);
  say(at.event.connection, record,
      local::Welcome{local::protocol_version, ledger_.config.peer, ledger_.config.scope, local::newest_spoken,
                     ledger_.config.hurry.leader});
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
  ledger_.out.push_back(ToTool{event.connection, std::move(refusal)});
  return true;
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

void Sessions::on(const ToolGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) {  // it never said a word
    ledger_.out.push_back(SessionOver{event.connection});
    return;
  }
  record->connected = false;
  switch (record->stage) {
    case Stage::idle:
      finish(event.connection);
      break;
    case Stage::acquiring:
      record->abandoned = true;
      if (!ledger_.quorum) ledger_.retract(record->acquire_ticket);
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
}

// While the wrapper is connected it decides: it closes its own copy of the
// descriptor just before it releases.
void Sessions::on(const HoldersGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr) return;
  record->holders = false;
  const bool over = record->stage == Stage::held && (!record->connected || record->released);
  if (over || record->stage == Stage::lost) holders_vanished(event.connection, *record);
}

// Of an entry of an earlier life: who has the descriptor now is its wrapper, which was spared. If none runs,
// it is somebody whom this peer cannot see, and who may work on.
void Sessions::on(const CommandGone& event) {
  Record* record = find(event.connection);
  if (record == nullptr || record->stage != Stage::lost) return;
  if (!record->holders || (record->keeps_deadline() && event.wrapper_runs))
    close(event.connection, *record, service::CloseReason::holder_gone);
}

// Its time is the shorter one of two leases: that of the session, and that of what it holds elsewhere.
void Sessions::on(Instant now, const HeldElsewhere& event) {
  const auto id = connection_of(event.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage != Stage::held) return;
  if (!event.lost.empty()) return lose(*id, record, event.lost);
  if (COORD_RULE_OR(elsewhere_bounds_the_session, true, false)) record.elsewhere = event.sent;
  if (now < leases_.terminate_at(record)) record.terminated = record.terminated && record.break_at;
  keep(*id, record);
  say(*id, record, local::Renewed{record.counts_from() + record.asked.ttl, record.counts_from()});
  set_alarm(*id, record);
}

void Sessions::asked(const Scene& at, Record&, const local::ListPeers& request) {
  ledger_.out.push_back(DescribePeers{at.event.connection, request.request});
}

void Sessions::on(Instant now, const Applied& event, service::ClientId self,
                  const service::StateMachine& machine) {
  hurry_.committed(now);
  const News at{now, self, machine};
  hear_effects<Hears>(event.effects, [&](const auto& effect) { heard(at, effect); });
  close_strangers(self, machine);
}

void Sessions::on(Instant now, const Replaced&, const service::StateMachine& machine) {
  hurry_.committed(now);
  std::erase_if(orphans_, [&](const auto& orphan) { return machine.session(orphan.first) == nullptr; });
  for (const ConnectionId id : with_sessions()) {
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
}

void Sessions::quorum_is(Instant now, bool quorum) {
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
  ledger_.give_up_late(hurry_, now);
}

void Sessions::say_quorum(ConnectionId id, const Record& record) {
  local::Waiting waiting{record.asked.request, ledger_.quorum, {}, {}};
  if (!ledger_.quorum) waiting.not_begun = ledger_.not_begun;
  say(id, record, std::move(waiting));
}

std::string Sessions::no_leader_text() const {
  return ledger_.quorum ? "no quorum: nothing was agreed on for too long" : ledger_.no_quorum();
}

void Sessions::tick(Instant now) {
  // With those that are lost now: while their commands are being stopped nobody else shall hold.
  const Leases::Due due = leases_.due(now);
  for (const ConnectionId id : leases_.ringing(now)) {
    Record& record = records_.at(id);
    if (record.stage == Stage::held && record.take_up_by && now >= *record.take_up_by) {
      pass_on(id, record);
    } else if (record.stage == Stage::held && now >= leases_.stop_by(record)) {
      lose(id, record,
           record.break_at           ? "it did not end in time"
           : record.keeps_deadline() ? peer_restarted
           : record.counts_from() < record.renewal_sent
               ? "no renewal for too long: the engine does not answer"
               : "no renewal for too long: the peer cannot reach a majority");
    } else if (record.stage == Stage::held && !record.terminated && now >= leases_.terminate_at(record)) {
      record.terminated = true;
      if (record.keeps_deadline() && !record.break_at) say_restarted(id, record);
      if (record.pid != 0) stop_holders(id, record, false);
    }
    set_alarm(id, record);
  }
  renew(now, due);
  ledger_.give_up_late(hurry_, now);
}

bool Sessions::is_overdue(Instant now, ConnectionId id) const {
  const auto found = records_.find(id);
  if (found == records_.end()) return false;
  const Record& record = found->second;
  return record.stage == Stage::held && !record.take_up_by && !record.break_at &&
         now >= lease::stop_by(record.counts_from(), record.ttl) - record.grace;
}

LeaseUse Sessions::use_of(const Record& record) const {
  // An epoch that this peer has left ends when the command is known to have ended, not before.
  const bool may_run_on = COORD_RULE_OR(epoch_ends_when_its_command_has,
                                        record.stage == Stage::lost && record.keeps_deadline(), false);
  return record.stage == Stage::held                    ? LeaseUse::runs
         : record.stage == Stage::waiting || may_run_on ? LeaseUse::kept
                                                        : LeaseUse::none;
}

void Sessions::renewed(Instant now, ConnectionId id, Record& record, Instant sent,
                       const service::StateMachine& machine) {
  const service::Session* session = record.session == SessionId{} ? nullptr : machine.session(record.session);
  if (session != nullptr) {
    record.renewal_sent = COORD_RULE_OR(deadline_counts_from_sending, sent, now);
    if (record.stage == Stage::held) {
      if (now < leases_.terminate_at(record)) record.terminated = record.terminated && record.break_at;
      keep(id, record);
      // Ordered while this peer was down, or in a snapshot that came instead of the log.
      if (session->breaking) break_hold(now, id, record, "somebody");
      say(id, record, local::Renewed{record.counts_from() + record.asked.ttl, record.counts_from()});
      // Told while this peer, or its earlier process, did not see it.
      const service::Leadership* leadership = machine.of<service::Elections>().leadership_of(record.token);
      if (leadership != nullptr && leadership->deposed) step_down(now, id, record, false);
    }
  } else if (record.session != SessionId{}) {
    return ended(now, id, record, "its lease ran out while this peer was down");
  }
  set_alarm(id, record);
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
  ledger_.out.push_back(SessionOver{id});
}

bool Sessions::ready(ConnectionId id) const {
  const auto found = records_.find(id);
  return found != records_.end() && found->second.greeted && found->second.stage == Stage::idle;
}

SessionId Sessions::session_of(ConnectionId id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? SessionId{} : found->second.session;
}

}  // namespace coord::replica
