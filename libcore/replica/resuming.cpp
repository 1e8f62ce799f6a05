// SPDX-License-Identifier: MIT
// Sessions that outlive this process.
//
// The problem. coordd is killed, or replaced by a newer one, and started again while commands run under its
// sessions. Leases do not know that: unless renewed they end, and commands that could have gone on are
// stopped. The obvious way, have the new process renew whatever the log says belongs to its host, keeps
// sessions alive that nobody uses any more, and one that counts their leases anew from its own start lets a
// command run on whose lock somebody else may have by then.
//
// The way here. Before a tool is told that it holds, a record of it is kept where the end of the process
// cannot take it: with what to find the holder by, and with when the last renewal that succeeded was sent.
// The next process takes up those whose holders are left, counts on from that instant, and renews first;
// those whose holders are gone it closes at once. A session of an earlier life that has no record was never
// told to anybody: closed as well, so that nobody waits for its lease - unless it is older than the records,
// which may have been lost with the state directory while commands ran on. The registration of the new
// process makes this safe: from its place in the log on no command of the earlier one takes effect, so that
// after it all sessions of earlier lives are known.
//
// A tool that comes back shows the session's secret and is its tool again. One that waited asks anew and has
// a new place in line.
//
// Who takes part in an epoch of a classical algorithm does so at a site that has left it with the earlier
// life. What runs under it keeps the deadline that it had, and is stopped by then. Its session is renewed
// beyond that, until the command is known to have ended: before, no other epoch may begin.
#include <algorithm>
#include <utility>

#include "base/rule.hpp"
#include "replica/enrolments.hpp"
#include "replica/sessions.hpp"

