// SPDX-License-Identifier: MIT
#include "replica/listings.hpp"

#include <algorithm>
#include <utility>

#include "replica/pages.hpp"
#include "replica/sessions.hpp"
#include "service/locks/listing.hpp"
#include "service/locks/wait_graph.hpp"

namespace coord::replica {

namespace {

local::LockParty party_of(const service::Party& from) {
  local::LockParty to;
  to.session = from.session;
  to.token = from.token;
  to.position = from.position;
  to.mode = from.mode;
  to.peer = from.owner.peer;
  to.host = from.owner.host;
  to.pid = from.owner.pid;
  to.user = from.owner.user;
  to.command = from.owner.command;
  to.since = from.since;
  to.ttl = from.ttl;
  return to;
}

std::size_t size_of(const local::LockParty& party) {
  constexpr std::size_t numbers = 96;
  return numbers + party.peer.size() + party.host.size() + party.user.size() + party.command.size();
}

// Each asker returns how many bytes it has filled; `cut` is the longest command line.
void fill(Pages<local::Locks>& pages, const service::Listing& lock, std::size_t cut) {
  const auto begin = [&] {
    local::LockRecord record;
    record.name = lock.name;
    record.mode = lock.mode;
    record.permits = lock.permits;
    pages.page().locks.push_back(std::move(record));
  };
  pages.make_room(lock.name.size());
  begin();
  const auto add = [&](const service::Party& from, std::vector<local::LockParty> local::LockRecord::*part) {
    local::LockParty party = party_of(from);
    party.command.resize(std::min(party.command.size(), cut));
    if (pages.make_room(size_of(party))) begin();
    (pages.page().locks.back().*part).push_back(std::move(party));
  };
  for (const service::Party& holder : lock.holders) add(holder, &local::LockRecord::holders);
  for (const service::Party& waiter : lock.waiters) add(waiter, &local::LockRecord::waiters);
}

void fill(Pages<local::Locks>& pages, const local::ListLocks& question, const service::StateMachine& machine,
          std::size_t cut) {
  if (!question.names.empty()) {
    for (const service::Listing& lock : service::list(machine, question.names)) fill(pages, lock, cut);
    return;
  }
  constexpr std::size_t together = 64;
  std::string after;
  for (;;) {
    const std::vector<service::Listing> locks = service::list_all(machine, after, together);
    for (const service::Listing& lock : locks) fill(pages, lock, cut);
    if (locks.size() < together) return;
    after = locks.back().name;
  }
}

local::WaitRecord record_of(const service::StateMachine& machine, const service::WaitEdge& edge) {
  const service::State& state = machine.state();
  local::WaitRecord record;
  record.name = edge.name;
  record.kind = edge.over               ? local::WaitKind::shut
                : edge.token == Token{} ? local::WaitKind::before
                                        : local::WaitKind::holds;
  if (edge.over) {
    record.blocker = party_of(service::party_of_lingering_hold(machine, edge.grant));
  } else {
    record.blocker = replica::party_of(machine, edge.blocker);
    record.blocker.since = state.requests.at(edge.place).since;
    record.blocker.mode = state.requests.at(edge.place).terms.mode;
  }
  record.blocker.token = edge.token;
  return record;
}

void fill(Pages<local::Waits>& pages, const local::ListWaits&, const service::StateMachine& machine,
          std::size_t cut) {
  // All of a crowd on both sides would be millions of edges.
  constexpr std::size_t few_waits = 1000, holders_of_few = 16, holders_of_many = 1;
  const std::size_t holders = machine.state().requests.size() <= few_waits ? holders_of_few : holders_of_many;
  for (const auto& [place, request] : machine.state().requests) {
    if (request.held() || request.joined) continue;
    for (const service::WaitEdge& edge : service::edges_of(machine, place, holders)) {
      local::WaitRecord record = record_of(machine, edge);
      record.waiter = replica::party_of(machine, request.session);
      record.waiter.since = request.since;
      record.waiter.mode = request.terms.mode;
      record.outer = request.inside;
      for (local::LockParty* party : {&record.waiter, &record.blocker})
        party->command.resize(std::min(party->command.size(), cut));
      pages.make_room(size_of(record.waiter) + size_of(record.blocker) + record.name.size());
      pages.page().waits.push_back(std::move(record));
    }
  }
}

local::Ending ending_of(service::CloseReason why) {
  switch (why) {
    case service::CloseReason::finished:
      return local::Ending::released;
    case service::CloseReason::holder_gone:
      return local::Ending::lost;
    case service::CloseReason::broken:
      return local::Ending::broken;
    case service::CloseReason::expired:
      break;
  }
  return local::Ending::expired;
}

void add(Pages<local::History>& pages, local::HoldRecord record, std::size_t cut) {
  record.holder.command.resize(std::min(record.holder.command.size(), cut));
  pages.make_room(size_of(record.holder));
  pages.page().holds.push_back(std::move(record));
}

void fill(Pages<local::History>& pages, const local::ListHistory& question,
          const service::StateMachine& machine, std::size_t cut) {
  const service::State& state = machine.state();
  if (const auto past = state.history.find(question.name); past != state.history.end()) {
    for (const service::PastHold& hold : past->second.holds) {
      service::Party party;
      party.session = hold.session;
      party.owner = hold.owner;
      party.token = hold.token;
      party.mode = hold.mode;
      party.since = hold.granted;
      add(pages, {party_of(party), hold.permits, ending_of(hold.why), hold.asked, hold.ended, hold.status},
          cut);
    }
  }
  const service::Lock* lock = machine.of<service::Locks>().table().find(question.name);
  if (lock == nullptr) return;
  for (const auto& [token, holder] : lock->holders) {
    if (holder.place == LogIndex{} || holder.family != token) continue;  // over, or entered again
    const service::Request& hold = state.requests.at(holder.place);
    local::LockParty party = replica::party_of(machine, hold.session);
    party.token = hold.fence();
    party.mode = hold.terms.mode;
    party.since = hold.since;
    add(pages, {std::move(party), hold.terms.permits, local::Ending::holds, hold.asked, {}, {}}, cut);
  }
}

template <class Page, class Asked>
std::vector<local::Answer> answers(const Asked& asked, const service::StateMachine& machine, WallTime as_of,
                                   const ListingBounds& bounds) {
  Page empty;
  empty.request = asked.request;
  empty.as_of = as_of;
  empty.stale = asked.stale;
  Pages<Page> pages(empty, bounds.page);
  fill(pages, asked, machine, std::string::npos);
  if (pages.whole() <= bounds.whole) return pages.take();
  Pages<Page> shorter(empty, bounds.page);
  fill(shorter, asked, machine, bounds.command);
  return shorter.take();
}

}  // namespace

local::LockParty party_of(const service::StateMachine& machine, SessionId session) {
  service::Party party;
  party.session = session;
  if (const service::Session* found = machine.session(session)) {
    party.owner = found->owner;
    party.ttl = found->ttl;
  }
  return party_of(party);
}

std::vector<local::WaitRecord> blockers_of(const service::StateMachine& machine, SessionId session,
                                           std::uint64_t request) {
  constexpr std::size_t most = 3, command = 256;
  std::vector<local::WaitRecord> blockers;
  const auto& requests = machine.of<service::Locks>().requests_of(session);
  const auto place = requests.find(request);
  if (place == requests.end()) return blockers;
  for (const service::WaitEdge& edge : service::edges_of(machine, place->second, most)) {
    if (blockers.size() == most) break;
    blockers.push_back(record_of(machine, edge));
    blockers.back().blocker.command.resize(std::min(blockers.back().blocker.command.size(), command));
  }
  return blockers;
}

std::vector<local::Answer> answers_to(const Question& question, const service::StateMachine& machine,
                                      WallTime as_of, const ListingBounds& bounds) {
  if (const auto* locks = std::get_if<local::ListLocks>(&question))
    return answers<local::Locks>(*locks, machine, as_of, bounds);
  if (const auto* past = std::get_if<local::ListHistory>(&question))
    return answers<local::History>(*past, machine, as_of, bounds);
  return answers<local::Waits>(std::get<local::ListWaits>(question), machine, as_of, bounds);
}

void Sessions::list(const Scene& at, const Question& question) {
  const ConnectionId id = at.event.connection;
  const auto answer = [this, id, question](const service::StateMachine& machine, WallTime wall) {
    for (local::Answer& page : answers_to(question, machine, wall)) ledger_.tell(id, std::move(page));
  };
  if (is_stale(question)) return answer(at.machine, at.wall);
  ledger_.ask(id, request_of(question), ask_stale, answer);
}

}  // namespace coord::replica
