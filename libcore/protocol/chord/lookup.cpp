// SPDX-License-Identifier: MIT
#include "protocol/chord/lookup.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::chord {

namespace {

// Beyond this a ring is not one: a lookup in a ring of 10^5 of which half has failed takes 30.
constexpr std::size_t hops_limit = 1000;

// How far it is from a member to the key. For one at the key itself it is the whole ring: it is the owner,
// and knows last who comes before it.
Id way_to(const Id& key, const Member& member) {
  return key - member.id - power_of_two(0);
}

bool is_nearer(const Id& key, const Member& a, const Member& b) {
  return way_to(key, a) < way_to(key, b);
}

}  // namespace

Route route(const Member& self, const List& successors, const Fingers& fingers, const Id& key,
            std::size_t width) {
  Route answer;
  fingers.closest_before(key, width, answer.nearer);
  // The list is near: it holds what the fingers lack close to the key, and a way on where they are dead.
  if (COORD_RULE_OR(chord_lookup_uses_the_successors, true, false)) {
    std::size_t added = 0;
    for (auto member = successors.rbegin(); member != successors.rend() && added < width; ++member) {
      if (!in_open(self.id, member->id, key)) continue;
      answer.nearer.push_back(*member);
      ++added;
    }
  }
  std::ranges::sort(answer.nearer, {}, [&](const Member& member) { return way_to(key, member); });
  answer.nearer.erase(std::unique(answer.nearer.begin(), answer.nearer.end()), answer.nearer.end());
  if (successors.empty()) {
    answer.successors = {self};  // a ring of one
  } else if (in_left_open(self.id, key, successors.back().id)) {
    answer.successors = successors;
  }
  return answer;
}

Lookup::Lookup(Id key, const List& known) : key_(key) {
  consider(known);
}

void Lookup::consider(const List& members) {
  const auto way = [this](const Member& member) { return way_to(key_, member); };
  for (const Member& member : members) {
    if (seen_.insert(member).second)
      candidates_.insert(std::ranges::lower_bound(candidates_, way(member), {}, way), member);
  }
}

void Lookup::answered(const Member& by, const Route& route) {
  hops_.push_back({by, true});
  std::erase(candidates_, by);
  consider(route.nearer);
  // All of them: of those before the key one may live though the nearest ones are dead.
  consider(route.successors);
  if (route.successors.empty() || (before_ && is_nearer(key_, *before_, by))) return;
  before_ = by;
  successors_ = route.successors;
}

void Lookup::dead(const Member& who) {
  hops_.push_back({who, false});
  std::erase(candidates_, who);
}

std::optional<Member> Lookup::next() const {
  if (is_found() || candidates_.empty() || hops_.size() >= hops_limit) return std::nullopt;
  return candidates_.front();
}

bool Lookup::is_found() const {
  return before_ && (candidates_.empty() || is_nearer(key_, *before_, candidates_.front()));
}

List Lookup::owners() const {
  // In a ring of one it follows itself, whatever the key.
  const auto first = std::ranges::find_if(successors_, [this](const Member& member) {
    return in_left_open(before_->id, key_, member.id) || member == *before_;
  });
  return {first, successors_.end()};
}

}  // namespace coord::chord
