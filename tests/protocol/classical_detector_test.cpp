// SPDX-License-Identifier: MIT
// Failure detectors: phi against its formula, the mistakes that implementations make,
// and what the harness says.
#include "base/rule.hpp"
#include "classical_play.hpp"
#include "protocol/membership/detector.hpp"
#include "protocol/membership/verdict.hpp"

using namespace coord;
using namespace std::chrono_literals;
using membership::Arrivals;
using membership::Detector;
using membership::Distribution;

namespace {

const NodeId one{1}, two{2}, three{3};

Arrivals regular(int heartbeats) {
  Arrivals arrivals({Distribution::normal, 1s, 100, 50ms});
  for (int i = 0; i < heartbeats; ++i) arrivals.heard(Instant{} + i * 1s, false);
  return arrivals;
}

// Longest silence that is borne after an hour's failure in the middle of regular heartbeats.
Duration patience_after_failure() {
  auto arrivals = regular(50);
  arrivals.heard(Instant{} + 1h, true);
  return arrivals.patience(8);
}

// Whether a node that did not run for ten seconds suspects the others when it wakes.
bool suspects_after_own_pause() {
  Detector::Config config;
  config.group = Group::numbered(one, 2);
  config.rule = Detector::Rule::time_out;
  Detector detector(Instant{}, config);
  static_cast<void>(detector.step(Instant{}, Detector::Tick{}));
  static_cast<void>(detector.step(Instant{} + 10ms, Detector::Receive{two, Detector::Heartbeat{}}));
  static_cast<void>(detector.step(Instant{} + 10s, Detector::Tick{}));
  return detector.suspects(two);
}

struct Removed {
  explicit Removed(const char* rule) { mutants::removed = rule; }
  ~Removed() { mutants::removed.clear(); }
};

}  // namespace

TEST_CASE("phi: the exact normal distribution, mean 1000 ms, deviation 100 ms, and far out in its tail") {
  CHECK(membership::phi_normal(1200ms, 1s, 100ms) == Approx(1.643).margin(0.001));
  CHECK(membership::phi_normal(1500ms, 1s, 100ms) == Approx(6.543).margin(0.001));
  CHECK(membership::phi_normal(1600ms, 1s, 100ms) == Approx(9.006).margin(0.001));
  CHECK(membership::phi_normal(20s, 1s, 100ms) > membership::phi_normal(19s, 1s, 100ms));
  const double joint = membership::phi_normal(3829ms, 1s, 100ms);  // where the series takes over
  CHECK(joint - membership::phi_normal(3828ms, 1s, 100ms) == Approx(0.123).margin(0.02));
  CHECK(membership::phi_exponential(1s, 1s) == Approx(0.4343).margin(0.0001));
  CHECK(membership::phi_exponential(8s, 2s) == Approx(4 * 0.4343).margin(0.0001));
}

TEST_CASE("phi: the patience is where phi reaches the threshold") {
  for (const auto distribution : {Distribution::normal, Distribution::exponential}) {
    Arrivals arrivals({distribution, 1s, 100, 50ms});
    for (int i = 0; i < 20; ++i) arrivals.heard(Instant{} + i * 1s + (i % 3) * 40ms, false);
    const Instant last = Instant{} + 19s + 40ms;
    const Duration patience = arrivals.patience(8);
    CHECK(arrivals.phi(last + patience) >= Approx(8).margin(0.01));
    CHECK(arrivals.phi(last + patience - 1ms) < 8);
  }
}

TEST_CASE("phi: intervals that happen to be alike promise nothing") {
  CHECK(regular(101).patience(8) > 1250ms);
  const Removed rule("phi_deviation_has_a_floor");
  CHECK(regular(102).patience(8) < 1250ms);
}

TEST_CASE("phi: the silence of a failure is no interval") {
  CHECK(patience_after_failure() < 2s);
  const Removed rule("phi_interval_of_a_failure_is_dropped");
  CHECK(patience_after_failure() > 1min);
}

TEST_CASE("a node that did not run itself suspects nobody for it") {
  CHECK_FALSE(suspects_after_own_pause());
  const Removed rule("fd_own_pause_excuses_others");
  CHECK(suspects_after_own_pause());
}

TEST_CASE("the verdict: the classes of Chandra and Toueg, by what was seen") {
  const std::set<NodeId> nodes{one, two, three};
  const auto at = [](int seconds) { return Instant{} + seconds * 1s; };
  membership::Observation perfect(nodes);
  perfect.crashed(at(1), three);
  perfect.suspects(at(2), one, three);
  CHECK(perfect.verdict(at(10), 5s).name == "Q");  // node 2 has not noticed
  perfect.suspects(at(3), two, three);
  const auto verdict = perfect.verdict(at(10), 5s);
  CHECK(verdict.name == "P");
  CHECK(verdict.detection == std::vector<Duration>{1s, 2s});

  membership::Observation hasty(nodes);
  hasty.suspects(at(1), one, two);
  hasty.trusts(at(2), one, two);
  CHECK(hasty.verdict(at(10), 5s).name == "<>P");
  CHECK(hasty.verdict(at(10), 5s).mistakes == 1);
  CHECK(hasty.verdict(at(10), 5s).longest_mistake == 1s);
  hasty.suspects(at(9), one, two);
  CHECK(hasty.verdict(at(10), 5s).name == "S");  // nobody ever suspected node 1 or 3
  hasty.suspects(at(9), one, three);
  hasty.suspects(at(9), two, one);
  CHECK(hasty.verdict(at(10), 5s).name == "none");

  membership::Observation patient(nodes);  // node 3 dies, is noticed, and comes back
  patient.crashed(at(1), three);
  for (const NodeId node : {one, two}) patient.suspects(at(2), node, three);
  patient.recovered(three);
  CHECK(patient.verdict(at(10), 5s).name == "S");  // suspected for ever, although it lives
  for (const NodeId node : {one, two}) patient.trusts(at(3), node, three);
  CHECK(patient.verdict(at(10), 5s).name == "P");
  CHECK(patient.verdict(at(10), 5s).mistakes == 0);

  membership::Observation blind(nodes);
  blind.crashed(at(1), three);
  CHECK(blind.verdict(at(10), 5s).name == "none");
}