namespace coord::replica {

void Sessions::keep(ConnectionId id, Record& record) {
  HoldRecord kept;
  kept.session = record.session;
  kept.request = record.asked.request;
  kept.token = record.token;
  kept.secret = record.who.secret;
  kept.uid = record.who.uid;
  kept.ttl = record.asked.ttl;
  // The deadline that an entry of an earlier life has is of that life, also before it has a command.
  kept.renewal_sent =
      record.took_part ? std::min(*record.took_part, record.counts_from()) : record.counts_from();
  kept.pid = record.pid;
  kept.grace = record.grace;
  kept.holder = record.asked.holder;
  kept.signal = record.asked.signal;
  kept.bare = record.asked.bare;
  kept.taken_up = !record.take_up_by;
  kept.elsewhere = record.elsewhere.has_value();
  kept.takes_part = record.asked.part.has_value() || record.took_part;
  record.kept = record.session;
  if (COORD_RULE_OR(record_before_grant, true, false)) ledger_.out.push_back(KeepHold{id, kept});
}

void Sessions::forget(Record& record) {
  if (record.kept != SessionId{}) ledger_.out.push_back(ForgetHold{record.kept});
  record.kept = SessionId{};
}

void Sessions::take_up(Instant now, const Recovered& event) {
  strangers_due_ = true;
  complete_since_ = event.complete_since;
  for (const Recovered::Hold& hold : event.holds) {
    const HoldRecord& kept = hold.record;
    Record& record = records_[hold.connection];
    record.who.uid = kept.uid;
    record.who.secret = kept.secret;
    record.greeted = true;
    record.connected = false;
    record.holders = hold.held;
    record.stage = Stage::held;
    record.asked.request = kept.request;
    record.asked.ttl = record.ttl = kept.ttl;
    record.asked.holder = kept.holder;
    record.asked.signal = kept.signal;
    record.asked.bare = kept.bare;
    record.session = record.kept = kept.session;
    record.token = kept.token;
    record.renewal_sent = COORD_RULE_OR(resumed_from_last_renewal, kept.renewal_sent, now);
    // Nobody renews that any more: what runs is stopped when its time is over.
    if (COORD_RULE_OR(elsewhere_is_not_resumed, kept.elsewhere, false)) record.elsewhere = kept.renewal_sent;
    record.pid = kept.pid;
    record.grace = kept.grace;
    if (kept.takes_part) record.took_part = kept.renewal_sent;
    keep_deadline(record);
    by_session_[kept.session] = hold.connection;
    if (!hold.held) {
      holders_vanished(hold.connection, record);
    } else if (now >= leases_.stop_by(record)) {
      lose(hold.connection, record, "this peer was down for too long");
    } else if (COORD_RULE_OR(untaken_stays_untaken, !kept.taken_up, false)) {
      record.take_up_by = leases_.take_up_by(record, now);
      set_alarm(hold.connection, record);
    } else {
      renew(now, {{hold.connection, &record}});
    }
  }
}

// Who has no command yet begins none: this life's site does not let it in.
void Sessions::keep_deadline(Record& record) {
  const bool runs = record.took_part && record.pid != 0;
  if (COORD_RULE_OR(entry_of_earlier_life_ends_in_time, runs, false)) record.elsewhere = record.took_part;
}

void Sessions::say_restarted(ConnectionId id, const Record& record) {
  say(id, record, local::Lost{peer_restarted, leases_.stop_by(record)});
}

// Once, when this process is registered.
void Sessions::close_strangers(service::ClientId self, const service::StateMachine& machine) {
  if (!strangers_due_ || self == service::ClientId{}) return;
  strangers_due_ = false;
  if (complete_since_ == service::ClientId{}) {
    ledger_.out.push_back(HoldsCompleteSince{self});
    return;
  }
  for (const SessionId session : machine.sessions_of(ledger_.config.self)) {
    // All three are places in the log.
    const bool recorded = COORD_RULE(strangers_since_records, session.value >= complete_since_.value);
    const bool earlier = recorded && session.value < self.value;
    const bool enrolled = (machine.session(session)->nonce & enrolled_mark) != 0;
    // A participant in a barrier arrives again under its key; or its lease ends.
    const bool arrives_again = machine.of<service::Barriers>().seat(session) != nullptr;
    if (earlier && !enrolled && !arrives_again && !by_session_.contains(session))
      close_nobodys(session, service::CloseReason::finished);
  }
}

void Sessions::asked(const Scene& at, Record& record, const local::Resume& request) {
  if (!record.greeted || record.stage != Stage::idle) {
    refuse(at.event.connection, request.request, local::RefusedKind::protocol,
           "one session a connection, after a greeting");
    return;
  }
  const auto found = by_session_.find(request.session);
  const Record* old = found == by_session_.end() ? nullptr : find(found->second);
  const bool same = old != nullptr && (old->stage == Stage::held || old->stage == Stage::lost) &&
                    old->who.secret == request.secret && old->who.uid == record.who.uid &&
                    old->asked.request == request.request;
  if (!same) {
    say(at.event.connection, record, local::Lost{"its session ended while this peer was down"});
    return;
  }
  take_over(at.now, found->second, at.event.connection);
  Record& taken = records_.at(at.event.connection);
  const bool first = std::exchange(taken.take_up_by, std::nullopt).has_value();
  if (request.pid != 0) {
    taken.pid = request.pid;
    taken.grace = std::clamp(request.grace, Duration{}, taken.asked.ttl);
    keep_deadline(taken);
  }
  if (request.pid != 0 || first) keep(at.event.connection, taken);
  set_alarm(at.event.connection, taken);
  if (taken.stage == Stage::lost) {
    say(at.event.connection, taken,
        local::Lost{taken.keeps_deadline() ? peer_restarted : "no renewal for too long: the peer was down"});
  } else {
    say(at.event.connection, taken,
        local::Renewed{taken.counts_from() + taken.asked.ttl, taken.counts_from()});
    if (taken.terminated && !taken.break_at && taken.keeps_deadline())
      say_restarted(at.event.connection, taken);
  }
}

// A renewal that is on its way is of the old connection and moves nobody's deadline
// any more: another one goes.
void Sessions::take_over(Instant now, ConnectionId from, ConnectionId to) {
  Record& old = records_.at(from);
  leases_.clear(from, old);
  Record taken = std::move(old);
  records_.erase(from);
  taken.connected = true;
  taken.who.user = records_.at(to).who.user;
  taken.speaks = records_.at(to).speaks;
  const bool was_renewing = std::exchange(taken.renewing, false);
  by_session_[taken.session] = to;
  records_.at(to) = std::move(taken);
  ledger_.out.push_back(Moved{from, to});
  if (was_renewing && records_.at(to).stage == Stage::held) renew(now, {{to, &records_.at(to)}});
}

}  // namespace coord::replica
