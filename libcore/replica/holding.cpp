// SPDX-License-Identifier: MIT
// From the grant to the end of a session.
#include <algorithm>

#include "base/rule.hpp"
#include "replica/sessions.hpp"

namespace coord::replica {

void Sessions::asked(const Scene& at, Record& record, const local::Started& request) {
  const bool held = record.stage == Stage::held && request.request == record.asked.request;
  if (held) {
    record.take_up_by.reset();
    if (record.asked.holder == 0) record.pid = request.pid;
    if (record.asked.holder == 0) record.grace = std::clamp(request.grace, Duration{}, record.asked.ttl);
    keep_deadline(record);
    keep(at.event.connection, record);
    set_alarm(at.event.connection, record);
  }
  // To who comes too late it is on the way that it was taken back, or lost.
  if (record.speaks >= 2 && COORD_RULE(taken_up_only_while_held, held))
    say(at.event.connection, record, local::TakenUp{request.request});
}

void Sessions::asked(const Scene& at, Record& record, const local::Release& request) {
  record.holders = at.event.holders_left;
  const bool holds = record.stage == Stage::held || record.stage == Stage::lost;
  if (!holds || request.request != record.asked.request) {
    refuse(at.event.connection, request.request, local::RefusedKind::protocol,
           "nothing is held under this number");
    return;
  }
  record.status = request.status;
  if (record.holders) {  // background descendants go on holding: the session ends with the last of them
    record.released = true;
    say(at.event.connection, record, local::Released{request.request});
    return;
  }
  if (ledger_.quorum) {
    record.release_asked = true;
  } else {
    say(at.event.connection, record, local::Released{request.request});
  }
  close(at.event.connection, record, service::CloseReason::finished);
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
    ledger_.out.push_back(StopCommand{id, record.pid, true, true, true, record.keeps_deadline()});
  } else {
    const bool in_place = record.pid != 0 && record.pid == record.asked.pid;
    const bool by_itself = record.asked.holder != 0 || (in_place && record.stage == Stage::held);
    close(id, record, by_itself ? service::CloseReason::finished : service::CloseReason::holder_gone);
  }
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

// A process that is the holder gets its signal once, in place of TERM. An epoch that this peer has left ends
// with its command: its wrapper, which is spared and has the descriptor, may be stopped for as long as it is.
void Sessions::stop_holders(ConnectionId id, Record& record, bool kill) {
  if (record.asked.holder == 0) {
    const bool to_the_end = kill && record.keeps_deadline();
    ledger_.out.push_back(
        StopCommand{id, record.pid, kill, to_the_end, to_the_end && record.asked.bare, to_the_end});
  } else if (!std::exchange(record.signalled, true)) {
    ledger_.out.push_back(SignalHolder{id, record.asked.signal});
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
  submit(id, service::Close{record.session, why, record.status},
         [this, id](const Ledger::Heard&, Record& of) { closed(id, of); });
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
    say(id, record, local::Cancelled{record.asked.request, ledger_.quorum});
  } else if (record.stage == Stage::waiting) {
    submit_acquire(now, id, record);  // back to the end of the line
  }
}

void Sessions::heard(const News& at, const service::Closed& end) {
  tell_breakers(end.session);
  orphans_.erase(end.session);
  const auto id = connection_of(end.session);
  if (!id) return;
  Record& record = records_.at(*id);
  if (record.stage != Stage::closing) ended(at.now, *id, record, "its lease ran out at the leader");
}

}  // namespace coord::replica
