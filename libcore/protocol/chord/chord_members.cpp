// SPDX-License-Identifier: MIT
// The places of this host: what they ask others, and what they answer.
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "protocol/chord/chord.hpp"

namespace coord::chord {

void Chord::perform(std::size_t place, const RingMember::Actions& actions) {
  for (const RingMember::Action& action : actions) {
    if (const auto* ask = std::get_if<RingMember::Ask>(&action)) {
      const std::uint64_t number = ++last_number_;
      request({ask->whom.host, Ask{number, ask->whom}, {}, false, ask->whom, place, ask->purpose, 0}, number);
    } else {
      const Member& whom = std::get<RingMember::Notify>(action).whom;
      send(whom.host, Notify{whom, places_[place].ring.self()});
    }
  }
}

void Chord::receive(NodeId from, const Ask& message) {
  const Place* place = own(message.whom);
  send(from, Answer{message.request, place ? std::optional(place->ring.view()) : std::nullopt});
}

void Chord::receive(NodeId from, const Answer& message) {
  const auto open = answered(message.request, from);
  if (!open || !std::holds_alternative<Ask>(open->message)) return;
  // Who has left, or was started anew, is no member any more.
  if (!message.view) return give_up(*open);
  perform(open->place, places_[open->place].ring.alive(open->purpose, open->whom, *message.view));
}

void Chord::receive(NodeId from, const Notify& message) {
  if (message.by.host != from) return;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].is_member && places_[i].ring.self() == message.whom)
      perform(i, places_[i].ring.notified(message.by));
  }
}

// ---- other hosts

void Chord::say_hello() {
  if (config_.known.empty()) return;
  const NodeId to = config_.known[next_known_++ % config_.known.size()];
  const std::uint64_t number = ++last_number_;
  request({to, WhoAreYou{number}, {}, true, {}, 0, {}, 0}, number);
}

List Chord::own_members() const {
  List all;
  for (const Place& place : places_) {
    if (place.is_member) all.push_back(place.ring.self());
  }
  return all.empty() ? heard_of_ : all;
}

void Chord::receive(NodeId from, const WhoAreYou& message) {
  Places answer{message.request, {}};
  for (const Place& place : places_) {
    if (place.is_member) answer.places.push_back(place.ring.self());
  }
  send(from, std::move(answer));
}

void Chord::receive(NodeId from, const Places& message) {
  if (!answered(message.request, from)) return;
  for (const Member& member : message.places) {
    if (member.host != from) continue;
    for (Place& place : places_) {
      if (place.is_member) place.ring.reported_alive(member);
    }
  }
  if (phase_ != Phase::joining) return;
  std::erase_if(heard_of_, [from](const Member& member) { return member.host == from; });
  heard_of_.insert(heard_of_.end(), message.places.begin(), message.places.end());
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!places_[i].is_member) join_or_wait(i);
  }
}

// ---- joining

void Chord::join_or_wait(std::size_t place) {
  const List known = own_members();
  if (phase_ != Phase::joining || known.empty() || places_[place].joining != 0) return;
  places_[place].joining =
      search({Lookup(places_[place].ring.self().id, known), Search::For::join, 0, place});
}

void Chord::joined(std::size_t i, const Lookup& lookup) {
  Place& place = places_[i];
  place.joining = 0;
  if (phase_ != Phase::joining || place.is_member || !lookup.is_found()) return;
  // Just behind the one that answered, and nowhere else: its list would skip who lies between. An earlier
  // life of this place may still stand there; it is dropped before long.
  const Member& before = *lookup.before();
  const List& successors = lookup.successors();
  const Id& self = place.ring.self().id;
  if (!COORD_RULE(chord_joins_behind_its_predecessor, in_open(before.id, self, successors.front().id)))
    return;
  if (before.id == self) return;
  place.is_member = true;
  perform(i, place.ring.join(before, View{std::nullopt, successors}));
  for (const Place& other : places_) {
    if (!other.is_member) return;
  }
  phase_ = Phase::inside;
  actions_.push_back(Joined{});
}

}  // namespace coord::chord
