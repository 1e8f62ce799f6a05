// SPDX-License-Identifier: MIT
// How one member keeps its place in the ring: join, stabilize, rectify.
//
// Problem: hosts come, go and fail at any time, nobody has a list of all, and yet every member must find the
// next live one on the ring. The obvious answer, a pointer to the next and one to the one before, breaks when
// the next one fails; the published remedy (Stoica et al., "Chord", IEEE/ACM ToN 11(1), 2003: a list of r
// successors, repaired from time to time) is not correct: rings fall apart or lose their order under joins
// and failures that it claims to stand, since a list can skip members, hold a dead one that was never asked,
// or end short. Algorithm: the corrected one (Zave, "Reasoning about identifier spaces: How to make Chord
// correct", IEEE TSE 43(12), 2017), with a proof that needs r+1 members in an ideal ring to begin with and
// fewer than r failures while lists are being repaired. Its operations, each a rule below:
//   join       from the member before its place take over the whole list, not one successor
//   stabilize  ask the first successor; dead: drop it; alive: take over its list
//              behind it; if its predecessor
//              lies between, ask that one too, and only if it lives put it and its list in front
//   rectify    who is told of a predecessor that is not nearer asks its present one, and changes only if that
//              is dead
// What must hold at each step: every member has a live successor, and r+1 members are skipped by no list
// (ring_check.hpp). It implies one ring in order, from which every other member hangs.
//
// Differences from the paper. A list runs on until it names r distinct *hosts*: one crash takes all places of
// a host. A list that has lost its head is not padded: the paper's model needs lists of one length, the ring
// does not. A member without any successor, and so outside of what is proved (it was cut off, or all others
// are dead), is a ring of one: its predecessor, or whoever is reported alive and is nearer, is its next
// candidate, and so two rings become one when they can see each other again. A predecessor that was asked as
// candidate and is dead is forgotten: in a ring of one nobody notifies, and so no rectify would replace it.
//
// Dead means: did not answer in time (chord.hpp). That judgement may be wrong; what was dropped comes back as
// a predecessor of its successor or as a candidate.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/chord/member.hpp"

namespace coord::chord {

class RingMember {
 public:
  // Why another member is asked.
  enum class Purpose : std::uint8_t { successor, candidate, predecessor };
  struct Ask {  // for its View; tell alive() or dead() what came of it
    Purpose purpose = Purpose::successor;
    Member whom;
  };
  struct Notify {  // that this member may be its predecessor
    Member whom;
  };
  using Action = std::variant<Ask, Notify>;
  using Actions = std::vector<Action>;

  // `hosts`: r of the paper, how many distinct hosts a list of successors names.
  RingMember(Member self, std::size_t hosts);

  // ---- input
  void found(View ideal);  // one of the members that the ring begins with
  Actions join(const Member& before,
               const View& its);             // `self` lies between `before` and its first successor
  Actions stabilize();                       // from time to time; harmless when one is under way
  void reported_alive(const Member& other);  // a member of this ring or of another one
  Actions notified(const Member& by);        // rectify
  Actions alive(Purpose purpose, const Member& who, const View& its);
  Actions dead(Purpose purpose, const Member& who);  // did not answer, or is no member any more

  // ---- output
  const Member& self() const { return self_; }
  const View& view() const { return view_; }
  bool alone() const { return view_.successors.empty(); }
  bool is_settled() const { return !busy_ && !asked_predecessor_; }

 private:
  const Member& head() const { return view_.successors.front(); }
  bool is_between(const Member& other) const;  // self and its first successor
  void adopt(const Member& first, const List& behind);
  Actions ask_candidate_or_notify(const std::optional<Member>& candidate);
  Actions tell_head();

  Member self_;
  std::size_t hosts_;
  View view_;
  bool busy_ = false;               // with stabilize: the head does not change between its two steps
  std::optional<Member> reported_;  // the nearest one that was reported alive and lies before the head
  std::optional<Member> asked_predecessor_;  // rectify is under way
  std::optional<Member> may_follow_;         // who takes its place if it is dead
};

}  // namespace coord::chord
