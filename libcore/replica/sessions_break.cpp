// Sessions that somebody else wants ended: `dlock --break`, and `dlock --release` of what a process holds.
//
// The wish is ordered by the log like all else, so that it reaches the holder's peer wherever that is, also
// when it was down meanwhile (the session remembers). That peer stops the command as for a lost lease, TERM
// and a grace later KILL, and closes the session when the last holder is gone: only then is the lock free. If
// the peer does not come, the lease ends.
#include <algorithm>

#include "replica/sessions.hpp"

namespace coord::replica {

namespace {

constexpr std::size_t most_breakers = 1024;  // typed by people

}  // namespace

void Sessions::asked(Instant now, ConnectionId id, Record& record, const local::Break& request) {
  if (breakers_.size() >= most_breakers) {
    refuse(id, request.request, local::RefusedKind::limit,
           "too many locks are being broken: try again later");
    return;
  }
  breakers_.emplace(request.session, std::pair{id, request.request});
  Ticket what{Ticket::Kind::break_it, {id}, {}, {}, request.request};
  hurry_.begin(next_ticket_, now);
  submit(std::move(what), service::Break{request.session, record.who.uid, record.who.user});
}

// Ordered: its effect is told to the holder's peer. Refused: whoever asked hears why.
void Sessions::break_ordered(const Ticket& ticket, const Outcome& event, const service::Machine& machine) {
  const ConnectionId id = ticket.connections.front();
  const auto mine = [&](const auto& entry) { return entry.second == std::pair{id, ticket.request}; };
  const auto found = std::find_if(breakers_.begin(), breakers_.end(), mine);
  if (found == breakers_.end()) return;  // it has ended meanwhile, and that was told
  const bool gone = machine.session(found->first) == nullptr;
  if (gone) {
    tell_breakers(found->first);
    return;
  }
  if (event.what.kind != service::OutcomeKind::refused && event.rejected.empty()) return;
  breakers_.erase(found);
  refuse(id, ticket.request, local::RefusedKind::held,
         event.rejected.empty() ? service::describe(event.what.why) : event.rejected);
}

void Sessions::break_hold(Instant now, ConnectionId id, Record& record, const std::string& user) {
  if (record.stage != Stage::held || record.break_at) return;
  record.break_at = std::min(now + record.grace, leases_.stop_by(record));
  set_alarm(id, record);
  say(id, record, local::Lost{"broken by " + user, *record.break_at});
}

void Sessions::let_go(ConnectionId id, const Record& asker, const local::LetGo& request,
                      const service::Machine& machine) {
  std::vector<std::string> names = request.names;
  std::sort(names.begin(), names.end());
  const auto is_meant = [&](const Record& record) {
    if (record.asked.holder == 0 || (record.stage != Stage::held && record.stage != Stage::lost))
      return false;
    if (asker.who.uid != 0 && asker.who.uid != record.who.uid) return false;
    if (request.token != Token{} ? record.token != request.token : record.asked.holder != request.holder)
      return false;
    const auto& held = machine.of<service::Locks>().requests_of(record.session);
    return std::any_of(held.begin(), held.end(), [&](const auto& place) {
      return machine.state().requests.at(place.second).names == names;
    });
  };
  const auto found = std::find_if(by_session_.begin(), by_session_.end(),
                                  [&](const auto& entry) { return is_meant(records_.at(entry.second)); });
  if (found == by_session_.end()) {
    refuse(id, request.request, local::RefusedKind::held, "no process of this host holds it so");
    return;
  }
  if (quorum_) {
    breakers_.emplace(found->first, std::pair{id, request.request});
  } else {
    say(id, asker, local::Released{request.request});  // it is ordered before anything that comes later
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

void Sessions::tell_breakers_of_gone(const service::Machine& machine) {
  for (auto it = breakers_.begin(); it != breakers_.end();) {
    const SessionId session = it->first;
    it = breakers_.upper_bound(session);
    if (machine.session(session) == nullptr) tell_breakers(session);
  }
}

}  // namespace coord::replica
