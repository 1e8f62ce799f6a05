// SPDX-License-Identifier: MIT
// A crashed site, in every algorithm for mutual exclusion: nobody is let in past it, the waiting name it, and
// a new epoch without it goes on with larger tokens.
#include <algorithm>

#include "mutex_desk.hpp"

using namespace mutex_desk;

namespace {

// Site 2 dies before it answers anybody; then the others want in.
catalogue::Setup crash_of_two(std::size_t nodes) {
  catalogue::Setup setup;
  setup.nodes = nodes;
  setup.link.fifo = true;
  sim::Fault crash;
  crash.kind = sim::FaultKind::process_crash;
  crash.at = Instant{} + 1us;
  crash.length = 1h;
  crash.nodes = {two};
  setup.faults = {crash};
  setup.quiet_from = Instant{} + 10s;
  for (std::size_t i = 1; i <= nodes; ++i)
    if (NodeId{i} != two) setup.asks.push_back({Instant{} + 20ms, NodeId{i}, 10ms});
  return setup;
}

}  // namespace

TEST_CASE("a crash: permission-based algorithms stop until the membership changes, then all get in") {
  for (const auto* name : {"lamport", "ricart-agrawala"}) {
    INFO(name);
    auto setup = crash_of_two(4);
    const auto report = catalogue::find(name)->run(setup);
    CHECK(report.violations.empty());
    CHECK(report.operations == 3);
    CHECK(report.delays.front() > 250ms);  // nobody before the new epoch
  }
}

TEST_CASE("a crash: the waiting sites are named, and nobody is let in, while no majority is left") {
  for (const auto* name : {"lamport", "ricart-agrawala", "maekawa", "token-ring", "suzuki-kasami"}) {
    INFO(name);
    auto setup = crash_of_two(4);
    setup.faults.front().nodes = {one, two, three};
    setup.faults.front().length = 10h;
    setup.quiet_from = Instant{} + 1h;
    const auto report = catalogue::find(name)->run(setup);
    CHECK(report.violations.empty());
    CHECK(report.operations == 0);
    REQUIRE(report.remarks.size() == 1);
    CHECK(report.remarks.front() == std::string(name == std::string("maekawa")
                                                    ? "site 4 waits for 2 3"  // its quorum
                                                    : "site 4 waits for 1 2 3"));
  }
}

TEST_CASE("a crash: every algorithm goes on in a new epoch, with larger tokens") {
  for (const auto* name : {"lamport", "ricart-agrawala", "maekawa", "token-ring", "suzuki-kasami"}) {
    INFO(name);
    const auto report = catalogue::find(name)->run(crash_of_two(5));
    CHECK(report.violations.empty());
    CHECK(report.operations == 4);
  }
}
