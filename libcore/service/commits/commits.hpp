// SPDX-License-Identifier: MIT
// All commit, or all abort: a transaction on several hosts, whose votes and whose outcome are the group's.
//
// Problem: something is to be done on all of some hosts or on none. Why the obvious answer fails: a
// coordinator that asks all and then tells them (two-phase commit: Gray, "Notes on Data Base Operating
// Systems", 1978) may be gone when all have voted yes, and each of them must wait for it, for it may have
// decided either way. A time-out that aborts then tears them apart. Algorithm: the votes are entries of the
// group's log, and so the outcome is known wherever the log is: committed with the yes of the last one,
// aborted with the first no, or with the first entry of one that waits no longer, whichever comes first (Gray
// and Lamport, "Consensus on Transaction Commit", ACM TODS 31(1), 2006: each vote is a consensus of its own;
// here the log is it). No crash of a minority of the group stops it, and no crash of a participant does who
// has voted.
//
// A participant that is gone before it voted is waited for until another one, or its own next run, has waited
// long enough: nobody else can know whether it will still say yes. Its next run finds what it had said. What
// an earlier run says after that has no effect, for both would prepare.
//
// A transaction may be settled by a classical algorithm instead (two or three phases), for those who want to
// see what it does. Then the log fixes who takes part, and on which disks: the first one's host coordinates.
// When all have come their hosts settle it among themselves (agreements/part_deals.cpp), and the log has only
// what each participant tells of it afterwards. That two of them tell different things can happen by three
// phases, and is told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/commits/commands.hpp"
#include "service/commits/effects.hpp"
#include "service/commits/limits.hpp"
#include "service/commits/state.hpp"
#include "service/family.hpp"

namespace coord::service {

class Commits : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 8;
  static constexpr Level since = 2;
  using Commands = Types<JoinCommit, VoteCommit, AbandonCommit, FinishCommit, ForgetCommit, LearnCommit>;
  using Shares = Types<>;
  using Answers = Types<CommitAnswered>;
  using News = Types<CommitChanged>;
  using Openings = Types<>;
  using Orders = Commands;
  using Questions = Types<GetCommit, ListCommits>;
  using Views = Types<CommitView, CommitsView>;
  using Watched = Types<CommitChanged>;
  using StatePart = KeptCommits;
  using LimitsPart = CommitLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array<TimerKind, 0> timers{};

  // A vote that a power cut took back could be given again, otherwise.
  static Nature nature(const JoinCommit&) { return {.grows = true, .durable = true}; }
  static Nature nature(const VoteCommit&) { return {.grows = false, .durable = true}; }
  static Nature nature(const AbandonCommit&) { return {.grows = false, .durable = true}; }
  static Nature nature(const FinishCommit&) { return {.grows = false, .durable = true}; }
  static Nature nature(const ForgetCommit&) { return {.grows = false, .durable = true}; }
  static Nature nature(const LearnCommit&) { return {.grows = false, .durable = true}; }
  template <class Visit>
  static void for_each_name(const KeptCommits& state, Visit&& visit) {
    for (const auto& [name, transaction] : state.transactions) visit(name);
  }

  void on(const JoinCommit& body, Step& step);
  void on(const VoteCommit& body, Step& step);
  void on(const AbandonCommit& body, Step& step);
  void on(const FinishCommit& body, Step& step);
  void on(const ForgetCommit& body, Step& step);
  void on(const LearnCommit& body, Step& step);
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

  CommitView answer(const GetCommit& question) const;
  CommitsView answer(const ListCommits& question) const;
  // Of one by a classical algorithm in which all have come; nullptr: there is none of this generation.
  const std::string* name_by_sites(Token generation) const;
  // Also before all have come.
  bool is_by_sites(Token generation) const { return by_sites_.contains(generation); }

 private:
  using Map = std::map<std::string, Transaction>;
  Map& map();
  const Map& map() const;
  Refusal check_join(const JoinCommit& body) const;
  bool fits_protocol(const JoinCommit& body) const;
  // The participant that says this, in the transaction that it means; null: refused.
  template <class Body>
  CommitParticipant* sayer(const Body& body, Step& step);
  void decide(Transaction& transaction, CommitOutcome outcome, const std::string& by) const;
  void changed(const std::string& name, Token generation, Step& step) const;
  void refuse(Refusal why, Step& step) const;

  // Computed from the state.
  std::map<std::string, std::size_t> of_user_;
  std::map<Token, std::string> by_sites_;  // those by a classical algorithm, by generation
  std::size_t participants_ = 0;
};

}  // namespace coord::service
