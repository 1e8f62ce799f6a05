// SPDX-License-Identifier: MIT
// Leaderships as the log sees them: candidates, elections, and what is written down of work done.
//
// A name may be led by one session, under a term that is a token like others; its candidates queue by
// priority, then by place. They have nothing to do with the lock of the same name. A leader is told to step
// down (StepDown), never just replaced: its session resigns once its command has ended, or ends. What is
// written down of work done: slots.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/elections/commands.hpp"
#include "service/elections/effects.hpp"
#include "service/elections/limits.hpp"
#include "service/elections/slots.hpp"
#include "service/elections/state.hpp"
#include "service/family.hpp"
#include "service/locks/commands.hpp"

namespace coord::service {

class Elections : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 3;
  static constexpr Level since = 1;
  using Commands = Types<Complete, Depose, Enroll, Withdraw>;
  using Shares = Types<Acquire, Cancel, Release>;  // with a candidacy, or of one
  using Answers = Types<>;
  using News = Types<Dismissed, StepDown, LeadershipChanged>;
  using Openings = Types<>;
  using Orders = Types<>;
  using Questions = Types<>;
  using Views = Types<>;
  using Watched = Types<>;
  using StatePart = KeptElections;
  using LimitsPart = ElectionLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array timers{TimerKind::min_hold};

  // What a lone peer does not sync, a power cut takes back: that is well for locks, whose users the same cut
  // has ended, and not for what was written down of work done, or begun.
  static Nature nature(const Acquire& body) { return {.grows = true, .durable = body.candidacy.has_value()}; }
  static Nature nature(const Cancel&) { return {.grows = false, .durable = false}; }
  static Nature nature(const Release&) { return {.grows = false, .durable = false}; }
  static Nature nature(const Complete&) { return {.grows = false, .durable = true}; }
  static Nature nature(const Depose&) { return {.grows = false, .durable = false}; }
  static Nature nature(const Enroll&) { return {.grows = false, .durable = true}; }
  static Nature nature(const Withdraw&) { return {.grows = false, .durable = true}; }
  template <class Visit>
  static void for_each_name(const KeptElections& state, Visit&& visit) {
    for (const auto& [name, leadership] : state.elections.leaderships) visit(name);
    for (const auto& [name, nodes] : state.elections.enrolled) visit(name);
    for (const auto& [name, book] : state.elections.books) visit(name);
  }

  bool takes(const Acquire& body) const { return body.candidacy.has_value(); }
  bool takes(const Cancel& body) const { return candidacy_of(body.session, body.request) != nullptr; }
  bool takes(const Release& body) const { return candidacy_of(body.session, body.request) != nullptr; }
  void on(const Acquire& body, Step& step);
  void on(const Cancel& body, Step& step);
  void on(const Release& body, Step& step);
  void on(const Complete& body, Step& step);
  void on(const Depose& body, Step& step);
  void on(const Enroll& body, Step& step);
  void on(const Withdraw& body, Step& step);
  void grants_again();
  void settle(Step& step);
  void session_ends(SessionId session, End end, Step& step);
  std::optional<Standing> standing(SessionId session, std::uint64_t number) const;
  Duration timer_length(TimerKind kind, Token token) const;
  std::vector<RunningTimer> running_timers() const;
  void timer_over(TimerKind kind, Token token, Step& step);
  bool busy() const { return false; }  // a minimum hold that outlives its leader begins anew with the peer
  bool makes_durable() const;  // any command may end a leadership, and so begin the next one's attempt
  Status rebuild(Rebuild& rebuild);
  void list_holding(Words& words) const;
  void list_staying(Words& words) const;

  // ---- queries
  // Of a session's request: the candidacy that it is, and of which name; null: it is none.
  const std::string* candidacy_of(SessionId session, std::uint64_t request) const;
  const Candidate* candidate(SessionId session, std::uint64_t request) const;
  std::size_t candidates() const { return candidates_; }
  const Leadership* leadership_of(Token term) const;  // led, or kept shut, under it; null: over
  // By a candidacy with `preempt`: the leader that it would depose is the same user's, or there is none.
  bool may_preempt(const std::string& name, const Candidacy& wish, std::uint32_t uid,
                   const std::string& user) const;

 private:
  ElectionState& state();
  const ElectionState& state() const;
  const SlotBook* book_of(const std::string& name) const;

  Refusal check_candidacy(const Acquire& body) const;
  Refusal check_user(const Acquire& body, Level level) const;
  Refusal check_slot(const Acquire& body, WallTime wall) const;
  bool lead_next(const std::string& name, Leadership& leadership, Step& step);
  void settle_slots(const std::string& name, Leadership& leadership, Step& step);
  void end_candidacy(SessionId session, std::uint64_t number, Step& step, AnswerTo to);
  void forget_candidacy(SessionId session, std::uint64_t number);
  bool may_depose(const Candidate& leader, std::uint32_t uid, const std::string& user) const;
  bool may_change(const std::string& name, NodeId node, std::uint32_t uid, const std::string& user) const;
  Refusal room_for(const std::string& name, const SlotWish* wish, const Owner& owner, WallTime wall);
  void forget_of_user(const std::string& user, const std::string& name, WallTime wall);
  void write_down(const std::string& name, const SlotWish* slot, const Owner& owner, const Step& step,
                  const std::function<void(SlotBook&)>& change);
  Status rebuild_leadership(const std::string& name, const Leadership& leadership, Rebuild& rebuild);

  // Computed from the state.
  std::map<SessionId, std::map<std::uint64_t, std::string>> candidacies_of_;  // only sessions that have some
  std::map<Token, std::string> led_under_;  // of names that are led or kept shut
  std::size_t candidates_ = 0;
  SlotTotals slots_;

  // Of the command that is applied; empty once it is settled.
  std::set<std::string> open_;     // leaderships that somebody may take now, or whose slots were settled
  std::set<std::string> changed_;  // leaderships that look different now
};

}  // namespace coord::service
