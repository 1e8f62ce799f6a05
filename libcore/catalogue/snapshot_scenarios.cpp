// SPDX-License-Identifier: MIT
// Stories of snapshots: what counts as the state of a channel.
#include "base/format.hpp"
#include "catalogue/scenario.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

Setup three_processes(const char* pays) {
  Setup setup;
  setup.nodes = 3;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.link.fifo = true;
  setup.options["pays"] = pays;
  setup.asks = {{Instant{} + 10ms, NodeId{1}, {}}};
  return setup;
}

std::string markers(const Report& report) {
  return fmt::format("{} markers, one on each directed channel: N(N-1). 300 in the cut, as at first.",
                     report.messages.at("marker"));
}

// The link from 2 to 3 is slow: a payment is on its way over it when both have recorded.
Story snapshot_on_its_way() {
  Setup setup = three_processes("2>3:30@5");
  setup.delays[{NodeId{2}, NodeId{3}}] = 30ms;
  Report report;
  Story story = story_of("chandy-lamport", setup, report);
  story.facts = {
      "1 records 100 and sends markers. 2 and 3 record when these come, and take c12 and c13 for empty.",
      "2 had paid 30 to 3 before its record: it records 70. 3 has recorded 100 when the 30 arrive, and the "
      "marker of 2 comes after them: c23 = {30}. All other channels are empty.",
      markers(report),
  };
  return story;
}

// Two payments are under way when 1 begins; 3 receives one of them before its own record.
Story snapshot_before_and_after() {
  Setup setup = three_processes("2>3:20@3,2>3:30@15");
  setup.delays[{NodeId{2}, NodeId{3}}] = 12ms;
  Report report;
  Story story = story_of("chandy-lamport", setup, report);
  story.facts = {
      "1 begins at 10 ms. The 20 reach 3 at 15 ms, before 3 has recorded: they are of the state of 3, which "
      "records 120 at 20 ms. A channel is recorded from its receiver's own record on.",
      "The 30 reach 3 at 27 ms, before the marker of 2: c23 = {30}. c13 is empty: its marker came first.",
      markers(report),
  };
  return story;
}

}  // namespace

std::vector<Scenario> snapshot_scenarios() {
  return {
      {"snapshot-on-its-way", "a payment is on its way when all have recorded", Drawing::space_time,
       snapshot_on_its_way},
      {"before-and-after", "of two payments one is of a state, one of a channel", Drawing::space_time,
       snapshot_before_and_after},
  };
}

}  // namespace coord::catalogue
