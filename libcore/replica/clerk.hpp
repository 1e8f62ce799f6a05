// SPDX-License-Identifier: MIT
// What the clerks of a desk have in common that look after sessions of tools: their records, one a
// connection, which of them a session is, their leases, and what is not to wait.
//
// `Self` derives from it and says
//   LeaseUse use_of(const Record&) const        what the record's lease is used for as it is now
//   void renewed(Instant now, ConnectionId, Record&, Instant sent, const service::StateMachine&)
//                                               a renewal that was sent then has been ordered
// A Record is a Lease with `who` and `connected`. Threading: none; one owner.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/hurry.hpp"
#include "replica/leases.hpp"
#include "replica/ledger.hpp"

namespace coord::replica {

template <class Self, class Record>
class Clerk {
 public:
  std::optional<Instant> deadline() const {
    const std::optional<Instant> lease = leases_.deadline(), late = hurry_.deadline();
    return lease && late ? std::min(*lease, *late) : lease ? lease : late;
  }
  std::size_t size() const { return records_.size(); }
  bool has(ConnectionId id) const { return records_.contains(id); }

 protected:
  explicit Clerk(Ledger& ledger) : ledger_(ledger), hurry_(ledger.config.hurry) {}

  Record* find(ConnectionId id) {
    const auto found = records_.find(id);
    return found == records_.end() ? nullptr : &found->second;
  }
  std::optional<ConnectionId> connection_of(SessionId session) const {
    const auto found = by_session_.find(session);
    return found == by_session_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<ConnectionId> with_sessions() const {
    std::vector<ConnectionId> ids;
    for (const auto& [session, id] : by_session_) ids.push_back(id);
    return ids;
  }

  void say(ConnectionId id, const Record& record, local::Answer&& answer) {
    if (record.connected) ledger_.tell(id, std::move(answer));
  }
  void refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why) {
    ledger_.refuse(id, request, kind, std::move(why));
  }
  // The answer is for this record, if it is still there then.
  template <class Then>
  std::uint64_t submit(ConnectionId id, service::Body body, Then then) {
    return ledger_.submit(std::move(body), [this, id, then](const Ledger::Heard& heard) {
      if (Record* record = find(id)) then(heard, *record);
    });
  }
  void close_nobodys(SessionId session, service::CloseReason why) {
    ledger_.submit(service::Close{session, why}, {});
  }

  void set_alarm(ConnectionId id, Record& record) { leases_.set(id, record, self().use_of(record)); }
  void renew(Instant now, const Leases::Due& due) {
    for (Leases::Renewal& renewal : Leases::renew(due)) {
      for (const ConnectionId id : renewal.connections) set_alarm(id, records_.at(id));
      ledger_.submit(std::move(renewal.body),
                     [this, now, ids = std::move(renewal.connections)](const Ledger::Heard& heard) {
                       renewal_is(heard, ids, now);
                     });
    }
  }

  Ledger& ledger_;
  std::map<ConnectionId, Record> records_;
  std::map<SessionId, ConnectionId> by_session_;
  Leases leases_;
  Hurry hurry_;

 private:
  Self& self() { return static_cast<Self&>(*this); }
  void renewal_is(const Ledger::Heard& heard, const std::vector<ConnectionId>& ids, Instant sent) {
    for (const ConnectionId id : ids) {
      Record* record = find(id);
      if (record == nullptr || !std::exchange(record->renewing, false)) continue;
      self().renewed(heard.now, id, *record, sent, heard.machine);
    }
  }
};

// Those of `Effects` that a clerk has a heard() for, by the list of them that it gives.
template <class Hears, class Hear>
void hear_effects(const service::Effects& effects, Hear&& hear) {
  for (const service::Effect& effect : effects) {
    std::visit(
        [&]<class T>(const T& concrete) {
          if constexpr (service::contains<Hears, T>) hear(concrete);
        },
        effect);
  }
}

}  // namespace coord::replica
