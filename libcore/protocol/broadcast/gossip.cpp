// SPDX-License-Identifier: MIT
// What casts are known, and how one is spread while it is news.
#include "protocol/broadcast/gossip.hpp"

#include <algorithm>
#include <iterator>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

namespace {

constexpr std::size_t most_hot = 1024;
constexpr std::size_t most_missed = 64;  // rows of a life: the first of more are held to be taken

}  // namespace

Gossip::Gossip(Config config) : config_(config), random_(config.seed) {
  COORD_CHECK(config_.fanout > 0 && config_.period > Duration{} && config_.compare_often > Duration{});
}

Gossip::Actions Gossip::step(Instant now, const Event& event) {
  Actions actions;
  forget(now);
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

std::optional<Instant> Gossip::deadline() const {
  std::optional<Instant> first = compare_at_;
  const auto consider = [&](Instant at) {
    if (!first || at < *first) first = at;
  };
  if (!due_.empty()) consider(due_.begin()->first);
  for (const auto& [id, fetching] : fetching_) consider(fetching.ask_at);
  return first;
}

// ---- what is told

void Gossip::on(Instant, const Members& event, Actions&) {
  members_ = event;
  const auto is_self = [this](NodeId node) { return node == config_.self; };
  std::erase_if(members_.alive, is_self);
  std::erase_if(members_.all, is_self);
}

void Gossip::on(Instant now, const Begin& event, Actions& actions) {
  learn(now, std::nullopt, {{config_.self, config_.life, ++last_number_}, event.after, event.body}, {},
        actions);
}

void Gossip::on(Instant now, const Receive& event, Actions& actions) {
  if (event.from == config_.self || fault_of(event.message) != nullptr) return;
  std::visit([&](const auto& what) { heard(now, event.from, what, actions); }, event.message);
}

void Gossip::on(Instant now, const Tick&, Actions& actions) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const CastId id = due_.begin()->second;
    spread(now, id, *find(id), actions);
  }
  ask_again(now, actions);
  if (compare_at_ && now >= *compare_at_) compare(now, actions);
}

void Gossip::heard(Instant now, NodeId from, const Tell& what, Actions& actions) {
  const bool news = takes(what.cast.id, what.age);
  actions.push_back(Send{from, broadcast::Heard{what.cast.id, news}});
  if (Held* const held = find(what.cast.id)) has(*held, what.cast.id, from, actions);
  if (news) learn(now, from, what.cast, what.age, actions);
}

void Gossip::heard(Instant, NodeId from, const Heard& what, Actions& actions) {
  Held* const held = find(what.id);
  if (held == nullptr) return;
  has(*held, what.id, from, actions);
  if (held->hot && !what.news) ++held->hot->unnecessary;
}

// ---- what is known

Gossip::Held* Gossip::find(const CastId& id) {
  const auto origin = origins_.find({id.origin, id.life});
  if (origin == origins_.end()) return nullptr;
  const auto held = origin->second.held.find(id.number);
  return held == origin->second.held.end() ? nullptr : &held->second;
}

std::vector<std::pair<std::shared_ptr<const Cast>, Instant>> Gossip::kept() const {
  std::vector<std::pair<std::shared_ptr<const Cast>, Instant>> kept;
  for (const auto& [at, id] : by_arrival_)
    if (const Held* const held = find(id); held != nullptr && held->cast)
      kept.emplace_back(held->cast, held->born);
  return kept;
}

std::pair<std::shared_ptr<const Cast>, Instant> Gossip::kept(const CastId& id) const {
  const Held* const held = find(id);
  return held == nullptr ? std::pair<std::shared_ptr<const Cast>, Instant>()
                         : std::pair(held->cast, held->born);
}

bool Gossip::knows(const CastId& id) const {
  const auto origin = origins_.find({id.origin, id.life});
  if (origin == origins_.end()) return false;
  return COORD_RULE_OR(what_was_forgotten_is_not_taken, id.number <= origin->second.forgotten, false) ||
         COORD_RULE_OR(a_cast_is_taken_once, origin->second.held.contains(id.number), false);
}

Standing Gossip::standing(const CastId& id) const {
  const auto found = origins_.find({id.origin, id.life});
  if (found == origins_.end()) return Standing::unknown;
  const Origin& origin = found->second;
  if (origin.held.contains(id.number)) return Standing::taken;
  if (id.number > origin.forgotten) return Standing::unknown;
  const auto behind = origin.missed.upper_bound(id.number);
  const bool is_missed = behind != origin.missed.begin() && std::prev(behind)->second >= id.number;
  return COORD_RULE_OR(what_never_came_was_not_heard, is_missed, false) ? Standing::missed : Standing::taken;
}

bool Gossip::takes(const CastId& id, Duration age) const {
  const bool is_own = id.origin == config_.self && id.life == config_.life;
  return !is_own && COORD_RULE(no_cast_older_than_the_memory, age <= config_.memory) && !knows(id);
}

