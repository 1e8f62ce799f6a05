// SPDX-License-Identifier: MIT
#include "replica/ledger.hpp"

#include <utility>
#include <vector>

namespace coord::replica {

Ledger::Ledger(SessionsConfig with) : config(std::move(with)) {}
Ledger::~Ledger() = default;

void Ledger::retract(std::uint64_t ticket) {
  out.push_back(Retract{ticket});
}

void Ledger::tell(ConnectionId id, local::Answer&& answer) {
  out.push_back(ToTool{id, std::move(answer)});
}

void Ledger::refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why) {
  tell(id, local::Refused{request, kind, std::move(why)});
}

std::string no_quorum_text(const std::string& not_begun) {
  return not_begun.empty() ? "no quorum: a majority of the peers cannot be reached" : not_begun;
}

local::RefusedKind kind_of(service::Refusal why) {
  switch (why) {
    using enum service::Refusal;
    case held:
    case no_such_request:
    case not_leading:
    case other_users_enrolment:
    case not_enrolled:
    case wrong_version:
    case lives_with_command:
    case no_such_key:
    case ring_is_changing:
    case not_in_ring:
    case last_in_ring:
    case no_such_decision:
    case not_decided:
    case no_such_transaction:
      return local::RefusedKind::held;
    case permits_differ:
    case invalid:
    case owner_too_long:
    case exclusive_in_shared:
    case rate_differs:
    case not_yours:
    case id_in_use:
    case terms_differ:
    case not_expected:
    case counts_differ:
    case all_have_come:
    case algorithms_differ:
    case entries_differ:
      return local::RefusedKind::mismatch;
    case deadlock:
      return local::RefusedKind::deadlock;
    case slot_done:
      return local::RefusedKind::slot_done;
    case slot_running:
      return local::RefusedKind::slot_running;
    case attempts_used:
      return local::RefusedKind::attempts_used;
    case generation_over:
    case run_replaced:
      return local::RefusedKind::unknown;
    case forgotten:
    case no_such_epoch:
      return local::RefusedKind::forgotten;
    case too_many_sessions:
    case too_many_of_user:
    case too_many_requests:
    case too_many_of_session:
    case too_many_names:
    case too_many_owner_bytes:
    case too_many_slots:
    case too_many_names_of_user:
    case too_many_slots_of_user:
    case too_many_barriers:
    case too_many_barriers_of_user:
    case moving:
    case too_many_values:
    case too_many_values_of_user:
    case too_many_decisions:
    case too_many_decisions_of_user:
    case too_many_transactions:
    case too_many_epochs:
    case too_many_epochs_of_user:
    case no_such_site:
      return local::RefusedKind::limit;
    case none:
    case no_such_session:
    case not_your_session:
    case request_in_use:
    case not_held:
    case too_far_ahead:
    case registration_replaced:
    case not_permitted:
    case no_such_barrier:
    case no_command:
      break;
  }
  return local::RefusedKind::protocol;
}

std::uint64_t Ledger::submit(service::Body body, Then then) {
  const std::uint64_t ticket = next_ticket_++;
  orders_.emplace(ticket, Order{std::move(then)});
  out.push_back(Submit{ticket, std::move(body)});
  return ticket;
}

void Ledger::hurry(Hurry& by, std::uint64_t ticket, Instant asked, Late late) {
  by.begin(ticket, asked);
  const auto found = orders_.find(ticket);
  if (found == orders_.end()) return;
  found->second.late = std::move(late);
  found->second.hurry = &by;
}

void Ledger::give_up_late(Hurry& by, Instant now) {
  for (const Hurry::Late& late : by.over(now)) {
    const auto found = orders_.find(late.ticket);
    if (found == orders_.end()) continue;
    const Late hears = found->second.late;  // which may withdraw it
    hears(late.may_be_ordered);
  }
}

void Ledger::withdraw(std::uint64_t ticket) {
  retract(ticket);
  orders_.erase(ticket);
}

void Ledger::hear(Instant now, const Outcome& event, const service::StateMachine& machine) {
  const auto found = orders_.find(event.ticket);
  if (found == orders_.end()) return;
  const Order order = std::move(found->second);
  orders_.erase(found);
  if (order.hurry != nullptr) order.hurry->end(event.ticket);
  if (order.then) order.then({now, event, machine});
}

void Ledger::ask(ConnectionId id, std::uint64_t request, const char* otherwise, Answer answer) {
  const std::uint64_t ticket = next_ticket_++;
  questions_.emplace(ticket, Question{id, request, otherwise, std::move(answer)});
  out.push_back(Query{ticket});
}

void Ledger::hear(const QueryReady& event, const service::StateMachine& machine, WallTime wall) {
  const auto found = questions_.find(event.ticket);
  if (found == questions_.end()) return;
  const Question question = std::move(found->second);
  questions_.erase(found);
  question.answer(machine, wall);
}

void Ledger::hear(const QueryFailed& event) {
  const auto found = questions_.find(event.ticket);
  if (found == questions_.end()) return;
  const Question& question = found->second;
  refuse(question.id, question.request, local::RefusedKind::no_quorum, no_quorum() + question.otherwise);
  questions_.erase(found);
}

service::Owner Ledger::owner(const Credentials& who, std::uint32_t pid, const std::string& command) const {
  service::Owner owner;
  owner.peer = config.peer;
  owner.host = config.host;
  owner.uid = who.uid;
  owner.user = who.user;
  owner.pid = pid;
  owner.command = command;
  return owner;
}

}  // namespace coord::replica
