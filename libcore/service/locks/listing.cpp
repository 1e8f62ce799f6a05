// SPDX-License-Identifier: MIT
#include "service/locks/listing.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "service/words.hpp"

namespace coord::service {

namespace {

Party party_of(const StateMachine& machine, const Request& request) {
  Party party{.session = request.session,
              .node = {},
              .owner = {},
              .token = request.fence(),
              .position = 0,
              .mode = request.terms.mode,
              .since = request.since,
              .ttl = {},
              .over = false};
  if (const Session* session = machine.session(request.session)) {
    party.node = session->node;
    party.owner = session->owner;
    party.ttl = session->ttl;
  }
  return party;
}

Party party_of(Token token, const LingeringHold& lingering_hold) {
  return Party{.session = lingering_hold.session,
               .node = lingering_hold.node,
               .owner = lingering_hold.owner,
               .token = token,
               .position = 0,
               .mode = lingering_hold.terms.mode,
               .since = lingering_hold.since,
               .ttl = {},
               .over = true};
}

Listing listing_of(const StateMachine& machine, const std::string& name, const Lock& lock) {
  const State& state = machine.state();
  Listing listing{
      .name = name, .mode = Mode::exclusive, .permits = lock.permits, .holders = {}, .waiters = {}};
  for (const auto& [token, holder] : lock.holders) {
    listing.holders.push_back(holder.place.value == 0 ? party_of(token, state.lingering_holds.at(token))
                                                      : party_of(machine, state.requests.at(holder.place)));
  }
  for (const LogIndex place : lock.waiting) {
    listing.waiters.push_back(party_of(machine, state.requests.at(place)));
    listing.waiters.back().position = static_cast<std::uint32_t>(listing.waiters.size());
  }
  listing.mode = listing.holders.empty() ? listing.waiters.front().mode : listing.holders.front().mode;
  return listing;
}

}  // namespace

Party party_of_lingering_hold(const StateMachine& machine, Token grant) {
  return party_of(grant, machine.state().lingering_holds.at(grant));
}

std::vector<Listing> list(const StateMachine& machine, const std::vector<std::string>& names) {
  std::vector<Listing> result;
  for (const std::string& name : names) {
    if (const Lock* lock = machine.of<Locks>().table().find(name))
      result.push_back(listing_of(machine, name, *lock));
  }
  return result;
}

std::vector<Listing> list_all(const StateMachine& machine, const std::string& after, std::size_t most) {
  std::vector<Listing> result;
  const auto& locks = machine.of<Locks>().table().all();
  for (auto it = locks.upper_bound(after); it != locks.end() && result.size() < most; ++it)
    result.push_back(listing_of(machine, it->first, it->second));
  return result;
}

// ---- in words

void Locks::list_holding(Words& words) const {
  for (const auto& [place, request] : state().requests) {
    if (request.token != Token{}) words.add("", request.names.front(), core_->session(request.session));
  }
}

void Locks::list_staying(Words& words) const {
  for (const auto& [token, hold] : state().lingering_holds) {
    const std::string name = Words::cut(hold.names.front());
    const LockTerms& terms = hold.terms;
    if (terms.period != Duration{}) {
      words.add(fmt::format("rate of {}: {} in {}", name, terms.permits, Words::seconds(terms.period)));
    } else {
      words.add(
          fmt::format("delay of {}: {}", name, Words::seconds(std::max(terms.lock_delay, terms.min_hold))));
    }
  }
}

}  // namespace coord::service
