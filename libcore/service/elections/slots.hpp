// SPDX-License-Identifier: MIT
// Slots: work that is to be done once for each key in the whole group, however many hosts' crons ask for it.
//
// Problem: cron on ten hosts starts the nightly job ten times. A lock alone runs it ten times, one after the
// other; a lock held for an hour ("minimum hold") runs it again when the hour is over on a host that was
// late, and not at all after a runner died. So what is done is written down: a key is complete, or has been
// begun so often, and both are facts of the log. A beginning is counted in the same command that makes its
// runner leader, so before COMMAND starts anywhere: `attempts` is a bound whatever dies.
//
// A key that is made from the clock ("the hour that it is") cannot be kept for all time past, and two hosts
// whose clocks differ would name the same hour differently at its edge. So of periods only the latest is
// kept. An earlier one is never begun any more, and a later one only half a period after the last beginning,
// by the wall times that the log's commands carry: hosts whose clocks differ by less than half a period
// cannot run one period's work as that of two.
//
// Pure functions on SlotBook; the machine decides when to ask.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "service/elections/state.hpp"

namespace coord::service {

enum class SlotVerdict : std::uint8_t {
  open,     // may be begun (again)
  done,     // complete, or its time is over: there is nothing to do
  used_up,  // begun as often as allowed, and never completed
};

// `book`: null, nothing is known of the name. `wall`: of the command that asks.
SlotVerdict judge(const SlotBook* book, const SlotWish& wish, WallTime wall);

// The slot is begun: its attempt's number, from 1.
std::uint32_t begin_slot(SlotBook& book, const SlotWish& wish, WallTime wall);

// A leader is done, with a slot or without.
void complete(SlotBook& book, const SlotWish* wish, Completion completion);

// The user as books and slots keep it: what counts together.
std::string kept_user(const std::string& user);

struct SlotTotals {
  struct OfUser {
    std::size_t books = 0;
    std::size_t keys = 0;
  };
  std::size_t keys = 0;
  std::size_t bytes = 0;
  std::map<std::string, OfUser> of_user{};  // by who began them

  OfUser of(const std::string& user) const {
    const auto found = of_user.find(user);
    return found == of_user.end() ? OfUser{} : found->second;
  }
};
SlotTotals totals(const std::map<std::string, SlotBook>& books);

// Forgets keys that have been as they are for 400 days before `wall`, in all books, and
// the books that are empty then.
void forget_old(std::map<std::string, SlotBook>& books, WallTime wall);

}  // namespace coord::service
