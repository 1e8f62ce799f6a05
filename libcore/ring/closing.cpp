// SPDX-License-Identifier: MIT
// How the only host of a ring leaves it when there are no values.
//
// Problem: who leaves looks first whether there are any, and then orders: a value that is put in between is
// acknowledged, and goes with the ring. The obvious answer, another look, moves the gap. Algorithm: the host
// writes down that it is closed, for this number of the ring, and is silent from then on, also after a
// restart: the order may be under way when its tool and its peer are gone. What was at the disk before is
// counted by the look that follows. Nothing but another number of the ring opens the host again: the same
// entry of the log makes the order void (service/rings). Who gives up, and `join`, order one; to ask the
// group whether the ring is as it was would say nothing of an order that is under way still.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

// Beside the ring's own, in the table of memberships; no name of a ring begins with '-'.
constexpr std::string_view closed = "-closed/";

std::string mark_of(const std::string& ring) {
  return std::string(closed) + ring;
}

}  // namespace

bool Replicas::is_closed(const std::string& name, const Ring& ring) const {
  if (!memberships_) return false;
  const auto mark = memberships_->find(mark_of(name));
  if (mark == memberships_->end()) return false;
  // A host that was restarted may see an earlier number: it has not read the log to its end yet.
  return COORD_RULE_OR(ring_closed_copy_is_silent, mark->second >= ring.placement.number().value, false);
}

// And it is one that holds.
bool Replicas::is_mark_of_closed(const std::string& name, std::uint64_t number) const {
  if (!name.starts_with(closed)) return false;
  const auto ring = rings_.find(name.substr(closed.size()));
  return ring != rings_.end() && ring->second.placement.number().value <= number;
}

void Replicas::close(std::shared_ptr<Work> work) {
  const std::string& ring = std::get<CloseRing>(work->what).ring;
  const auto found = rings_.find(ring);
  if (!memberships_ || found == rings_.end()) return tell(*work, Absent{});
  const Placement& placement = found->second.placement;
  const bool is_alone = placement.member(self_) != nullptr && placement.all().size() == 1;
  if (!is_alone) return tell(*work, Absent{});
  const std::string mark = mark_of(ring);
  const bool was_closed = is_closed(ring, found->second);
  // Of the two the later one: the order that it stands for may be under way.
  const auto earlier = memberships_->find(mark);
  const std::uint64_t number =
      std::max(placement.number().value, earlier == memberships_->end() ? 0 : earlier->second);
  // In memory at once: what comes from now on is behind the mark.
  memberships_->insert_or_assign(mark, number);
  perform(SetMembership{mark, number}, [this, work, mark, number, was_closed](InnerWork& did) {
    if (!memberships_) return tell(*work, Absent{});
    // Only its own: the ring may have another number by now, and be closed for that one.
    const auto kept = memberships_->find(mark);
    const bool is_own = kept != memberships_->end() && kept->second == number;
    if (did.failed && !was_closed && is_own) memberships_->erase(kept);
    // What the disk has is forgotten there once it holds no more.
    if (!did.failed) memberships_->try_emplace(mark, number);
    tick_at_ = now_;
    if (did.failed) return tell(*work, refusal(*did.failed));
    tell(*work, HandedOver{});
  });
}

}  // namespace coord::ring
