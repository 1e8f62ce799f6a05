// SPDX-License-Identifier: MIT
// What stays on the disk of a membership that is over.
//
// Problem: who has left, or came in anew on the same disk, keeps there what it had as the member that it was:
// nobody is told of it any more, and it fills the disk. The obvious answer, dropping all that is of no
// membership of today, loses what nobody else has: a host that was given up for lost, and lives, may have the
// last copy of a value. Algorithm: dropped is what this host has handed over when it left, what the last host
// of a ring was told to discard, and what was of an earlier membership of a ring in which this host has all
// again that it is to keep. A slice at a time.
#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

// The group has agreed on a ring without this host.
void Replicas::membership_ended(const std::string& name, const Ring& ring) {
  answer_awaiting(ring);
  const Host* host = own(ring);
  if (host == nullptr) return;
  const bool is_handed_over = ring.placement.is_leaving(self_) && ring.have_read.contains(*host);
  const bool was_last = ring.placement.all().size() == 1;
  if (!COORD_RULE(ring_only_what_was_handed_over_goes, is_handed_over || was_last)) return;
  ended_.insert(stored_ring(name));
  is_unclean_ = true;
}

void Replicas::clean_up() {
  if (!is_unclean_ || is_cleaning_ || !memberships_ || now_ < clean_not_before_) return;
  is_cleaning_ = true;
  perform(DropEnded{ended_, *memberships_}, [this](InnerWork& work) {
    is_cleaning_ = false;
    if (work.failed) {
      clean_not_before_ = now_ + disk_rests_for;
      tick_at_ = tick_at_.value_or(clean_not_before_);
      return;
    }
    // What has ended meanwhile has its turn with the next one.
    is_unclean_ = std::get<DropEnded>(work.what).more || std::get<DropEnded>(work.what).ended != ended_;
    if (!is_unclean_) ended_.clear();
    tick_at_ = now_;
  });
}

}  // namespace coord::ring
