// SPDX-License-Identifier: MIT
// Each rule of the hosts of a ring is removed in turn; a scenario must end otherwise.
#include "mutants/stories.hpp"
#include "service_rings_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

std::string story() {
  RingLog ring;
  std::string said;
  const auto tell = [&](const std::string& text) { said += text + " " + ring.hosts() + "\n"; };
  tell(ring.join(1));
  tell(ring.join(2));
  const std::uint64_t number = ring.number();
  tell(ring.join(3));
  tell(ring.renumber(number));
  tell(ring.settle(1));
  tell(ring.settle(number));
  tell(ring.move(2, 16) + std::to_string(ring.view().hosts[1].joined.value));
  tell(ring.settle(ring.number()));
  tell(ring.join(2));
  tell(ring.join(3));
  tell(ring.settle(ring.number()));
  tell(ring.join_instead_of({}, 2));
  RingLog alone;
  alone.join(1);
  tell(alone.leave(1, true, alone.number() - 1));
  return said;
}

}  // namespace

TEST_CASE("every rule of the hosts of a ring that is removed is noticed") {
  mutants::check_story(story, {"ring_changes_one_at_a_time", "ring_settles_the_change_that_was_named",
                               "ring_who_moves_is_the_same_member", "ring_host_comes_again_beside_majorities",
                               "ring_host_comes_instead_of_the_one_seen", "ring_is_discarded_as_it_was_seen",
                               "ring_is_renumbered_between_changes"});
}
