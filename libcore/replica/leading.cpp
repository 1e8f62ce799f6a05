// SPDX-License-Identifier: MIT
// Leaderships of this host's tools. A campaign goes the way of every Acquire (acquiring.cpp); here is what
// locks have not: being told to step down, completions, enrolments, listing and watching.
#include <algorithm>

#include "base/format.hpp"
#include "replica/sessions.hpp"
#include "service/elections/listing.hpp"

namespace coord::replica {

namespace {

// A record and a page of them are each at most about this: together they are below a frame.
constexpr std::size_t page_bytes = std::size_t{256} << 10U;
constexpr std::size_t all_bytes = std::size_t{8}
                                  << 20U;  // more than that no client is sent: leaders only then

std::size_t bytes_of(const local::CandidateRecord& record) {
  constexpr std::size_t numbers = 64;
  return numbers + record.peer.size() + record.host.size() + record.user.size() + record.value.size();
}

local::CandidateRecord record_of(const service::StateMachine& machine, const service::Candidate& from) {
  local::CandidateRecord to;
  if (const service::Session* session = machine.session(from.session)) {
    to.peer = session->owner.peer;
    to.host = session->owner.host;
    to.pid = session->owner.pid;
    to.user = session->owner.user;
  }
  to.priority = from.wish.priority;
  to.value = from.wish.value;
  to.since = from.since;
  return to;
}

local::LeaderRecord record_of(const service::StateMachine& machine, const std::string& name, NodeId self,
                              std::size_t& bytes) {
  local::LeaderRecord to;
  to.name = name;
  bytes += 2048;  // the leader and what was last completed, at most
  const service::ElectionState& state = machine.state().elections;
  if (const auto book = state.books.find(name); book != state.books.end() && book->second.last)
    to.last = local::LastCompletion{book->second.last->at, book->second.last->key, book->second.last->host};
  const auto found = state.leaderships.find(name);
  if (found == state.leaderships.end()) return to;
  const service::Leadership& leadership = found->second;
  if (const service::Candidate* leader = leadership.leading()) {
    to.leader = record_of(machine, *leader);
    to.term = leadership.term;
    const service::Session* session = machine.session(leader->session);
    to.here = session != nullptr && session->node == self;
  }
  std::size_t shown = 0;
  for (const service::Candidate* candidate : service::in_order(leadership)) {
    if (shown > page_bytes || bytes > all_bytes) break;
    to.candidates.push_back(record_of(machine, *candidate));
    shown += bytes_of(to.candidates.back());
  }
  bytes += shown;
  return to;
}

// After the reason for which an order is refused.
constexpr const char* nothing_changed = ": nothing has changed: see dpeers";

}  // namespace

// First a question, also before an order: without a majority the answer is no, soon. What comes then knows a
// machine that is at least as new as all that was acknowledged before.
template <class Then>
void Sessions::ask_first(ConnectionId id, std::uint64_t request, const char* otherwise, Then then) {
  ledger_.ask(id, request, otherwise, [this, id, then](const service::StateMachine& machine, WallTime wall) {
    if (Record* record = find(id)) then(*record, machine, wall);
  });
}

void Sessions::asked(const Scene& at, Record&, const local::ListLeaders& request) {
  const ConnectionId id = at.event.connection;
  if (request.stale) return list_leaders(id, request, at.machine, at.wall);
  ask_first(id, request.request, ask_stale,
            [this, id, request](Record&, const service::StateMachine& machine, WallTime wall) {
              list_leaders(id, request, machine, wall);
            });
}

void Sessions::asked(const Scene& at, Record&, const local::WatchLeader& request) {
  const ConnectionId id = at.event.connection;
  ask_first(id, request.request, ask_stale,
            [this, id, request](Record& record, const service::StateMachine& machine, WallTime wall) {
              stop_watching(id, record);
              record.watched = request.name;
              record.watch_request = request.request;
              watchers_[request.name].insert(id);
              show_watched(id, record, machine, wall);
            });
}

void Sessions::asked(const Scene& at, Record&, const local::Depose& request) {
  const ConnectionId id = at.event.connection;
  ask_first(id, request.request, nothing_changed,
            [this, id, request, when = at.now](Record&, const service::StateMachine& machine, WallTime) {
              depose(when, id, request, machine);
            });
}

void Sessions::asked(const Scene& at, Record&, const local::Stand& request) {
  const ConnectionId id = at.event.connection;
  ask_first(id, request.request, nothing_changed,
            [this, id, request, when = at.now](Record& record, const service::StateMachine&, WallTime) {
              stand(when, id, record, request);
            });
}

void Sessions::asked(const Scene& at, Record& record, const local::Completed& request) {
  const ConnectionId id = at.event.connection;
  const std::uint64_t number = request.request;
  if (record.stage != Stage::held || number != record.asked.request)
    return refuse(id, number, local::RefusedKind::protocol, "nothing is led under this number");
  submit(id, service::Complete{record.session, number},
         [this, id, number](const Ledger::Heard& heard, Record& of) { ordered(heard.what, id, of, number); });
}

// `asked`: when the tool did; the question that came first has taken some of its time.
void Sessions::order(Instant asked, ConnectionId id, std::uint64_t request, service::Body body) {
  const std::uint64_t ticket = submit(
      id, std::move(body),
      [this, id, request](const Ledger::Heard& heard, Record& of) { ordered(heard.what, id, of, request); });
  ledger_.hurry(hurry_, ticket, asked, [this, id, request, ticket](bool) {
    if (find(id) == nullptr) return;
    refuse(id, request, local::RefusedKind::unknown,
           "the quorum was lost meanwhile: see --who when it is back");
    ledger_.withdraw(ticket);
  });
}

void Sessions::stand(Instant when, ConnectionId id, const Record& record, const local::Stand& request) {
  service::Body body;
  if (request.enroll) {
    service::Enroll enroll;
    enroll.name = request.name;
    enroll.as = service::Enrolment{request.priority, request.value, record.who.uid, record.who.user};
    body = std::move(enroll);
  } else {
    body = service::Withdraw{request.name, record.who.uid, record.who.user};
  }
  order(when, id, request.request, std::move(body));
}

void Sessions::ordered(const Outcome& event, ConnectionId id, const Record& record, std::uint64_t request) {
  if (event.what.kind == service::OutcomeKind::refused) {
    refuse(id, request, kind_of(event.what.why), service::describe(event.what.why));
  } else if (!event.rejected.empty()) {
    refuse(id, request, local::RefusedKind::limit, event.rejected);
  } else if (event.what.kind != service::OutcomeKind::done) {
    refuse(id, request, local::RefusedKind::no_quorum, "this peer was replaced while it asked: try again");
  } else {
    say(id, record, local::Done{request});
  }
}

void Sessions::depose(Instant when, ConnectionId id, const local::Depose& asked,
                      const service::StateMachine& machine) {
  const Record& record = records_.at(id);
  const auto& all = machine.state().elections.leaderships;
  const auto found = all.find(asked.name);
  const service::Candidate* leader = found == all.end() ? nullptr : found->second.leading();
  if (leader == nullptr || (asked.term != Token{} && found->second.term != asked.term))
    return refuse(id, asked.request, local::RefusedKind::held, "not led, or by another one by now");
  const service::Session* session = machine.session(leader->session);
  if (asked.here && session->node != ledger_.config.self)
    return refuse(id, asked.request, local::RefusedKind::held, "led on another host: --evict asks that one");
  const bool may = record.who.uid == 0 || record.who.user == session->owner.user;
  if (!may)
    return refuse(id, asked.request, local::RefusedKind::held,
                  fmt::format("led by user {}: only that user or root may end it", session->owner.user));
  order(when, id, asked.request,
        service::Depose{asked.name, found->second.term, record.who.uid, record.who.user});
}

void Sessions::list_leaders(ConnectionId id, const local::ListLeaders& asked,
                            const service::StateMachine& machine, WallTime wall) {
  const std::vector<std::string> names =
      asked.names.empty() ? service::election_names(machine.state().elections) : asked.names;
  std::size_t next = 0, bytes = 0;
  do {
    local::Leaders answer;
    answer.request = asked.request;
    answer.as_of = wall;
    answer.stale = asked.stale;
    for (const std::size_t before = bytes; next < names.size() && bytes - before < page_bytes; ++next)
      answer.leaders.push_back(record_of(machine, names[next], ledger_.config.self, bytes));
    answer.more = next < names.size();
    ledger_.out.push_back(ToTool{id, std::move(answer)});
  } while (next < names.size());
}

// ---- watching

void Sessions::show_watched(ConnectionId id, const Record& record, const service::StateMachine& machine,
                            WallTime wall) {
  local::Leaders answer;
  answer.request = record.watch_request;
  answer.as_of = wall;
  std::size_t bytes = 0;
  answer.leaders.push_back(record_of(machine, record.watched, ledger_.config.self, bytes));
  say(id, record, std::move(answer));
}

void Sessions::stop_watching(ConnectionId id, Record& record) {
  const auto found = watchers_.find(record.watched);
  if (found == watchers_.end()) return;
  found->second.erase(id);
  if (found->second.empty()) watchers_.erase(found);
}

void Sessions::watched(const Applied& event, const service::StateMachine& machine, WallTime wall) {
  if (watchers_.empty()) return;
  for (const service::Effect& effect : event.effects) {
    const auto* changed = std::get_if<service::LeadershipChanged>(&effect);
    if (changed == nullptr) continue;
    const auto found = watchers_.find(changed->name);
    if (found == watchers_.end()) continue;
    for (const ConnectionId id : found->second) show_watched(id, records_.at(id), machine, wall);
  }
}

void Sessions::watched(const Replaced&, const service::StateMachine& machine, WallTime wall) {
  for (const auto& [name, ids] : watchers_) {
    for (const ConnectionId id : ids) show_watched(id, records_.at(id), machine, wall);
  }
}

// ---- leaders of this host

// The tool stops its command and releases. Should it not, this peer stops the command when its grace is over,
// and the session ends when nobody is left that holds it.
void Sessions::step_down(Instant now, ConnectionId id, Record& record, bool preempted) {
  if (record.stage != Stage::held || record.break_at) return;
  record.break_at = std::min(now + record.grace, leases_.stop_by(record));
  set_alarm(id, record);
  say(id, record,
      local::Lost{preempted ? "preempted by a candidate of higher priority" : "told to step down",
                  *record.break_at});
}

void Sessions::heard(const News& at, const service::StepDown& down) {
  const auto id = connection_of(down.session);
  if (id) step_down(at.now, *id, records_.at(*id), down.preempted);
}

}  // namespace coord::replica
