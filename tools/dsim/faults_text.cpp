// SPDX-License-Identifier: MIT
#include "faults_text.hpp"

#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/format.hpp"
#include "cli/values.hpp"

namespace coord::dsim {

namespace {

using std::chrono::milliseconds;

Error wrong(std::string_view what, std::string_view form) {
  return {ErrorKind::usage, "", std::string(what), fmt::format("write it as {}", form)};
}

std::optional<std::uint64_t> number(std::string_view text, std::int64_t most) {
  const auto read = cli::read_unsigned(text, {0, most});
  return read ? std::optional(*read) : std::nullopt;
}

// Milliseconds with a fraction, below 10^9.
std::optional<Duration> read_ms(std::string_view text) {
  const auto seconds = cli::read_seconds(text, {0, std::numeric_limits<std::int64_t>::max()});
  if (!seconds) return std::nullopt;
  return *seconds / 1000;
}

std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view text, char at) {
  const auto place = text.find(at);
  if (place == std::string_view::npos) return std::nullopt;
  return std::pair(text.substr(0, place), text.substr(place + 1));
}

std::optional<std::vector<NodeId>> read_nodes(std::string_view text) {
  std::vector<NodeId> nodes;
  while (true) {
    const auto parts = split(text, ',');
    const auto node = number(parts ? parts->first : text, 1'000'000);
    if (!node || *node == 0) return std::nullopt;
    nodes.push_back(NodeId{*node});
    if (!parts) return nodes;
    text = parts->second;
  }
}

constexpr Duration for_ever = std::chrono::hours(1000);

// `T-T` or, where that is allowed, `T`.
std::optional<std::pair<Instant, Duration>> read_times(std::string_view text, bool may_last) {
  const auto parts = split(text, '-');
  if (!parts && !may_last) return std::nullopt;
  const auto begin = read_ms(parts ? parts->first : text);
  const auto end = parts ? read_ms(parts->second) : for_ever;
  if (!begin || !end || *end < *begin) return std::nullopt;
  return std::pair(Instant{} + *begin, *end - *begin);
}

}  // namespace

Status read_delay(std::string_view text, sim::Link& link) {
  const auto parts = split(text, ':');
  const auto low = read_ms(parts ? parts->first : text);
  const auto high = parts ? read_ms(parts->second) : low;
  if (!low || !high || *high < *low) return wrong("not a delay", "MS or MS:MS");
  link.delay_low = *low;
  link.delay_high = *high;
  return done();
}

Status read_cut(std::string_view text, std::vector<sim::Fault>& faults) {
  const Error form = wrong("not a cut", "1,2/3,4@FROM-TO, in milliseconds");
  const auto parts = split(text, '@');
  if (!parts) return form;
  const auto times = read_times(parts->second, false);
  if (!times) return form;
  std::vector<std::vector<NodeId>> sides;
  for (std::string_view rest = parts->first;;) {
    const auto next = split(rest, '/');
    auto side = read_nodes(next ? next->first : rest);
    if (!side) return form;
    sides.push_back(std::move(*side));
    if (!next) break;
    rest = next->second;
  }
  if (sides.size() < 2) return form;
  std::set<NodeId> named;
  for (const auto& side : sides) {
    for (const NodeId node : side) {
      if (!named.insert(node).second)
        return Error{ErrorKind::usage, std::to_string(node.value), "is named twice in a cut",
                     "leave out the nodes that hear both sides"};
    }
  }
  for (std::size_t a = 0; a < sides.size(); ++a) {
    for (std::size_t b = a + 1; b < sides.size(); ++b) {
      for (const NodeId left : sides[a]) {
        for (const NodeId right : sides[b]) {
          sim::Fault fault;
          fault.kind = sim::FaultKind::bridge;
          fault.at = times->first;
          fault.length = times->second;
          fault.nodes = {left, right};
          faults.push_back(std::move(fault));
        }
      }
    }
  }
  return done();
}

Status read_crash(std::string_view text, std::vector<sim::Fault>& faults) {
  const Error form = wrong("not a crash", "NODE@FROM or NODE@FROM-TO, in milliseconds");
  const auto parts = split(text, '@');
  if (!parts) return form;
  auto nodes = read_nodes(parts->first);
  const auto times = read_times(parts->second, true);
  if (!nodes || !times) return form;
  sim::Fault fault;
  fault.kind = sim::FaultKind::process_crash;
  fault.at = times->first;
  fault.length = times->second;
  fault.nodes = std::move(*nodes);
  faults.push_back(std::move(fault));
  return done();
}

Status read_byzantine(std::string_view text, std::map<NodeId, std::string>& byzantine) {
  const auto parts = split(text, ':');
  const auto node = parts ? number(parts->first, 1'000'000) : std::nullopt;
  if (!node || *node == 0 || parts->second.empty()) return wrong("not a Byzantine node", "NODE:KIND");
  byzantine[NodeId{*node}] = std::string(parts->second);
  return done();
}

Status check_nodes(const catalogue::Setup& setup) {
  const auto exists = [&](NodeId node) -> Status {
    if (node.value <= setup.nodes) return done();
    return Error{ErrorKind::usage, std::to_string(node.value), "no such node",
                 fmt::format("they are numbered from 1 to {}", setup.nodes)};
  };
  for (const auto& fault : setup.faults) {
    for (const NodeId node : fault.nodes)
      if (auto status = exists(node); !status) return status;
  }
  for (const auto& [node, kind] : setup.byzantine)
    if (auto status = exists(node); !status) return status;
  return done();
}

}  // namespace coord::dsim
