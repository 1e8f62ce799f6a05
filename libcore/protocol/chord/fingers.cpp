// SPDX-License-Identifier: MIT
#include "protocol/chord/fingers.hpp"

#include "base/check.hpp"

namespace coord::chord {

Id Fingers::next_place(const std::optional<Member>& first_successor) {
  const auto answers_for = [this](const std::optional<Member>& member, const Id& place) {
    return member && in_left_open(self_.id, place, member->id);
  };
  for (unsigned tried = 0; tried < id_bits; ++tried) {
    const unsigned i = next_;
    next_ = (next_ + 1) % id_bits;
    const Id place = self_.id + power_of_two(i);
    const auto& before = i == 0 ? first_successor : fingers_[i - 1];
    if (answers_for(first_successor, place)) {
      fingers_[i] = first_successor;
    } else if (answers_for(before, place)) {
      fingers_[i] = before;
    } else {
      return place;
    }
  }
  return self_.id + power_of_two(id_bits - 1);
}

void Fingers::found(const Id& place, const Member& owner) {
  const Id distance = place - self_.id;
  for (unsigned i = 0; i < id_bits; ++i) {
    if (power_of_two(i) == distance) fingers_[i] = owner;
  }
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
    if (!finger || !in_open(self_.id, finger->id, key) || (last && *last == *finger)) continue;
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
