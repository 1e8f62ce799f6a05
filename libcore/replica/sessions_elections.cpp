// Leaderships of this host's tools. A campaign goes the way of every Acquire (sessions_requests.cpp); here is
// what locks have not: being told to step down, slots that end a wait, completions, enrolments, watching.
#include <algorithm>

#include "base/rule.hpp"
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

local::CandidateRecord record_of(const service::Machine& machine, const service::Candidate& from) {
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

local::LeaderRecord record_of(const service::Machine& machine, const std::string& name, NodeId self,
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

}  // namespace

// ---- what tools ask for

Sessions::Ticket Sessions::of_election(Instant now, ConnectionId id, local::Request request) {
  const std::uint64_t number = std::visit(
      [](const auto& of) -> std::uint64_t {
        if constexpr (requires { of.request; }) return of.request;
        return 0;
      },
      request);
  return Ticket{Ticket::Kind::election, {id}, now, {}, number, std::move(request)};
}

// `asked`: when the tool did; the question that came first has taken some of its time.
void Sessions::order(Instant asked, ConnectionId id, local::Request request, service::Body body) {
  Ticket what = of_election(asked, id, std::move(request));
  what.ordered = true;
  hurry_.begin(next_ticket_, asked);
  submit(std::move(what), std::move(body));
}

void Sessions::query_election(Instant now, ConnectionId id, local::Request request) {
  out_.push_back(Query{ticket(of_election(now, id, std::move(request)))});
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::ListLeaders& request) {
  query_election(now, id, request);
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::WatchLeader& request) {
  query_election(now, id, request);
}

void Sessions::asked(Instant now, ConnectionId id, Record&, const local::Depose& request) {
  query_election(now, id, request);
}

void Sessions::asked(Instant, ConnectionId id, Record& record, const local::Completed& request) {
  if (record.stage != Stage::held || request.request != record.asked.request)
    return refuse(id, request.request, local::RefusedKind::protocol, "nothing is led under this number");
  submit(of_election({}, id, request), service::Complete{record.session, request.request});
}

// First a question, like one: without a majority the answer is no, soon.
void Sessions::asked(Instant now, ConnectionId id, Record&, const local::Stand& request) {
  query_election(now, id, request);
}

void Sessions::stand(Instant asked, ConnectionId id, const Record& record, const local::Stand& request) {
  service::Body body;
  if (request.enroll) {
    service::Enroll enroll;
    enroll.name = request.name;
    enroll.as = service::Enrolment{request.priority, request.value, record.who.uid, record.who.user};
    body = std::move(enroll);
  } else {
    body = service::Withdraw{request.name, record.who.uid, record.who.user};
  }
  order(asked, id, request, std::move(body));
}

// ---- and what becomes of it

// The machine is at least as new as all that was acknowledged before the question.
void Sessions::election_ready(const Ticket& what, const service::Machine& machine, WallTime wall) {
  const ConnectionId id = what.connections.front();
  const local::Request& asked = *what.election;
  Record* record = find(id);
  if (record == nullptr) return;
  if (const auto* listing = std::get_if<local::ListLeaders>(&asked)) {
    list_leaders(id, *listing, machine, wall);
  } else if (const auto* watch = std::get_if<local::WatchLeader>(&asked)) {
    stop_watching(id, *record);
    record->watched = watch->name;
    record->watch_request = watch->request;
    watchers_[watch->name].insert(id);
    show_watched(id, *record, machine, wall);
  } else if (const auto* step_down = std::get_if<local::Depose>(&asked)) {
    depose(what.sent, id, *step_down, machine);
  } else if (const auto* standing = std::get_if<local::Stand>(&asked)) {
    stand(what.sent, id, *record, *standing);
  }
}

void Sessions::depose(Instant when, ConnectionId id, const local::Depose& asked,
                      const service::Machine& machine) {
  const Record& record = records_.at(id);
  const auto& all = machine.state().elections.leaderships;
  const auto found = all.find(asked.name);
  const service::Candidate* leader = found == all.end() ? nullptr : found->second.leading();
  if (leader == nullptr || (asked.term != Token{} && found->second.term != asked.term))
    return refuse(id, asked.request, local::RefusedKind::held, "not led, or by another one by now");
  const service::Session* session = machine.session(leader->session);
  if (asked.here && session->node != config_.self)
    return refuse(id, asked.request, local::RefusedKind::held, "led on another host: --evict asks that one");
  const bool may = record.who.uid == 0 || record.who.user == session->owner.user;
  if (!may)
    return refuse(id, asked.request, local::RefusedKind::held,
                  "led by user " + session->owner.user + ": only that user or root may end it");
  order(when, id, asked, service::Depose{asked.name, found->second.term, record.who.uid, record.who.user});
}

void Sessions::election_ordered(ConnectionId id, const Record& record, const Ticket& what,
                                const Outcome& event) {
  const std::uint64_t request = what.request;
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

void Sessions::list_leaders(ConnectionId id, const local::ListLeaders& asked, const service::Machine& machine,
                            WallTime wall) {
  const std::vector<std::string> names =
      asked.names.empty() ? service::election_names(machine.state().elections) : asked.names;
  std::size_t next = 0, bytes = 0;
  do {
    local::Leaders answer;
    answer.request = asked.request;
    answer.as_of = wall;
    answer.stale = asked.stale;
    for (const std::size_t before = bytes; next < names.size() && bytes - before < page_bytes; ++next)
      answer.leaders.push_back(record_of(machine, names[next], config_.self, bytes));
    answer.more = next < names.size();
    out_.push_back(ToTool{id, std::move(answer)});
  } while (next < names.size());
}

// ---- watching

void Sessions::show_watched(ConnectionId id, const Record& record, const service::Machine& machine,
                            WallTime wall) {
  local::Leaders answer;
  answer.request = record.watch_request;
  answer.as_of = wall;
  std::size_t bytes = 0;
  answer.leaders.push_back(record_of(machine, record.watched, config_.self, bytes));
  say(id, record, std::move(answer));
}

void Sessions::stop_watching(ConnectionId id, Record& record) {
  const auto found = watchers_.find(record.watched);
  if (found == watchers_.end()) return;
  found->second.erase(id);
  if (found->second.empty()) watchers_.erase(found);
}

SessionActions Sessions::watched(const Applied& event, const service::Machine& machine, WallTime wall) {
  if (watchers_.empty()) return {};
  for (const service::Effect& effect : event.effects) {
    const auto* changed = std::get_if<service::LeadershipChanged>(&effect);
    if (changed == nullptr) continue;
    const auto found = watchers_.find(changed->name);
    if (found == watchers_.end()) continue;
    for (const ConnectionId id : found->second) show_watched(id, records_.at(id), machine, wall);
  }
  return take();
}

SessionActions Sessions::watched(const Replaced&, const service::Machine& machine, WallTime wall) {
  for (const auto& [name, ids] : watchers_) {
    for (const ConnectionId id : ids) show_watched(id, records_.at(id), machine, wall);
  }
  return take();
}

// ---- leaders and candidates of this host

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

// It waits no more: its slot is complete, or used up.
void Sessions::dismissed(ConnectionId id, Record& record, service::Refusal why) {
  if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, quorum_});
  } else {
    refuse(id, record.asked.request, kind_of(why), service::describe(why));
  }
  record.cancel_asked = false;
  close(id, record, service::CloseReason::finished);
}

}  // namespace coord::replica
