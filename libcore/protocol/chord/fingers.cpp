// SPDX-License-Identifier: MIT
#include "protocol/chord/fingers.hpp"

#include "base/check.hpp"

namespace coord::chord {

// How far `member` answers, as the last of the fingers: for places up to its own, and all if it is `self_`.
unsigned Fingers::reach(const Member& member) const {
  return member.id == self_.id ? id_bits - 1 : highest_bit_of(member.id - self_.id);
}

Id Fingers::next_place(const std::optional<Member>& first_successor) {
  const auto answers_for = [this](const std::optional<Member>& member, unsigned i) {
    return member && i <= reach(*member);
  };
  for (unsigned tried = 0; tried < id_bits; ++tried) {
    const unsigned i = next_;
    next_ = (next_ + 1) % id_bits;
    const auto& before = i == 0 ? first_successor : fingers_[i - 1];
    if (answers_for(first_successor, i)) {
      fingers_[i] = first_successor;
    } else if (answers_for(before, i)) {
      fingers_[i] = before;
    } else {
      return self_.id + power_of_two(i);
    }
  }
  return self_.id + power_of_two(id_bits - 1);
}

void Fingers::found(const Id& place, const Member& owner) {
  const Id distance = place - self_.id;
  if (distance == Id{}) return;
  const unsigned i = highest_bit_of(distance);
  if (distance == power_of_two(i)) fingers_[i] = owner;
}

void Fingers::forget(const Member& dead) {
  for (auto& finger : fingers_) {
    if (finger == dead) finger.reset();
  }
}

void Fingers::fill(const List& all) {
  COORD_CHECK(!all.empty());
  for (unsigned i = 0; i < id_bits; ++i) {
    const Id place = self_.id + power_of_two(i);
    const auto owner = std::ranges::lower_bound(all, place, {}, &Member::id);
    fingers_[i] = owner == all.end() ? all.front() : *owner;
  }
}

void Fingers::closest_before(const Id& key, std::size_t most, List& into) const {
  const Member* last = nullptr;
  for (unsigned i = id_bits; i-- > 0 && into.size() < most;) {
    const auto& finger = fingers_[i];
    // Most fingers are the same as the one before.
    if (!finger || (last && *last == *finger) || !in_open(self_.id, finger->id, key)) continue;
    last = &*finger;
    into.push_back(*finger);
  }
}

List Fingers::distinct() const {
  List all;
  for (unsigned i = id_bits; i-- > 0;) {
    if (fingers_[i] && *fingers_[i] != self_ && (all.empty() || all.back() != *fingers_[i]))
      all.push_back(*fingers_[i]);
  }
  return all;
}

}  // namespace coord::chord
