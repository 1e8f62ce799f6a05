// SPDX-License-Identifier: MIT
// Which hosts a Chord ring has, agreed on by the group.
//
// Problem: a key's copies lie on the hosts that follow its place on the ring. Two hosts that disagree on who
// these are write to two majorities that do not meet, and one of them does not see what the other has
// acknowledged. The ring's own protocol repairs itself, but cannot promise that at each moment. So who is in
// the ring is a replicated value with a number that rises with each change, and a copy answers
// for one number only.
//
// Algorithm: changes are made one at a time, each in two steps, as joint consensus does it (Ongaro, "Raft",
// 2014, 4.3). First the ring has the hosts of before and after: a write needs a majority of both, a read one
// of before. When who gains keys has read them from a majority of before, it is settled: the hosts of after
// alone. Any two majorities of sets that differ by one host meet, so hosts that gain nothing need not read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "service/family.hpp"
#include "service/rings/commands.hpp"
#include "service/rings/effects.hpp"
#include "service/rings/limits.hpp"
#include "service/rings/state.hpp"

namespace coord::service {

class Rings : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 6;
  static constexpr Level since = 2;
  using Commands = Types<JoinRing, LeaveRing, SettleRing>;
  using Shares = Types<>;
  using Answers = Types<RingAnswered>;
  using News = Types<RingChanged>;
  using Openings = Types<>;
  using Orders = Commands;
  using Questions = Types<GetRing>;
  using Views = Types<RingView>;
  using Watched = Types<RingChanged>;
  using StatePart = KeptRings;
  using LimitsPart = RingLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array<TimerKind, 0> timers{};

  // A host is its operator's; who settles a change says that everything has been handed over.
  static Nature nature(const JoinRing&) { return {.grows = true, .durable = true, .operators = true}; }
  static Nature nature(const LeaveRing&) { return {.grows = false, .durable = true, .operators = true}; }
  static Nature nature(const SettleRing&) { return {.grows = false, .durable = true, .operators = true}; }
  template <class Visit>
  static void for_each_name(const KeptRings& state, Visit&& visit) {
    for (const auto& [name, ring] : state.rings) visit(name);
  }

  void on(const JoinRing& body, Step& step);
  void on(const LeaveRing& body, Step& step);
  void on(const SettleRing& body, Step& step);
  void grants_again() {}
  void settle(Step&) {}
  void session_ends(SessionId, End, Step&) {}
  std::optional<Standing> standing(SessionId, std::uint64_t) const { return std::nullopt; }
  Duration timer_length(TimerKind, Token) const { return {}; }
  std::vector<RunningTimer> running_timers() const { return {}; }
  void timer_over(TimerKind, Token, Step&) {}
  bool busy() const { return false; }
  bool makes_durable() const { return false; }
  Status rebuild(Rebuild& rebuild);
  void list_holding(Words&) const {}
  void list_staying(Words& words) const;

  RingView answer(const GetRing& question) const;

 private:
  Refusal check(const std::string& ring, std::uint32_t uid, const std::string& user) const;
  void changed(const std::string& name, Ring& ring, Step& step);
};

}  // namespace coord::service
