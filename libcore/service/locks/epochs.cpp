// SPDX-License-Identifier: MIT
// Names that are entered by a classical algorithm (dlock --algorithm): who takes part, in which epoch.
//
// Problem: such an algorithm lets one of its sites in at a time, and is proved for sites that are fixed and
// remember all that they have said. Peers are restarted and cut off. Whoever goes on without a site that is
// missing must know that nobody is inside there, and no algorithm of these can tell. Solution: to take part
// is a hold like any other, with a session, its lease, and a guard that stops the command before that is
// over; all who ask for the same algorithm have it at once. The first one begins an *epoch*, whose sites are
// its peers as they are then, each this life of its process. Who has entered holds, so an epoch in which
// nobody takes part any more has nobody inside, wherever it ran: the next one begins then and not before.
// Who asks may close an epoch, because a site is missing or is none yet: whoever asks after that waits for
// the next one, as he does himself.
//
// Tokens: an entry's is that of its algorithm, above the epoch's number. So many are reserved when it begins
// that all tokens which the group gives later are larger.
#include <algorithm>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/locks/locks.hpp"

namespace coord::service {

const std::string* Locks::name_in(Token epoch) const {
  const auto found = epochs_.find(epoch);
  return found == epochs_.end() ? nullptr : &found->second;
}

const Epoch* Locks::epoch_of(const std::string& name) const {
  const auto found = state().epochs.find(name);
  return found == state().epochs.end() ? nullptr : &found->second;
}

Refusal Locks::check_part(const Acquire& body, const Request& request) const {
  if (!body.part) return Refusal::none;
  const auto& sites = body.part->sites;
  const bool plain = body.terms == LockTerms{.mode = Mode::shared} && request.names.size() == 1 && !body.join;
  const bool known = body.part->by <= EnterBy::suzuki_kasami && !sites.empty() &&
                     sites.size() <= core_->limits().decision_sites;
  const bool fit =
      std::ranges::all_of(sites, [](const DecisionSite& site) { return site.host.size() <= 255; });
  const bool sorted = std::ranges::adjacent_find(sites, [](const DecisionSite& a, const DecisionSite& b) {
                        return a.node >= b.node;
                      }) == sites.end();
  return plain && known && fit && sorted ? Refusal::none : Refusal::invalid;
}

// The first of those who take part.
void Locks::begin_epoch(const Request& request) {
  const std::string& name = request.names.front();
  const auto [at, is_new] = state().epochs.try_emplace(name);
  if (!is_new) return;
  at->second = {request.token, request.part->by, request.part->sites, false};
  epochs_.emplace(request.token, name);
  table_.close(name, false);
  core_->reserve_tokens(core_->limits().tokens_of_epoch);
}

void Locks::end_epochs(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto epoch = state().epochs.find(name);
    const Lock* lock = table_.find(name);
    if (epoch == state().epochs.end() || (lock != nullptr && !lock->holders.empty())) continue;
    epochs_.erase(epoch->second.number);
    state().epochs.erase(epoch);
  }
}

void Locks::close_epoch(const Acquire& body) {
  const auto found = state().epochs.find(body.names.front());
  if (found == state().epochs.end() || found->second.number != body.part->closes) return;
  found->second.closed = true;
  table_.close(found->first, true);
}

Status Locks::rebuild_epochs() {
  for (const auto& [name, epoch] : state().epochs) {
    const Lock* lock = table_.find(name);
    if (epoch.number == Token{} || epoch.number > core_->state().last_token || epoch.sites.empty() ||
        !epochs_.emplace(epoch.number, name).second)
      return inconsistent("an epoch that cannot be");
    if (lock == nullptr || lock->holders.empty() || lock->by != epoch.by)
      return inconsistent("an epoch in which nobody takes part");
    table_.close(name, epoch.closed);
  }
  for (const auto& [place, request] : state().requests) {
    if (request.part && request.held() && epoch_of(request.names.front()) == nullptr)
      return inconsistent("one who takes part in no epoch");
  }
  return done();
}

}  // namespace coord::service
