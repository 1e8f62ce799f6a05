// SPDX-License-Identifier: MIT
#include "catalogue/protocol.hpp"

#include <algorithm>
#include <cmath>

namespace coord::catalogue {

Setup::Setup() = default;
Setup::Setup(const Setup&) = default;
Setup::Setup(Setup&&) noexcept = default;
Setup& Setup::operator=(const Setup&) = default;
Setup& Setup::operator=(Setup&&) noexcept = default;
Setup::~Setup() = default;

Report::Report() = default;
Report::Report(const Report&) = default;
Report::Report(Report&&) noexcept = default;
Report& Report::operator=(const Report&) = default;
Report& Report::operator=(Report&&) noexcept = default;
Report::~Report() = default;

Protocol::Protocol() = default;
Protocol::Protocol(const Protocol&) = default;
Protocol::Protocol(Protocol&&) noexcept = default;
Protocol& Protocol::operator=(const Protocol&) = default;
Protocol& Protocol::operator=(Protocol&&) noexcept = default;
Protocol::~Protocol() = default;

double Report::messages_per_operation() const {
  return operations == 0 ? 0 : static_cast<double>(all_messages) / static_cast<double>(operations);
}

Duration percentile(const std::vector<Duration>& sorted, double share) {
  if (sorted.empty()) return {};
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::set<sim::FaultKind> Stands::of_time() {
  return {sim::FaultKind::delay_burst, sim::FaultKind::pause, sim::FaultKind::clock_rate};
}

std::set<sim::FaultKind> Stands::of_links() {
  auto kinds = of_time();
  kinds.insert({sim::FaultKind::partition, sim::FaultKind::one_way_cut, sim::FaultKind::bridge,
                sim::FaultKind::loss_burst});
  return kinds;
}

Stands Stands::of_crashes_and_links() {
  Stands stands;
  stands.kinds = of_links();
  stands.kinds.insert({sim::FaultKind::process_crash, sim::FaultKind::crash_in_call});
  stands.lossy_links = true;
  return stands;
}

Protocol named(const classical::Identity& identity) {
  Protocol protocol;
  protocol.name = identity.name;
  protocol.family = identity.family;
  protocol.summary = identity.summary;
  protocol.least_nodes = identity.least_nodes;
  return protocol;
}

}  // namespace coord::catalogue
