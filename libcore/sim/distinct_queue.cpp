// SPDX-License-Identifier: MIT
#include "sim/distinct_queue.hpp"

#include <algorithm>
#include <functional>
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
constexpr Instant never = Instant::max();

// A value, when it was put in and when it was taken out.
struct Passage {
  std::uint64_t value = 0;
  std::size_t enqueue = none, dequeue = none;
  Instant in_start, in_end = never;
  Instant out_start = never, out_end = never;
};

class DistinctQueue {
 public:
  DistinctQueue(const std::vector<Operation>& history, const std::vector<std::size_t>& operations)
      : history_(history), operations_(operations) {}

  std::optional<LinearizabilityVerdict> check() {
    if (!read()) return std::nullopt;
    if (auto wrong = fresh_and_once()) return wrong;
    if (auto wrong = in_order()) return wrong;
    return witnesses();
  }

 private:
  bool read() {
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.kind == Kind::enqueue) {
        if (operation.outcome == Outcome::failed) continue;
        const bool ended = operation.outcome == Outcome::ok;
        passages_.push_back({operation.value, i, none, operation.start, ended ? operation.end : never});
      } else if (operation.kind == Kind::dequeue) {
        auto& kind = operation.outcome == Outcome::ok       ? taken_
                     : operation.outcome == Outcome::failed ? found_empty_
                                                            : unknown_;
        kind.push_back(i);
      } else {
        return false;
      }
    }
    std::ranges::sort(passages_, {}, &Passage::value);
    return std::ranges::adjacent_find(passages_, {}, &Passage::value) == passages_.end();
  }

  std::optional<LinearizabilityVerdict> fresh_and_once() {
    for (const std::size_t i : taken_) {
      const Operation& operation = history_[i];
      const auto found = std::ranges::lower_bound(passages_, operation.value, {}, &Passage::value);
      if (found == passages_.end() || found->value != operation.value)
        return no("nobody put that value in", {i});
      if (found->dequeue != none)
        return no("that value was taken out before", {i, found->dequeue, found->enqueue});
      if (operation.end < found->in_start)
        return no("that value was put in only afterwards", {i, found->enqueue});
      found->dequeue = i;
      found->out_start = operation.start;
      found->out_end = operation.end;
    }
    // What was put in without an answer, and never came out, need not have been put in.
    std::erase_if(passages_, [&](const Passage& passage) {
      return passage.dequeue == none && history_[passage.enqueue].outcome == Outcome::unknown;
    });
    return std::nullopt;
  }

  // For each value: of those put in after it, the one that was out first. Then it
  // must not have been out later.
  std::optional<LinearizabilityVerdict> in_order() {
    std::vector<std::size_t> by_start(passages_.size()), by_end(passages_.size());
    for (std::size_t i = 0; i < passages_.size(); ++i) by_start[i] = by_end[i] = i;
    std::ranges::sort(by_start, std::greater{},
                      [&](std::size_t i) { return std::pair(passages_[i].in_start, i); });
    std::ranges::sort(by_end, std::greater{},
                      [&](std::size_t i) { return std::pair(passages_[i].in_end, i); });
    std::size_t first_out = none, next = 0;
    std::vector<std::pair<Instant, std::size_t>> overtaken;  // when at the latest it must have been taken out
    for (const std::size_t i : by_end) {
      for (; next < by_start.size() && passages_[by_start[next]].in_start > passages_[i].in_end; ++next) {
        if (first_out == none || passages_[by_start[next]].out_end < passages_[first_out].out_end)
          first_out = by_start[next];
      }
      if (first_out == none || passages_[first_out].out_end >= passages_[i].out_start) continue;
      if (passages_[i].dequeue != none) return overtakes(first_out, i);
      overtaken.emplace_back(passages_[first_out].out_end, i);
    }
    return taken_without_answer(std::move(overtaken));
  }

  // Dequeues without an answer take what must have been taken, the earliest what must have gone first; then
  // whatever else is left, the oldest first.
  std::optional<LinearizabilityVerdict> taken_without_answer(
      std::vector<std::pair<Instant, std::size_t>> overtaken) {
    std::ranges::sort(overtaken);
    std::ranges::sort(unknown_, {}, [&](std::size_t i) { return history_[i].start; });
    std::size_t used = 0;
    const auto take = [&](Passage& passage) {
      passage.dequeue = unknown_[used];
      passage.out_start = history_[unknown_[used++]].start;
    };
    for (const auto& [latest, i] : overtaken) {
      if (used == unknown_.size() || history_[unknown_[used]].start > latest) {
        const auto by =
            std::ranges::find_if(passages_, [end = latest, &late = passages_[i]](const Passage& passage) {
              return passage.out_end == end && passage.in_start > late.in_end;
            });
        return overtakes(static_cast<std::size_t>(by - passages_.begin()), i);
      }
      take(passages_[i]);
    }
    if (used == unknown_.size()) return std::nullopt;
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < passages_.size(); ++i) {
      if (passages_[i].dequeue == none) left.push_back(i);
    }
    std::ranges::sort(left, {}, [&](std::size_t i) { return passages_[i].in_end; });
    for (std::size_t i = 0; i < left.size() && used < unknown_.size(); ++i) take(passages_[left[i]]);
    return std::nullopt;
  }

  // The times at which the queue surely held something, joined; none may cover a dequeue that found nothing.
  std::optional<LinearizabilityVerdict> witnesses() {
    struct Covered {
      Instant from, to;  // neither included
    };
    std::vector<Covered> sure, joined;
    for (const Passage& passage : passages_) {
      if (passage.in_end < passage.out_start) sure.push_back({passage.in_end, passage.out_start});
    }
    std::ranges::sort(sure, {}, &Covered::from);
    for (const Covered& covered : sure) {
      if (!joined.empty() && covered.from < joined.back().to) {
        joined.back().to = std::max(joined.back().to, covered.to);
      } else {
        joined.push_back(covered);
      }
    }
    for (const std::size_t i : found_empty_) {
      auto after = std::ranges::lower_bound(joined, history_[i].start, {}, &Covered::from);
      if (after == joined.begin() || std::prev(after)->to <= history_[i].end) continue;
      if (!unknown_.empty()) return std::nullopt;  // perhaps they took others than was thought
      return no("the queue was never empty meanwhile", beside(i));
    }
    return LinearizabilityVerdict{};
  }

  // `late` was put in before `early` and came out after it, or not at all.
  LinearizabilityVerdict overtakes(std::size_t early, std::size_t late) const {
    const Passage& first = passages_[late];
    std::vector<std::size_t> offending = {passages_[early].dequeue, first.enqueue, passages_[early].enqueue};
    if (first.dequeue != none) offending.push_back(first.dequeue);
    return no(fmt::format("{} was put in before it and was still there", first.value), std::move(offending));
  }

  // The operation, and the passages that cover it.
  std::vector<std::size_t> beside(std::size_t operation) const {
    std::vector<std::size_t> all = {operation};
    constexpr std::size_t shown = 16;
    for (const Passage& passage : passages_) {
      const bool covers =
          passage.in_end < history_[operation].end && passage.out_start > history_[operation].start;
      if (!covers || all.size() + 2 > shown) continue;
      all.push_back(passage.enqueue);
      if (passage.dequeue != none) all.push_back(passage.dequeue);
    }
    return all;
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
  std::vector<Passage> passages_;                           // by value
  std::vector<std::size_t> taken_, found_empty_, unknown_;  // dequeues
};

}  // namespace

std::optional<LinearizabilityVerdict> check_distinct_queue(const std::vector<Operation>& history,
                                                           const std::vector<std::size_t>& operations) {
  return DistinctQueue(history, operations).check();
}

}  // namespace coord::sim
