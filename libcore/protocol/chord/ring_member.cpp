// SPDX-License-Identifier: MIT
#include "protocol/chord/ring_member.hpp"

#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::chord {

RingMember::RingMember(Member self, std::size_t hosts) : self_(self), hosts_(hosts) {
  COORD_CHECK(hosts > 0);
}

void RingMember::found(View ideal) {
  view_ = std::move(ideal);
}

RingMember::Actions RingMember::join(const Member& before, const View& its) {
  COORD_CHECK(before.id != self_.id);
  view_.predecessor = before;
  List list = its.successors;
  if (list.empty()) list = {before};  // that was a ring of one
  // A list of one is dead with its only member.
  list.resize(COORD_RULE_OR(chord_join_takes_the_whole_list, list.size(), 1));
  view_.successors = cut_to_hosts(self_, list, hosts_);
  return stabilize();
}

bool RingMember::is_between(const Member& other) const {
  return in_open(self_.id, other.id, alone() ? self_.id : head().id);
}

void RingMember::adopt(const Member& first, const List& behind) {
  List list = {first};
  list.insert(list.end(), behind.begin(), behind.end());
  view_.successors = cut_to_hosts(self_, list, hosts_);
}

RingMember::Actions RingMember::tell_head() {
  busy_ = false;
  if (alone()) return {};
  return {Notify{head()}};
}

RingMember::Actions RingMember::stabilize() {
  if (busy_) return {};
  busy_ = true;
  if (alone()) return ask_candidate_or_notify(view_.predecessor);
  return {Ask{Purpose::successor, head()}};
}

void RingMember::reported_alive(const Member& other) {
  if (!is_between(other)) return;
  if (!reported_ || in_open(self_.id, other.id, reported_->id)) reported_ = other;
}

// The second step of stabilize: the nearer of the head's predecessor and who was reported alive.
RingMember::Actions RingMember::ask_candidate_or_notify(const std::optional<Member>& candidate) {
  std::optional<Member> next;
  if (candidate && is_between(*candidate)) next = candidate;
  const std::optional<Member> reported = std::exchange(reported_, std::nullopt);
  if (reported && is_between(*reported) && (!next || in_open(self_.id, reported->id, next->id)))
    next = reported;
  if (!next) return tell_head();
  return {Ask{Purpose::candidate, *next}};
}

RingMember::Actions RingMember::alive(Purpose purpose, const Member& who, const View& its) {
  switch (purpose) {
    case Purpose::successor: {
      if (alone() || head() != who) return {};  // not what was asked
      adopt(who, its.successors);
      const auto& candidate = its.predecessor;
      // Whoever is put in front unasked may be dead: then one live successor less is left than is counted on.
      if (COORD_RULE_OR(chord_candidate_is_asked, true, !candidate || !is_between(*candidate)))
        return ask_candidate_or_notify(candidate);
      adopt(*candidate, view_.successors);
      return tell_head();
    }
    case Purpose::candidate:
      if (is_between(who)) adopt(who, its.successors);
      return tell_head();
    case Purpose::predecessor:
      asked_predecessor_.reset();
      return {};
  }
  return {};
}

RingMember::Actions RingMember::dead(Purpose purpose, const Member& who) {
  switch (purpose) {
    case Purpose::successor:
      if (!alone() && head() == who && COORD_RULE_OR(chord_dead_head_is_dropped, true, false))
        view_.successors.erase(view_.successors.begin());
      return tell_head();
    case Purpose::candidate:
      // A ring of one asks its predecessor, and nobody notifies it: a dead one would be asked forever, in
      // place of all that are reported alive farther on, or at the same place in a later life.
      if (COORD_RULE_OR(chord_dead_candidate_is_no_predecessor, view_.predecessor == who, false))
        view_.predecessor.reset();
      return tell_head();
    case Purpose::predecessor:
      asked_predecessor_.reset();
      if (view_.predecessor == who) view_.predecessor = may_follow_;
      return {};
  }
  return {};
}

RingMember::Actions RingMember::notified(const Member& by) {
  if (by.id == self_.id || view_.predecessor == by) return {};
  auto& present = view_.predecessor;
  // One that is nearer needs no asking: if it dies, the next who notifies is compared with it.
  if (!present || in_open(present->id, by.id, self_.id)) {
    present = by;
    return {};
  }
  if (COORD_RULE_OR(chord_rectify_asks_the_old_predecessor, false, true)) {
    present = by;
    return {};
  }
  if (asked_predecessor_) return {};  // it notifies again
  asked_predecessor_ = present;
  may_follow_ = by;
  return {Ask{Purpose::predecessor, *present}};
}

}  // namespace coord::chord
