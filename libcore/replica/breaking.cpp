// SPDX-License-Identifier: MIT
// Sessions that somebody else wants ended: `dlock --break`, and `dlock --release` of what a process holds.
//
// The wish is ordered by the log like all else, so that it reaches the holder's peer wherever that is, also
// when it was down meanwhile (the session remembers). That peer stops the command as for a lost lease, TERM
// and a grace later KILL, and closes the session when the last holder is gone: only then is the lock free. If
// the peer does not come, the lease ends.
#include <algorithm>

#include "base/format.hpp"
#include "replica/sessions.hpp"

namespace coord::replica {

namespace {

constexpr std::size_t most_breakers = 1024;  // typed by people

}  // namespace

void Sessions::asked(const Scene& at, Record& record, const local::Break& request) {
  if (breakers_.size() >= most_breakers) {
    refuse(at.event.connection, request.request, local::RefusedKind::limit,
           "too many locks are being broken: try again later");
    return;
  }
  const ConnectionId id = at.event.connection;
  const std::uint64_t number = request.request;
  breakers_.emplace(request.session, std::pair{id, number});
  const std::uint64_t ticket =
      ledger_.submit(service::Break{request.session, record.who.uid, record.who.user},
                     [this, id, number](const Ledger::Heard& heard) { break_ordered(heard, id, number); });
  ledger_.hurry(hurry_, ticket, at.now, [this, id, number, ticket](bool may_be_ordered) {
    if (find(id) == nullptr) return;
    give_up_break(id, number, may_be_ordered);
    ledger_.withdraw(ticket);
  });
}

// Ordered: its effect is told to the holder's peer. Refused: whoever asked hears why.
void Sessions::break_ordered(const Ledger::Heard& heard, ConnectionId id, std::uint64_t request) {
  const auto mine = [&](const auto& entry) { return entry.second == std::pair{id, request}; };
  const auto found = std::find_if(breakers_.begin(), breakers_.end(), mine);
  if (found == breakers_.end()) return;  // it has ended meanwhile, and that was told
  const bool gone = heard.machine.session(found->first) == nullptr;
  if (gone) {
    tell_breakers(found->first);
    return;
  }
  if (heard.what.what.kind != service::OutcomeKind::refused && heard.what.rejected.empty()) return;
  breakers_.erase(found);
  refuse(id, request, local::RefusedKind::held,
         heard.what.rejected.empty() ? service::describe(heard.what.what.why) : heard.what.rejected);
}

void Sessions::give_up_break(ConnectionId id, std::uint64_t request, bool may_be_ordered) {
  const auto mine = [&](const auto& entry) { return entry.second == std::pair{id, request}; };
  const auto found = std::find_if(breakers_.begin(), breakers_.end(), mine);
  if (found == breakers_.end()) return;  // it has ended meanwhile, and that was told
  breakers_.erase(found);
  refuse(id, request, may_be_ordered ? local::RefusedKind::unknown : local::RefusedKind::no_quorum,
         no_leader_text());
}

void Sessions::break_hold(Instant now, ConnectionId id, Record& record, const std::string& user) {
  if (record.stage != Stage::held || record.break_at) return;
  record.break_at = std::min(now + record.grace, leases_.stop_by(record));
  set_alarm(id, record);
  say(id, record, local::Lost{fmt::format("broken by {}", user), *record.break_at});
}

void Sessions::heard(const News& at, const service::BreakAsked& broken) {
  const auto id = connection_of(broken.session);
  if (id) break_hold(at.now, *id, records_.at(*id), broken.user);
}

void Sessions::asked(const Scene& at, Record& asker, const local::LetGo& request) {
  std::vector<std::string> names = request.names;
  std::sort(names.begin(), names.end());
  const auto is_meant = [&](const Record& record) {
    if (record.asked.holder == 0 || (record.stage != Stage::held && record.stage != Stage::lost))
      return false;
    if (asker.who.uid != 0 && asker.who.uid != record.who.uid) return false;
    if (request.token != Token{} ? record.token != request.token : record.asked.holder != request.holder)
      return false;
    const auto& held = at.machine.of<service::Locks>().requests_of(record.session);
    return std::any_of(held.begin(), held.end(), [&](const auto& place) {
      return at.machine.state().requests.at(place.second).names == names;
    });
  };
  const auto found = std::find_if(by_session_.begin(), by_session_.end(),
                                  [&](const auto& entry) { return is_meant(records_.at(entry.second)); });
  if (found == by_session_.end()) {
    refuse(at.event.connection, request.request, local::RefusedKind::held,
           "no process of this host holds it so");
    return;
  }
  if (ledger_.quorum) {
    breakers_.emplace(found->first, std::pair{at.event.connection, request.request});
  } else {
    say(at.event.connection, asker,
        local::Released{request.request});  // it is ordered before anything that comes later
  }
  const ConnectionId holder = found->second;
  close(holder, records_.at(holder), service::CloseReason::finished);
}

void Sessions::tell_breakers(SessionId session) {
  const auto [first, last] = breakers_.equal_range(session);
  for (auto it = first; it != last; ++it) {
    const auto& [id, request] = it->second;
    if (const Record* record = find(id)) say(id, *record, local::Released{request});
  }
  breakers_.erase(first, last);
}

void Sessions::tell_breakers_of_gone(const service::StateMachine& machine) {
  for (auto it = breakers_.begin(); it != breakers_.end();) {
    const SessionId session = it->first;
    it = breakers_.upper_bound(session);
    if (machine.session(session) == nullptr) tell_breakers(session);
  }
}

}  // namespace coord::replica
