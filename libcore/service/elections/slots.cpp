// SPDX-License-Identifier: MIT
#include "service/elections/slots.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::service {

namespace {

constexpr Duration slots_kept = std::chrono::hours(400 * 24);

const Slot* find(const SlotBook& book, const SlotWish& wish) {
  if (wish.period > Duration::zero()) return book.period == wish.key ? &book.latest : nullptr;
  const auto it = book.slots.find(wish.key);
  return it == book.slots.end() ? nullptr : &it->second;
}

// Wall times are anybody's: their difference must not overflow.
bool passed(WallTime from, WallTime to, Duration length) {
  constexpr std::int64_t far = std::int64_t{1} << 61U;
  return std::clamp(to.unix_ns, -far, far) - std::clamp(from.unix_ns, -far, far) >= length.count();
}

bool too_soon(const SlotBook& book, const SlotWish& wish, WallTime wall) {
  if (wish.period <= Duration::zero() || book.period.empty() || book.period == wish.key) return false;
  return !COORD_RULE(periods_only_move_on, wish.key > book.period) ||
         !COORD_RULE(half_a_period_between, passed(book.latest.begun, wall, wish.period / 2));
}

}  // namespace

SlotVerdict judge(const SlotBook* book, const SlotWish& wish, WallTime wall) {
  if (book == nullptr) return SlotVerdict::open;
  if (too_soon(*book, wish, wall)) return SlotVerdict::done;
  const Slot* slot = find(*book, wish);
  if (slot == nullptr) return SlotVerdict::open;
  if (!COORD_RULE(slot_completes_once, !slot->completed)) return SlotVerdict::done;
  return COORD_RULE(attempts_are_bounded, slot->attempts < wish.attempts) ? SlotVerdict::open
                                                                          : SlotVerdict::used_up;
}

std::uint32_t begin_slot(SlotBook& book, const SlotWish& wish, WallTime wall) {
  const bool periodic = wish.period > Duration::zero();
  if (periodic && book.period != wish.key) {
    book.period = wish.key;
    book.latest = {};
  }
  Slot& slot = periodic ? book.latest : book.slots[wish.key];
  slot.begun = slot.at = wall;
  return ++slot.attempts;
}

void complete(SlotBook& book, const SlotWish* wish, Completion completion) {
  if (wish != nullptr) {
    Slot* slot = nullptr;
    if (wish->period > Duration::zero()) {
      if (book.period == wish->key) slot = &book.latest;
    } else {
      slot = &book.slots[wish->key];
    }
    if (slot != nullptr) {
      slot->completed = true;
      slot->at = completion.at;
    }
  }
  book.last = std::move(completion);
}

SlotTotals totals(const std::map<std::string, SlotBook>& books) {
  SlotTotals sum;
  for (const auto& [name, book] : books) {
    ++sum.of_user[book.user].books;
    sum.keys += book.slots.size();
    for (const auto& [key, slot] : book.slots) {
      sum.bytes += key.size();
      ++sum.of_user[slot.user].keys;
    }
  }
  return sum;
}

std::string kept_user(const std::string& user) {
  constexpr std::size_t longest = 64;  // 60,000 slots keep one each
  return user.substr(0, longest);
}

void forget_old(std::map<std::string, SlotBook>& books, WallTime wall) {
  const auto old = [&](WallTime at) { return passed(at, wall, slots_kept); };
  for (auto it = books.begin(); it != books.end();) {
    SlotBook& book = it->second;
    std::erase_if(book.slots, [&](const auto& slot) { return old(slot.second.at); });
    if (!book.period.empty() && old(book.latest.at)) {
      book.period.clear();
      book.latest = {};
    }
    const bool empty = !book.remembers_slots() && (!book.last || old(book.last->at));
    it = empty ? books.erase(it) : std::next(it);
  }
}

}  // namespace coord::service
