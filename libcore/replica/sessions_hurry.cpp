// What is not to wait, or no longer: -n, the end of -w, orders. How long that is waited for all the same:
// hurry.hpp.
#include <algorithm>

#include "base/rule.hpp"
#include "replica/sessions.hpp"

namespace coord::replica {

std::string no_quorum_text(const std::string& not_begun) {
  return not_begun.empty() ? "no quorum: a majority of the peers cannot be reached" : not_begun;
}

std::string Sessions::no_leader_text() const {
  return quorum_ ? "no quorum: nothing was agreed on for too long" : no_quorum_text(not_begun_);
}

// The tool has cancelled. While there is no leader its time for one counts from when it asked: who has waited
// for longer than -n would is answered at once.
void Sessions::hurry(Instant now, ConnectionId id, Record& record) {
  if (!record.hurried) record.hurried = quorum_ ? now : record.asked_at;
  if (record.stage == Stage::acquiring) {
    hurry_.begin(record.acquire_ticket, *record.hurried);
  } else if (!std::exchange(record.cancel_sent, true)) {
    hurry_.begin(next_ticket_, *record.hurried);
    submit(Ticket{Ticket::Kind::cancel, {id}, {}, {}}, service::Cancel{record.session, record.asked.request});
  }
  give_up_late(now);
}

void Sessions::give_up_late(Instant now) {
  for (const Hurry::Late& late : hurry_.over(now)) give_up(late);
}

void Sessions::give_up(const Hurry::Late& late) {
  const auto found = tickets_.find(late.ticket);
  if (found == tickets_.end()) return;
  const Ticket& ticket = found->second;
  const ConnectionId id = ticket.connections.front();
  Record* record = find(id);
  if (record == nullptr) return;
  if (ticket.kind == Ticket::Kind::acquire || ticket.kind == Ticket::Kind::cancel)
    return give_up_acquire(id, *record, late.may_be_ordered);
  // Whoever gave the order knows that it may have taken effect, and is told no more of it.
  if (ticket.kind == Ticket::Kind::break_it) give_up_break(ticket, late.may_be_ordered);
  if (ticket.kind == Ticket::Kind::election)
    refuse(id, ticket.request, local::RefusedKind::unknown,
           "the quorum was lost meanwhile: see --who when it is back");
  out_.push_back(Retract{late.ticket});
  tickets_.erase(found);
}

// Answers a tool that no longer waits although nothing can be ordered now; what it may have left in the log
// is closed later.
void Sessions::give_up_acquire(ConnectionId id, Record& record, bool may_be_ordered) {
  const bool asks = record.stage == Stage::acquiring;
  if (record.abandoned || (!asks && record.stage != Stage::waiting)) return;
  // A grant that nobody takes up is closed and leaves nothing behind, but for these.
  const char* counted = nullptr;
  if (record.asked.candidacy && record.asked.candidacy->slot) counted = "an attempt at the slot";
  if (record.asked.period != Duration{}) counted = "a permit";
  if (asks && may_be_ordered && counted != nullptr) {
    say(id, record,
        local::Refused{record.asked.request, local::RefusedKind::unknown,
                       no_leader_text() + ": " + counted + " may have been used up"});
  } else if (record.cancel_asked) {
    say(id, record, local::Cancelled{record.asked.request, false, not_begun_});
  } else {
    say(id, record, local::Refused{record.asked.request, local::RefusedKind::no_quorum, no_leader_text()});
  }
  record.cancel_asked = false;
  if (!asks) return close(id, record, service::CloseReason::finished);
  record.abandoned = true;
  out_.push_back(Retract{record.acquire_ticket});
}

void Sessions::give_up_break(const Ticket& ticket, bool may_be_ordered) {
  const ConnectionId id = ticket.connections.front();
  const auto mine = [&](const auto& entry) { return entry.second == std::pair{id, ticket.request}; };
  const auto found = std::find_if(breakers_.begin(), breakers_.end(), mine);
  if (found == breakers_.end()) return;  // it has ended meanwhile, and that was told
  breakers_.erase(found);
  refuse(id, ticket.request, may_be_ordered ? local::RefusedKind::unknown : local::RefusedKind::no_quorum,
         no_leader_text());
}

// ---- what was given up and ordered all the same: granted to nobody

void Sessions::orphan(const Record& record) {
  orphans_.insert_or_assign(record.session,
                            std::pair(record.asked.names, record.asked.candidacy.has_value()));
}

// Who does not wait was refused for the sake of a request that nobody wants any more, and whose end was sent
// a moment ago.
bool Sessions::kept_out_by_nobody(const Record& record, service::Refusal why) const {
  const bool kept_out = why == service::Refusal::held || why == service::Refusal::slot_running;
  if (record.asked.wait || !COORD_RULE_OR(given_up_is_in_nobodys_way, kept_out, false)) return false;
  const std::vector<std::string>& wanted = record.asked.names;
  return std::ranges::any_of(orphans_, [&](const auto& orphan) {
    const auto& [names, leads] = orphan.second;
    return leads == record.asked.candidacy.has_value() &&
           std::ranges::any_of(names, [&](const std::string& name) {
             return std::ranges::find(wanted, name) != wanted.end();
           });
  });
}

}  // namespace coord::replica
