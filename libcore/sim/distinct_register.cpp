// SPDX-License-Identifier: MIT
#include "sim/distinct_register.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/format.hpp"

namespace coord::sim {

namespace {

using Answer = LinearizabilityVerdict::Answer;
using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

// A write and its reads.
struct Cluster {
  std::uint64_t value = 0;
  std::size_t write = none;  // none: what is there at first
  Instant first_end = Instant::min(), last_start = Instant::min();
  std::size_t first_to_end = none, last_to_start = none;  // the operations that these are of
  bool was_read = false;

  bool is_forward() const { return first_end < last_start; }
};

class DistinctRegister {
 public:
  DistinctRegister(const std::vector<Operation>& history, const std::vector<std::size_t>& operations)
      : history_(history), operations_(operations) {}

  std::optional<LinearizabilityVerdict> check() {
    if (!read_writes()) return std::nullopt;
    if (auto wrong = read_reads()) return wrong;
    return zones();
  }

 private:
  bool read_writes() {
    clusters_.push_back({});
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.kind == Kind::read ||
          (operation.kind == Kind::write && operation.outcome == Outcome::failed))
        continue;
      if (operation.kind != Kind::write || operation.value == 0) return false;
      const Instant end = operation.outcome == Outcome::ok ? operation.end : Instant::max();
      clusters_.push_back({operation.value, i, end, operation.start, i, i});
    }
    std::ranges::sort(clusters_, {}, &Cluster::value);
    return std::ranges::adjacent_find(clusters_, {}, &Cluster::value) == clusters_.end();
  }

  std::optional<LinearizabilityVerdict> read_reads() {
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.kind != Kind::read || operation.outcome != Outcome::ok) continue;
      const auto found = std::ranges::lower_bound(clusters_, operation.value, {}, &Cluster::value);
      if (found == clusters_.end() || found->value != operation.value)
        return no("nobody wrote that value", {i});
      if (found->write != none && operation.end < history_[found->write].start)
        return no("that value was written only afterwards", {i, found->write});
      found->was_read = true;
      if (operation.end < found->first_end) {
        found->first_end = operation.end;
        found->first_to_end = i;
      }
      if (operation.start > found->last_start) {
        found->last_start = operation.start;
        found->last_to_start = i;
      }
    }
    // What was written without an answer, and never read, need not have been written.
    std::erase_if(clusters_, [&](const Cluster& cluster) {
      return cluster.write != none && !cluster.was_read &&
             history_[cluster.write].outcome == Outcome::unknown;
    });
    return std::nullopt;
  }

  LinearizabilityVerdict zones() const {
    std::vector<const Cluster*> forward;
    for (const Cluster& cluster : clusters_) {
      if (cluster.is_forward()) forward.push_back(&cluster);
    }
    std::ranges::sort(forward, {}, [](const Cluster* c) { return std::pair(c->first_end, c->value); });
    for (std::size_t i = 1; i < forward.size(); ++i) {
      if (forward[i]->first_end < forward[i - 1]->last_start) return at_odds(*forward[i - 1], *forward[i]);
    }
    for (const Cluster& cluster : clusters_) {
      if (cluster.is_forward()) continue;
      const auto after = std::ranges::lower_bound(forward, cluster.last_start, {},
                                                  [](const Cluster* c) { return c->first_end; });
      if (after != forward.begin() && cluster.first_end < (*std::prev(after))->last_start)
        return at_odds(**std::prev(after), cluster);
    }
    return {};
  }

  LinearizabilityVerdict at_odds(const Cluster& a, const Cluster& b) const {
    const Cluster& late = a.last_start > b.last_start ? a : b;
    const Cluster& other = a.last_start > b.last_start ? b : a;
    std::vector<std::size_t> offending;
    for (const std::size_t i : {late.last_to_start, other.first_to_end, late.first_to_end,
                                other.last_to_start, late.write, other.write}) {
      if (i != none && std::ranges::find(offending, i) == offending.end()) offending.push_back(i);
    }
    return no(fmt::format("the register had held {} before it held {}", late.value, other.value),
              std::move(offending));
  }

  LinearizabilityVerdict no(const std::string& why, std::vector<std::size_t> offending) const {
    LinearizabilityVerdict verdict;
    verdict.answer = Answer::no;
    verdict.name = history_[offending.front()].name;
    verdict.explanation = fmt::format("no order explains {}: {}", history_[offending.front()].text(), why);
    verdict.offending = std::move(offending);
    return verdict;
  }

  const std::vector<Operation>& history_;
  const std::vector<std::size_t>& operations_;
  std::vector<Cluster> clusters_;  // by value
};

}  // namespace

std::optional<LinearizabilityVerdict> check_distinct_register(const std::vector<Operation>& history,
                                                              const std::vector<std::size_t>& operations) {
  return DistinctRegister(history, operations).check();
}

}  // namespace coord::sim
