// SPDX-License-Identifier: MIT
#include "catalogue/ring_seeds.hpp"

#include <algorithm>
#include <array>

namespace coord::catalogue {

ring::Consistency ring_level(std::uint64_t seed) {
  constexpr std::array levels{ring::Consistency::quorum, ring::Consistency::causal, ring::Consistency::quorum,
                              ring::Consistency::one};
  return levels[seed % levels.size()];
}

std::string ring_zone(std::uint64_t seed, NodeId host) {
  return seed / 4 % 3 == 0 ? "zone " + std::to_string(host.value % 2) : "";
}

service::Ring founded_ring(const Setup& setup) {
  service::Ring ring;
  ring.number = Token{100};
  ring.replicas = setup.seed / 12 % 4 == 0 ? 2 : 3;
  const std::size_t hosts = std::max<std::size_t>(2, setup.nodes - setup.seed / 5 % 2);
  for (std::uint64_t i = 1; i <= hosts; ++i)
    ring.hosts.push_back({NodeId{i}, Token{i}, 8, ring_zone(setup.seed, NodeId{i})});
  return ring;
}

Setup in_ring_time(Setup setup) {
  const Duration::rep slower = 8, more = 3;
  if (setup.faults.empty()) return setup;
  const auto later = [slower](Instant when) { return Instant{} + slower * (when - Instant{}); };
  for (sim::Fault& fault : setup.faults) {
    fault.at = later(fault.at);
    fault.length *= slower;
  }
  setup.quiet_from = later(setup.quiet_from);
  setup.operations *= more;
  setup.mean_gap = (setup.quiet_from - Instant{}) / static_cast<Duration::rep>(setup.operations);
  return setup;
}

}  // namespace coord::catalogue
