// SPDX-License-Identifier: MIT
// Finding the owner of a key, step by step, by whoever asks.
//
// Problem: a member knows a few others only. Passed on from member to member (recursive), a lookup is lost
// with any one of them, and who asked cannot tell why. Algorithm (Stoica et al. 2003, section IV-C, the
// iterative style): the asker asks the member nearest before the key that it has heard of for members that
// are nearer still. Each answer names several, out of the fingers *and* the list of successors, and who does
// not answer is passed over for the next nearest. It is over when a member's list of successors reaches past
// the key and nobody that lives is known between that member and the key: the rest of the list is the owner
// and who comes after it. So a lookup fails only where all successors of a member are dead.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "protocol/chord/fingers.hpp"
#include "protocol/chord/member.hpp"

namespace coord::chord {

// What a member that is asked for a key answers.
struct Route {
  List nearer;      // members before the key, the nearest first
  List successors;  // all of its list, if that reaches to the key: an owner is among them. Else empty

  bool operator==(const Route&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(nearer, successors);
  }
};

// So many fingers, and so many successors, are named in one answer.
inline constexpr std::size_t route_width = 8;

Route route(const Member& self, const List& successors, const Fingers& fingers, const Id& key,
            std::size_t width = route_width);

class Lookup {
 public:
  struct Hop {
    Member whom;
    bool answered = false;
  };

  // `known`: members to begin with.
  Lookup(Id key, const List& known);

  // ---- input
  void answered(const Member& by, const Route& route);
  void dead(const Member& who);

  // ---- output
  // Whom to ask; nullopt: it is over.
  std::optional<Member> next() const;
  bool is_found() const;
  const Id& key() const { return key_; }
  const std::optional<Member>& before() const { return before_; }  // the member before the key
  const List& successors() const { return successors_; }           // all that it named
  List owners() const;                                             // of these the owner, and who follows
  const std::vector<Hop>& hops() const { return hops_; }

 private:
  void consider(const List& members);

  Id key_;
  List candidates_;  // not asked yet, the nearest before the key first
  std::set<Member> seen_;
  std::optional<Member> before_;  // the nearest that has answered with a list that reaches to the key
  List successors_;
  std::vector<Hop> hops_;
};

}  // namespace coord::chord
