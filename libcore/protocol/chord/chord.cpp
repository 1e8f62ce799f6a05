// SPDX-License-Identifier: MIT
#include "protocol/chord/chord.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::chord {

namespace {

constexpr std::size_t places_limit = 64;
constexpr unsigned numbers_of_a_life = 32;  // bits

}  // namespace

// Answers to the requests of an earlier life may still be on their way.
Chord::Chord(Config config)
    : config_(std::move(config)),
      last_number_(COORD_RULE_OR(chord_answers_to_this_life_only, config_.life << numbers_of_a_life, 0)) {
  COORD_CHECK(!config_.places.empty() && config_.places.size() <= places_limit);
  COORD_CHECK(config_.interval > Duration{} && config_.patience > Duration{});
  std::erase(config_.known, config_.self);
  for (const Id& place : config_.places) places_.emplace_back(member(place), config_.hosts);
}

Chord::Actions Chord::step(Instant now, const Event& event) {
  now_ = now;
  std::visit([this](const auto& what) { on(what); }, event);
  // What places of this host say to each other.
  for (; !to_self_.empty(); to_self_.pop_front()) on(Receive{config_.self, to_self_.front()});
  return std::exchange(actions_, {});
}

std::optional<Instant> Chord::deadline() const {
  std::optional<Instant> first = round_at_;
  for (const auto& [number, open] : open_) {
    if (!first || open.due < *first) first = open.due;
  }
  return first;
}

std::vector<const RingMember*> Chord::members() const {
  std::vector<const RingMember*> all;
  for (const Place& place : places_) {
    if (place.is_member) all.push_back(&place.ring);
  }
  return all;
}

const Fingers* Chord::fingers_of(const Member& member) const {
  for (const Place& place : places_) {
    if (place.ring.self() == member) return &place.fingers;
  }
  return nullptr;
}

void Chord::on(const Found& event) {
  COORD_CHECK(phase_ == Phase::outside);
  for (Place& place : places_) {
    place.ring.found(ideal_view(place.ring.self(), event.all, config_.hosts));
    place.fingers.fill(event.all);
    place.is_member = true;
  }
  phase_ = Phase::inside;
  round_at_ = now_ + config_.interval;
  actions_.push_back(Joined{});
}

void Chord::on(const Join&) {
  if (phase_ != Phase::outside) return;
  phase_ = Phase::joining;
  begin_round();
}

void Chord::on(const Resume&) {
  List all;
  for (const Place& place : places_) all.push_back(place.ring.self());
  std::ranges::sort(all);
  on(Found{all});
}

void Chord::on(const Leave&) {
  for (Place& place : places_) place.is_member = false;
  phase_ = Phase::left;
  open_.clear();
  searches_.clear();
  round_at_.reset();
}

void Chord::on(const Find& event) {
  search({Lookup(event.key, own_members()), Search::For::user, event.tag, 0});
}

void Chord::on(const Receive& receive) {
  std::visit([&](const auto& message) { this->receive(receive.from, message); }, receive.message);
}

void Chord::on(const Tick&) {
  overdue();
  if (round_at_ && now_ >= *round_at_) begin_round();
}

// One round: each place makes sure of its neighbours, one finger of each is looked up, one host is greeted.
void Chord::begin_round() {
  round_at_ = now_ + config_.interval;
  say_hello();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].is_member) {
      perform(i, places_[i].ring.stabilize());
      fix_finger(i);
    } else {
      join_or_wait(i);
    }
  }
}

// ---- requests

void Chord::send(NodeId to, Message message) {
  if (to == config_.self) {
    to_self_.push_back(std::move(message));
  } else {
    actions_.push_back(Send{to, std::move(message)});
  }
}

void Chord::request(Open open, std::uint64_t number) {
  open.due = now_ + config_.patience;
  send(open.to, open.message);
  open_.emplace(number, std::move(open));
}

std::optional<Chord::Open> Chord::answered(std::uint64_t number, NodeId by) {
  const auto found = open_.find(number);
  if (found == open_.end() || found->second.to != by) return std::nullopt;
  Open open = std::move(found->second);
  open_.erase(found);
  return open;
}

void Chord::overdue() {
  std::vector<std::uint64_t> late;
  for (const auto& [number, open] : open_) {
    if (open.due <= now_) late.push_back(number);
  }
  for (const std::uint64_t number : late) {
    const auto found = open_.find(number);
    if (found == open_.end()) continue;
    Open& open = found->second;
    // One lost message is no sign of death.
    if (!open.again) {
      open.again = true;
      open.due = now_ + config_.patience;
      send(open.to, open.message);
      continue;
    }
    const Open dead = std::move(open);
    open_.erase(found);
    give_up(dead);
  }
}

void Chord::give_up(const Open& open) {
  if (std::holds_alternative<WhoAreYou>(open.message)) return;
  for (Place& place : places_) place.fingers.forget(open.whom);
  std::erase(heard_of_, open.whom);
  if (open.search == 0) {
    perform(open.place, places_[open.place].ring.dead(open.purpose, open.whom));
    return;
  }
  const auto found = searches_.find(open.search);
  if (found == searches_.end()) return;
  found->second.lookup.dead(open.whom);
  go_on(open.search);
}

Chord::Place* Chord::own(const Member& member) {
  for (Place& place : places_) {
    if (place.is_member && place.ring.self() == member) return &place;
  }
  return nullptr;
}

}  // namespace coord::chord
