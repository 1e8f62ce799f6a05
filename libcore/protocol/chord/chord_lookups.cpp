// SPDX-License-Identifier: MIT
// Lookups: those of users, of places that join, and of fingers.
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "protocol/chord/chord.hpp"

namespace coord::chord {

std::optional<Route> Chord::own_route(const Member& whom, const Id& key) const {
  for (const Place& place : places_) {
    if (place.is_member && place.ring.self() == whom)
      return route(whom, place.ring.view().successors, place.fingers, key);
  }
  return std::nullopt;
}

void Chord::receive(NodeId from, const FindRoute& message) {
  send(from, RouteFound{message.request, own_route(message.whom, message.key)});
}

void Chord::receive(NodeId from, const RouteFound& message) {
  const auto open = answered(message.request, from);
  if (!open || !std::holds_alternative<FindRoute>(open->message)) return;
  if (!message.route) return give_up(*open);
  const auto found = searches_.find(open->search);
  if (found == searches_.end()) return;
  found->second.lookup.answered(open->whom, *message.route);
  go_on(open->search);
}

std::uint64_t Chord::search(Search search) {
  const std::uint64_t id = ++last_number_;
  searches_.emplace(id, std::move(search));
  go_on(id);
  return searches_.contains(id) ? id : 0;
}

void Chord::go_on(std::uint64_t id) {
  Search& search = searches_.at(id);
  // This host's own places answer at once.
  std::optional<Member> next = search.lookup.next();
  for (; next && next->host == config_.self; next = search.lookup.next()) {
    if (const auto own = own_route(*next, search.lookup.key())) {
      search.lookup.answered(*next, *own);
    } else {
      search.lookup.dead(*next);
    }
  }
  if (next) {
    const std::uint64_t number = ++last_number_;
    request(
        {next->host, FindRoute{number, *next, search.lookup.key()}, {}, false, *next, search.place, {}, id},
        number);
    return;
  }
  Search over = std::move(search);
  searches_.erase(id);
  finish(id, std::move(over));
}

void Chord::finish(std::uint64_t id, Search search) {
  Lookup& lookup = search.lookup;
  switch (search.purpose) {
    case Search::For::user:
      actions_.push_back(
          Owners{search.tag, lookup.key(), lookup.is_found() ? lookup.owners() : List{}, lookup.hops()});
      return;
    case Search::For::join:
      joined(search.place, lookup);
      return;
    case Search::For::finger: {
      Place& place = places_[search.place];
      if (place.fixing == id) place.fixing = 0;
      const List owners = lookup.is_found() ? lookup.owners() : List{};
      if (!owners.empty()) place.fingers.found(lookup.key(), owners.front());
      return;
    }
  }
}

void Chord::fix_finger(std::size_t i) {
  Place& place = places_[i];
  const View& view = place.ring.view();
  if (place.fixing != 0 || view.successors.empty()) return;
  const Id key = place.fingers.next_place(view.successors.front());
  place.fixing = search({Lookup(key, {place.ring.self()}), Search::For::finger, 0, i});
}

}  // namespace coord::chord
