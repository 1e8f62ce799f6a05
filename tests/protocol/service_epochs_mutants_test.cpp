// SPDX-License-Identifier: MIT
// Each rule of names that are entered by an algorithm is removed in turn; a scenario must end otherwise.
#include "mutants/stories.hpp"
#include "service_epochs_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

std::string epochs_story() {
  Gate gate;
  std::string said = gate.join(gate.a) + "\n";
  said += gate.b.lock({"door"}, Mode::shared) + "\n";  // not by the algorithm
  said += gate.b.lock({"other"}) + "\n";               // its token is above those of the entries
  said += gate.join(gate.b, Gate::part(EnterBy::ricart_agrawala, gate.epoch()->number)) + "\n";
  gate.idle_is_over();
  said += gate.is() + gate.end(gate.b) + gate.is() + "\n";  // somebody takes part
  return said + gate.a.close(3) + "\n" + gate.is();
}

}  // namespace

TEST_CASE("every rule of names that are entered by an algorithm that is removed is noticed") {
  mutants::check_story(
      epochs_story, {"entries_fit", "tokens_of_an_epoch_are_reserved", "epoch_begins_when_the_last_has_left",
                     "only_an_idle_epoch_is_ended", "only_an_idle_epoch_is_over"});
}
