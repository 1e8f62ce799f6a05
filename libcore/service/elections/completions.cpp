// SPDX-License-Identifier: MIT
// What is written down of work done by leaders.
#include <functional>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/elections/elections.hpp"

namespace coord::service {

// Whether there is room to remember it, once what is old has been forgotten. Asked before a candidate is let
// in: at its turn it is written down whatever has come since.
Refusal Elections::room_for(const std::string& name, const SlotWish* wish, const Owner& owner,
                            WallTime wall) {
  auto& books = state().books;
  const Limits& limits = core_->limits();
  const std::string user = kept_user(owner.user);
  const auto full = [&] {
    const auto book = books.find(name);
    const bool new_book = book == books.end();
    const bool new_key = wish != nullptr && wish->period == Duration::zero() &&
                         (new_book || !book->second.slots.contains(wish->key));
    if ((new_book && books.size() >= limits.books) ||
        (new_key &&
         (slots_.keys >= limits.slot_keys || slots_.bytes + wish->key.size() > limits.all_slot_bytes)))
      return Refusal::too_many_slots;
    const SlotTotals::OfUser has = slots_.of(user);
    const bool within =
        (!new_book || has.books < limits.books_of_user) && (!new_key || has.keys < limits.slot_keys_of_user);
    return owner.uid == 0 || COORD_RULE(slots_of_user_bounded, within) ? Refusal::none
                                                                       : Refusal::too_many_slots_of_user;
  };
  if (full() == Refusal::too_many_slots) {
    forget_old(books, wall);
    // Of names without slots only a time is known: that of the one who was here the longest ago goes.
    auto oldest = books.end();
    for (auto it = books.begin(); books.size() >= limits.books && it != books.end(); ++it) {
      if (it->second.remembers_slots()) continue;
      if (oldest == books.end() || it->second.touched < oldest->second.touched) oldest = it;
    }
    if (oldest != books.end() && oldest->first != name) books.erase(oldest);
    slots_ = totals(books);
  }
  if (full() == Refusal::too_many_slots_of_user) forget_of_user(user, name, wall);
  return full();
}

// As above, of what this user has begun.
void Elections::forget_of_user(const std::string& user, const std::string& name, WallTime wall) {
  auto& books = state().books;
  forget_old(books, wall);
  slots_ = totals(books);
  auto oldest = books.end();
  for (auto it = books.begin(); it != books.end(); ++it) {
    if (it->second.remembers_slots() || it->second.user != user) continue;
    if (oldest == books.end() || it->second.touched < oldest->second.touched) oldest = it;
  }
  if (slots_.of(user).books < core_->limits().books_of_user || oldest == books.end() || oldest->first == name)
    return;
  books.erase(oldest);
  slots_ = totals(books);
}

void Elections::write_down(const std::string& name, const SlotWish* slot, const Owner& owner,
                           const Step& step, const std::function<void(SlotBook&)>& change) {
  const std::string user = step.level < 2 ? std::string() : kept_user(owner.user);
  const auto [at, is_new] = state().books.try_emplace(name);
  SlotBook& book = at->second;
  if (is_new) {
    book.user = user;
    ++slots_.of_user[user].books;
  }
  const std::size_t keys = book.slots.size();
  change(book);
  book.touched = step.index;
  if (book.slots.size() == keys) return;
  book.slots.at(slot->key).user = user;
  ++slots_.of_user[user].keys;
  ++slots_.keys;
  slots_.bytes += slot->key.size();
}

void Elections::on(const Complete& body, Step& step) {
  Refusal why = core_->check_session(body.session, step.to.node);
  const std::string* name = why == Refusal::none ? candidacy_of(body.session, body.request) : nullptr;
  if (why == Refusal::none &&
      (name == nullptr || !COORD_RULE(only_the_leader_completes,
                                      standing(body.session, body.request)->kind == Standing::Kind::held)))
    why = Refusal::not_leading;
  const SlotWish* slot = nullptr;
  if (why == Refusal::none) {
    const Candidate* done = candidate(body.session, body.request);
    if (done->wish.slot) slot = &*done->wish.slot;
    why = room_for(*name, slot, core_->state().sessions.at(body.session).owner, step.wall);
  }
  if (why != Refusal::none) {
    return step.refuse(why, body.session, body.request);
  }
  write_down(*name, slot, core_->state().sessions.at(body.session).owner, step, [&](SlotBook& book) {
    complete(book, slot,
             Completion{step.wall, slot != nullptr ? slot->key : std::string(),
                        core_->state().sessions.at(body.session).owner.host});
  });
  for (auto& [place, candidate] : state().leaderships.at(*name).candidates) {
    if (candidate.session == body.session && candidate.number == body.request) candidate.completed = true;
  }
  open_.insert(*name);
  changed_.insert(*name);
}

}  // namespace coord::service
