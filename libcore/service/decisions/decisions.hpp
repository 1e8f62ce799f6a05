// SPDX-License-Identifier: MIT
// One value a name, the same for all who ask, whoever proposed what: consensus for scripts.
//
// Problem: several hosts propose a value for the same thing (the plan of a deployment, whose backup is the
// valid one), each must go on with the same one, and whoever comes later with that one too. Reading, and
// writing if nothing is there, lets two write. An ordered log has decided already: the first proposal in it
// is the value, and a later one changes nothing but is told which it is.
//
// Generations: a decision may be forgotten, and its name decided anew. A proposal that was under way
// meanwhile (its host slept, its peer looked for a leader) must not become the first of the new round: its
// maker meant the old one, of which he may have been told by another way. So a proposal names the moment at
// which its tool saw that nothing was decided (`seen`, the group's last token), and has no effect once its
// name was forgotten after that. When is remembered for the names that were forgotten last; of all others a
// proposal is refused that is older than the last one of them: more than is needed, never less.
//
// A name may be decided by a classical algorithm instead, whose sites are fixed by its first entry and never
// change: a majority of one set and a majority of another need not meet.
//
// Source: the state machine approach (Schneider, "Implementing fault-tolerant services", 1990): consensus and
// a total order are the same problem.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "service/decisions/commands.hpp"
#include "service/decisions/effects.hpp"
#include "service/decisions/limits.hpp"
#include "service/decisions/state.hpp"
#include "service/family.hpp"

namespace coord::service {

class Decisions : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 7;
  static constexpr Level since = 2;
  using Commands = Types<ProposeValue, ForgetDecision, OpenDecision>;
  using Shares = Types<>;
  using Answers = Types<DecisionAnswered>;
  using News = Types<DecisionChanged>;
  using Openings = Types<>;
  using Orders = Commands;
  using Questions = Types<GetDecision, ListDecisions>;
  using Views = Types<DecisionView, DecisionsView>;
  using Watched = Types<DecisionChanged>;
  using StatePart = KeptDecisions;
  using LimitsPart = DecisionLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array<TimerKind, 0> timers{};

  // What was told to be decided is after a power cut.
  static Nature nature(const ProposeValue&) { return {.grows = true, .durable = true}; }
  static Nature nature(const OpenDecision&) { return {.grows = true, .durable = true}; }
  static Nature nature(const ForgetDecision&) { return {.grows = false, .durable = true}; }
  template <class Visit>
  static void for_each_name(const KeptDecisions& state, Visit&& visit) {
    for (const auto& [name, decision] : state.decisions) visit(name);
  }

  void on(const ProposeValue& body, Step& step);
  void on(const OpenDecision& body, Step& step);
  void on(const ForgetDecision& body, Step& step);
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

  DecisionView answer(const GetDecision& question) const;
  DecisionsView answer(const ListDecisions& question) const;
  // Of a decision by sites; nullptr: there is none of this generation.
  const std::string* name_by_sites(Token generation) const;
  // When a decision was forgotten last, whichever; 0: none ever was.
  Token last_forgotten() const;

 private:
  KeptDecisions& kept();
  const KeptDecisions& kept() const;
  Refusal check(const std::string& name, std::uint32_t uid, const std::string& user) const;
  Refusal check_room(std::size_t bytes, std::uint32_t uid, const std::string& user) const;
  bool is_late(const std::string& name, Token seen) const;
  void add(const std::string& name, Decision decision, Step& step);
  void remember_forgotten(const std::string& name, Token when);

  // Computed from the state.
  std::map<std::string, std::size_t> of_user_;
  std::map<Token, std::string> forgotten_;  // by when
  std::map<Token, std::string> by_sites_;   // decisions by sites, by generation
  std::map<std::string, std::size_t> by_sites_of_user_;
  std::size_t bytes_ = 0;
};

}  // namespace coord::service
