// SPDX-License-Identifier: MIT
#include "sim/faults.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/random.hpp"

namespace coord::sim {

namespace {

using std::chrono::milliseconds;

NodeId some_node(Random& random, std::size_t nodes) {
  return NodeId{1 + random.below(nodes)};
}

std::vector<NodeId> some_nodes(Random& random, std::size_t nodes, std::size_t count) {
  std::vector<NodeId> all;
  for (std::size_t i = 1; i <= nodes; ++i) all.push_back(NodeId{i});
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.below(nodes - i)]);
  all.resize(count);
  std::sort(all.begin(), all.end());
  return all;
}

// Mostly one node, sometimes a majority, sometimes all: power fails by the room.
std::vector<NodeId> struck_nodes(Random& random, std::size_t nodes) {
  const std::uint64_t kind = random.below(8);
  const std::size_t count = kind == 0 ? nodes : kind == 1 ? nodes / 2 + 1 : 1;
  return some_nodes(random, nodes, count);
}

void choose_victims(Fault& fault, Random& random, std::size_t nodes, const std::vector<NodeId>& damageable) {
  switch (fault.kind) {
    case FaultKind::partition:
      fault.nodes = some_nodes(random, nodes, 1 + random.below(std::max<std::size_t>(nodes / 2, 1)));
      break;
    case FaultKind::one_way_cut:
    case FaultKind::bridge:
    case FaultKind::stream_shut:
    case FaultKind::datagram_shut:
      fault.nodes = some_nodes(random, nodes, 2);
      if (random.chance(0.5)) std::swap(fault.nodes[0], fault.nodes[1]);
      break;
    case FaultKind::process_crash:
    case FaultKind::power_cut:
    case FaultKind::crash_in_call:
      fault.nodes = struck_nodes(random, nodes);
      break;
    case FaultKind::bit_flip:
    case FaultKind::disk_error:
    case FaultKind::disk_replaced:
      fault.nodes = {damageable[random.below(damageable.size())]};
      break;
    case FaultKind::loss_burst:
    case FaultKind::delay_burst:
      break;
    default:
      fault.nodes = {some_node(random, nodes)};
      break;
  }
}

void choose_amount(Fault& fault, Random& random) {
  switch (fault.kind) {
    case FaultKind::loss_burst:
      fault.amount = 1 + random.below(40);
      break;
    case FaultKind::delay_burst:
      fault.amount = 10 + random.below(500);
      break;
    case FaultKind::clock_rate:
      fault.amount = 900'000 + random.below(200'001);
      break;
    case FaultKind::disk_full:
      fault.amount = random.below(8192);
      break;
    case FaultKind::crash_in_call:
    case FaultKind::disk_error:
      fault.amount = random.below(40);
      break;
    default:
      break;
  }
  fault.power = fault.kind == FaultKind::crash_in_call && random.chance(0.7);
  const bool in_a_call = fault.kind == FaultKind::crash_in_call || fault.kind == FaultKind::disk_error;
  fault.at_directory = in_a_call && random.chance(0.3);
}

bool needs_two(FaultKind kind) {
  return kind == FaultKind::partition || kind == FaultKind::one_way_cut || kind == FaultKind::bridge ||
         kind == FaultKind::stream_shut || kind == FaultKind::datagram_shut;
}

bool needs_damage(FaultKind kind) {
  return kind == FaultKind::bit_flip || kind == FaultKind::disk_error || kind == FaultKind::disk_replaced;
}

}  // namespace

std::string text(const Fault& fault) {
  std::string line(name_of(fault.kind));
  if (!fault.nodes.empty()) {
    line += " {";
    for (const NodeId node : fault.nodes)
      line += fmt::format("{}{}", line.back() == '{' ? "" : " ", node.value);
    line += "}";
  }
  if (fault.amount != 0) line += fmt::format(" {}", fault.amount);
  if (fault.power) line += " power";
  if (fault.at_directory) line += " at the directory";
  return fmt::format("{} for {} ms", line, fault.length / milliseconds(1));
}

FaultConfig FaultConfig::without_disks(Duration active) {
  FaultConfig config;
  config.active = active;
  for (const FaultKind kind :
       {FaultKind::partition, FaultKind::one_way_cut, FaultKind::bridge, FaultKind::loss_burst,
        FaultKind::delay_burst, FaultKind::pause, FaultKind::clock_rate, FaultKind::process_crash}) {
    config.mean_gap[kind] = active / 4;
  }
  return config;
}

FaultConfig FaultConfig::everything(Duration active, std::size_t nodes) {
  FaultConfig config = without_disks(active);
  for (const FaultKind kind :
       {FaultKind::power_cut, FaultKind::crash_in_call, FaultKind::disk_full, FaultKind::disk_error,
        FaultKind::disk_stall, FaultKind::bit_flip, FaultKind::disk_replaced}) {
    config.mean_gap[kind] = active / 4;
  }
  // Disk work is done at one moment of virtual time: only a crash in the middle of it
  // finds anything not yet synced.
  config.mean_gap[FaultKind::crash_in_call] = active / 12;
  config.damage_limit = (nodes - 1) / 2;
  return config;
}

std::vector<Fault> plan_faults(const FaultConfig& config, std::size_t nodes, std::uint64_t seed) {
  Random random(seed ^ 0x6661756c74735f00U);
  const std::vector<NodeId> damageable = some_nodes(random, nodes, std::min(config.damage_limit, nodes));
  std::vector<Fault> plan;
  for (const auto& [kind, gap] : config.mean_gap) {
    const bool left_out = config.swarm && random.chance(0.5);
    if (left_out || gap <= Duration{} || (needs_two(kind) && nodes < 2)) continue;
    if (needs_damage(kind) && damageable.empty()) continue;
    Instant at{};
    while (true) {
      at += random.between(Duration{}, 2 * gap);
      if (at >= Instant{} + config.active) break;
      Fault fault;
      fault.kind = kind;
      fault.at = at;
      fault.length = random.between(config.length_low, config.length_high);
      choose_victims(fault, random, nodes, damageable);
      choose_amount(fault, random);
      plan.push_back(std::move(fault));
    }
  }
  std::stable_sort(plan.begin(), plan.end(), [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return plan;
}

std::vector<Fault> shrink(std::vector<Fault> plan,
                          const std::function<bool(const std::vector<Fault>&)>& still_fails, int budget) {
  for (std::size_t piece = std::max<std::size_t>(plan.size() / 2, 1); !plan.empty(); piece /= 2) {
    for (std::size_t begin = 0; begin < plan.size();) {
      if (budget-- <= 0) return plan;
      std::vector<Fault> shorter = plan;
      const auto first = shorter.begin() + static_cast<std::ptrdiff_t>(begin);
      shorter.erase(first, first + static_cast<std::ptrdiff_t>(std::min(piece, plan.size() - begin)));
      if (still_fails(shorter)) {
        plan = std::move(shorter);
      } else {
        begin += piece;
      }
    }
    if (piece == 1) break;
  }
  return plan;
}

}  // namespace coord::sim