// For the first time.
void Gossip::learn(Instant now, std::optional<NodeId> from, Cast cast, Duration age, Actions& actions) {
  const CastId id = cast.id;
  const auto shared = std::make_shared<const Cast>(std::move(cast));
  actions.push_back(Arrived{shared, age});
  fetching_.erase(id);
  Origin& origin = origins_[{id.origin, id.life}];
  origin.last = now;
  Held& held = origin.held[id.number];
  if (held.hot) cool(id, held);
  held = {now - age, shared, Hot{}, false};
  if (from) held.hot->have.insert(*from);
  advance(origin);
  by_arrival_.emplace_back(now, id);
  with_body_.push_back(id);
  bytes_ += shared->body.size();
  last_news_ = now;
  const Instant soon =
      now + random_.between(config_.compare_often / 2, config_.compare_often + config_.compare_often / 2);
  if (!compare_at_ || *compare_at_ > soon) compare_at_ = soon;
  if (due_.size() >= most_hot) cool(due_.begin()->second, *find(due_.begin()->second));
  held.hot->next = now;
  due_.emplace(now, id);
  spread(now, id, held, actions);
  forget(now);
}

void Gossip::advance(Origin& origin) {
  origin.upto = std::max(origin.upto, origin.forgotten);
  while (origin.held.contains(origin.upto + 1)) ++origin.upto;
}

// Numbers above `forgotten` that are not held never were: whoever forgets one raises it to that one.
void Gossip::forget_up_to(Origin& origin, std::uint64_t number) {
  if (number <= origin.forgotten) return;
  std::uint64_t next = origin.forgotten + 1;
  for (auto held = origin.held.lower_bound(next); next <= number; ++held) {
    const bool is_last = held == origin.held.end() || held->first > number;
    const std::uint64_t last = is_last ? number : held->first - 1;
    if (next <= last) origin.missed.emplace(next, last);
    if (is_last) break;
    next = held->first + 1;
  }
  while (origin.missed.size() > most_missed) origin.missed.erase(origin.missed.begin());
  origin.forgotten = number;
}

void Gossip::has(Held& held, const CastId& id, NodeId node, Actions& actions) {
  if (held.hot) held.hot->have.insert(node);
  const bool is_own = id.origin == config_.self && id.life == config_.life;
  if (is_own && !std::exchange(held.confirmed, true)) actions.push_back(Confirmed{id});
}

void Gossip::forget(Instant now) {
  while (!by_arrival_.empty() && by_arrival_.front().first + config_.memory < now) forget_first(true);
  while (by_arrival_.size() > config_.most_ids) forget_first(false);
  while (bytes_ > config_.most_bytes && !with_body_.empty()) {
    Held* const held = find(with_body_.front());
    if (held != nullptr && held->cast) {
      bytes_ -= held->cast->body.size();
      if (held->hot) cool(with_body_.front(), *held);
      held->cast.reset();
    }
    with_body_.pop_front();
  }
  std::erase_if(origins_, [&](const auto& entry) {
    return entry.second.held.empty() && entry.second.last + 2 * config_.memory < now;
  });
}

void Gossip::forget_first(bool by_age) {
  const CastId id = by_arrival_.front().second;
  by_arrival_.pop_front();
  Origin& origin = origins_.at({id.origin, id.life});
  Held& held = origin.held.at(id.number);
  if (held.hot) cool(id, held);
  if (held.cast) bytes_ -= held.cast->body.size();
  while (!with_body_.empty() && (find(with_body_.front()) == nullptr || with_body_.front() == id))
    with_body_.pop_front();
  forget_up_to(origin, id.number);
  origin.held.erase(id.number);
  if (by_age) origin.expired = std::max(origin.expired, id.number);
  advance(origin);
}

// ---- while it is news

std::vector<NodeId> Gossip::some(const std::vector<NodeId>& among, const std::set<NodeId>& but,
                                 std::size_t count) {
  std::vector<NodeId> left;
  for (const NodeId node : among)
    if (!but.contains(node)) left.push_back(node);
  count = std::min(count, left.size());
  for (std::size_t i = 0; i < count; ++i)
    std::swap(left[i], left[i + static_cast<std::size_t>(random_.below(left.size() - i))]);
  left.resize(count);
  return left;
}

void Gossip::spread(Instant now, const CastId& id, Held& held, Actions& actions) {
  Hot& hot = *held.hot;
  const bool is_boring = hot.unnecessary >= config_.boring_after || hot.periods >= config_.most_periods;
  const auto to = is_boring ? std::vector<NodeId>() : some(members_.alive, hot.have, config_.fanout);
  if (to.empty()) return cool(id, held);
  for (const NodeId node : to) tell(now, node, held, actions);
  ++hot.periods;
  due_.erase({hot.next, id});
  hot.next = now + random_.between(config_.period / 2, config_.period + config_.period / 2);
  due_.emplace(hot.next, id);
}

void Gossip::cool(const CastId& id, Held& held) {
  due_.erase({held.hot->next, id});
  held.hot.reset();
}

void Gossip::tell(Instant now, NodeId to, const Held& held, Actions& actions) const {
  const Cast& cast = *held.cast;
  const Duration age = now - held.born;
  if (cast.body.size() + cast.after.size() * sizeof(CastId) <= whole_bytes) {
    actions.push_back(Send{to, Tell{cast, age}});
  } else {
    actions.push_back(
        Send{to, Offer{cast.id, cast.after, age, static_cast<std::uint32_t>(cast.body.size())}});
  }
}

}  // namespace coord::broadcast
