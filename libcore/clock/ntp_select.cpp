// SPDX-License-Identifier: MIT
#include "clock/ntp_select.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clock/ntp_smear.hpp"

namespace coord::ntp {
namespace {

struct Interval {
  Duration low{};
  Duration high{};
  bool empty() const { return low > high; }
};

struct Edge {
  Duration at{};
  int type = 0;  // -1 lower end, +1 upper end
};

// In the order of a sweep; intervals that only touch have a point in common.
void sort_edges(std::vector<Edge>& edges) {
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.at != b.at ? a.at < b.at : a.type < b.type; });
}

// From the first to the last point that at least `needed` intervals have in common; empty if there is none.
Interval covered_by(const std::vector<Edge>& edges, std::size_t needed) {
  Interval found{Duration::max(), Duration::min()};
  std::size_t inside = 0;
  for (const Edge& edge : edges) {
    if (edge.type < 0 && ++inside == needed) found.low = std::min(found.low, edge.at);
    if (edge.type > 0 && inside-- == needed) found.high = edge.at;
  }
  return found;
}

// The intersection algorithm: with as few falsetickers as possible, and fewer than half, what do the rest
// agree on? RFC 5905's version also counts midpoints outside of the intersection as falsetickers; like ntpd
// we do without: two servers whose intervals overlap do not contradict each other, and the bound tells how
// little they agree.
Interval intersection(const std::vector<Candidate>& candidates, const std::vector<std::size_t>& members) {
  std::vector<Edge> edges;
  for (const std::size_t i : members) {
    const Candidate& c = candidates[i];
    edges.push_back({c.offset - c.root_distance, -1});
    edges.push_back({c.offset + c.root_distance, +1});
  }
  sort_edges(edges);
  for (std::size_t falsetickers = 0; 2 * falsetickers < members.size(); ++falsetickers) {
    const Interval found = covered_by(edges, members.size() - falsetickers);
    if (!found.empty()) return found;
  }
  return {Duration::max(), Duration::min()};
}

double spread(const std::vector<Candidate>& candidates, const std::vector<std::size_t>& members,
              std::size_t of) {
  double sum = 0;
  for (const std::size_t other : members) {
    const double difference = seconds_of(candidates[of].offset - candidates[other].offset);
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(members.size() - 1));
}

// RFC 5905, 11.2.2: drop the survivor that the others disagree with most, until that would no longer help.
std::vector<std::size_t> cluster(const std::vector<Candidate>& candidates, std::vector<std::size_t> members) {
  constexpr std::size_t min_survivors = 3;  // NMIN
  while (members.size() > min_survivors) {
    double worst = -1;
    std::size_t worst_at = 0;
    double least_jitter = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < members.size(); ++i) {
      const double value = spread(candidates, members, members[i]);
      if (value > worst) {
        worst = value;
        worst_at = i;
      }
      least_jitter = std::min(least_jitter, seconds_of(candidates[members[i]].jitter));
    }
    if (worst <= least_jitter) break;
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(worst_at));
  }
  return members;
}

Duration combine(const std::vector<Candidate>& candidates, const std::vector<std::size_t>& members) {
  const Duration base = candidates[members.front()].offset;
  double weights = 0;
  double weighted = 0;
  for (const std::size_t i : members) {
    const double share = 1.0 / std::max(seconds_of(candidates[i].root_distance), 1e-9);
    weights += share;
    weighted += share * seconds_of(candidates[i].offset - base);
  }
  return base + duration_of_seconds(weighted / weights);
}

// Everything that at least a majority of the members' own bounds allow; if nothing is,
// everything that any allows.
Interval majority_hull(const std::vector<Candidate>& candidates, const std::vector<std::size_t>& members) {
  std::vector<Edge> edges;
  Interval any{Duration::max(), Duration::min()};
  for (const std::size_t i : members) {
    const Candidate& c = candidates[i];
    edges.push_back({c.offset - c.bound, -1});
    edges.push_back({c.offset + c.bound, +1});
    any.low = std::min(any.low, edges[edges.size() - 2].at);
    any.high = std::max(any.high, edges.back().at);
  }
  sort_edges(edges);
  const Interval hull = covered_by(edges, members.size() / 2 + 1);
  return hull.empty() ? any : hull;
}

}  // namespace

Selection select(const std::vector<Candidate>& candidates, WallTime utc) {
  Selection selection;
  selection.standings.assign(candidates.size(), Standing::falseticker);
  selection.used.assign(candidates.size(), false);
  const std::vector<bool> suspects = smear_suspects(candidates, utc);
  std::vector<std::size_t> members;  // of the contest, and then its winners
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (suspects[i]) {
      selection.standings[i] = Standing::smear_suspect;
    } else {
      members.push_back(i);
    }
  }
  const Interval common = intersection(candidates, members);
  if (common.empty()) return selection;
  std::erase_if(members, [&](std::size_t i) {
    const Candidate& c = candidates[i];
    return c.offset + c.root_distance < common.low || c.offset - c.root_distance > common.high;
  });
  if (2 * members.size() <= candidates.size()) return selection;
  selection.majority = true;
  for (const std::size_t i : members) selection.standings[i] = Standing::truechimer;
  const Interval bounds = majority_hull(candidates, members);
  const std::vector<std::size_t> survivors = cluster(candidates, members);
  for (const std::size_t i : survivors) selection.used[i] = true;
  selection.used_count = survivors.size();
  selection.offset = combine(candidates, survivors);
  selection.bound = std::max(selection.offset - bounds.low, bounds.high - selection.offset);
  return selection;
}

}  // namespace coord::ntp
