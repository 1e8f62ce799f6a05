// SPDX-License-Identifier: MIT
#include "sim/linearizability.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "sim/distinct_queue.hpp"
#include "sim/distinct_register.hpp"
#include "sim/sequential_objects.hpp"

namespace coord::sim {

namespace {

using Answer = LinearizabilityVerdict::Answer;
using Outcome = Operation::Outcome;

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
constexpr std::size_t shown = 16;  // operations named beside the one that does not fit

bool must_be_placed(const Operation& operation) {
  return operation.outcome != Outcome::unknown;
}

// What was not answered and leaves nothing behind need not be looked at.
bool matters(const Operation& operation) {
  return must_be_placed(operation) || operation.kind != Operation::Kind::read;
}

// The search over the operations of one name: their starts and ends in the order of time, as a list from
// which the operations that are placed are taken out and put back (Wing and Gong; Lowe, section 4).
template <class Object>
class Search {
 public:
  Search(const std::vector<Operation>& history, const std::vector<std::size_t>& operations, Object object)
      : history_(history), object_(std::move(object)) {
    build(operations);
  }

  // `told`: of the operations placed, and how many configurations were tried for it.
  void tell(std::function<void(const CheckSoFar&)> told) { told_ = std::move(told); }

  Answer run(std::uint64_t& budget) {
    if (!place_what_changes_nothing(budget)) return Answer::undecided;
    std::size_t at = next_[head];
    while (unplaced_ > 0) {
      COORD_CHECK(at != tail);
      const Edge& edge = edges_[at];
      if (!edge.start) {  // an end came before its operation was placed: go back
        remember_stuck(at);
        do {
          if (path_.empty()) return Answer::no;
          at = take_back();
        } while (changes_nothing(history_[edges_[at].operation]));
        at = next_[at];
        continue;
      }
      auto state = object_.after(state_, history_[edge.operation]);
      if (!state || !is_new(edge.operation, *state)) {
        at = next_[at];
        continue;
      }
      if (budget == 0) return Answer::undecided;
      --budget;
      place(at, std::move(*state));
      if (!place_what_changes_nothing(budget)) return Answer::undecided;
      at = next_[head];
    }
    return Answer::yes;
  }

  std::uint64_t tried() const { return tried_; }
  const std::vector<std::size_t>& stuck() const { return stuck_; }
  std::string stuck_state() const { return object_.text(stuck_in_); }

 private:
  using State = typename Object::State;
  static constexpr std::size_t head = 0, tail = 1;  // of the list; not edges

  struct Edge {
    std::size_t operation = none;
    bool start = false;
    std::size_t end = none;  // of a start: the place of the end, if it has one
  };
  struct Step {
    std::size_t at = none;
    State before;
  };

  void build(const std::vector<std::size_t>& operations) {
    struct Mark {
      Instant time;
      bool end = false;  // at one instant starts come first: then they count as overlapping
      std::size_t operation = none;
      auto operator<=>(const Mark&) const = default;
    };
    std::vector<Mark> marks;
    for (const std::size_t i : operations) {
      if (!matters(history_[i])) continue;
      marks.push_back({history_[i].start, false, i});
      if (must_be_placed(history_[i]))
        marks.push_back({std::max(history_[i].start, history_[i].end), true, i});
    }
    std::sort(marks.begin(), marks.end());
    edges_.resize(2);
    std::map<std::size_t, std::size_t> start_of;
    for (const Mark& mark : marks) {
      if (mark.end) {
        edges_[start_of.at(mark.operation)].end = edges_.size();
        ++unplaced_;
      } else {
        start_of[mark.operation] = edges_.size();
      }
      edges_.push_back({mark.operation, !mark.end, none});
    }
    next_.resize(edges_.size());
    previous_.resize(edges_.size());
    std::size_t last = head;
    for (std::size_t i = 2; i < edges_.size(); ++i) last = link(last, i);
    link(last, tail);
  }

  // All operations that may come next, fit, and leave the state as it is. False: the budget is used up.
  bool place_what_changes_nothing(std::uint64_t& budget) {
    for (std::size_t at = next_[head]; at != tail && edges_[at].start;) {
      const Operation& operation = history_[edges_[at].operation];
      auto state = changes_nothing(operation) ? object_.after(state_, operation) : std::nullopt;
      const std::size_t next = next_[at];
      if (!state) {
        at = next;
        continue;
      }
      if (budget == 0) return false;
      --budget;
      place(at, std::move(*state));
      at = next_[head];  // an end may have gone: more may come next now
    }
    return true;
  }

  std::size_t link(std::size_t left, std::size_t right) {
    next_[left] = right;
    previous_[right] = left;
    return right;
  }
  void take_out(std::size_t at) { link(previous_[at], next_[at]); }
  void put_back(std::size_t at) {
    next_[previous_[at]] = at;
    previous_[next_[at]] = at;
  }

  void place(std::size_t at, State state) {
    constexpr std::uint64_t seldom = 4096;
    if (++tried_ % seldom == 0 && told_) told_({path_.size(), tried_});
    path_.push_back({at, std::exchange(state_, std::move(state))});
    toggle(edges_[at].operation);
    take_out(at);
    if (edges_[at].end == none) return;
    take_out(edges_[at].end);
    --unplaced_;
  }

  std::size_t take_back() {
    Step step = std::move(path_.back());
    path_.pop_back();
    state_ = std::move(step.before);
    toggle(edges_[step.at].operation);
    if (edges_[step.at].end != none) {
      put_back(edges_[step.at].end);
      ++unplaced_;
    }
    put_back(step.at);
    return step.at;
  }

  // The digest of a set is the xor of its members': so one more or less costs one step.
  static std::pair<std::uint64_t, std::uint64_t> mark_of(std::size_t operation) {
    Digest digest;
    digest.add(operation);
    return {digest.low(), digest.high()};
  }
  void toggle(std::size_t operation) {
    const auto [low, high] = mark_of(operation);
    set_low_ ^= low;
    set_high_ ^= high;
  }
  bool is_new(std::size_t operation, const State& state) {
    const auto [low, high] = mark_of(operation);
    Digest digest;
    digest.add(set_low_ ^ low);
    digest.add(set_high_ ^ high);
    object_.digest(state, digest);
    return seen_.insert(digest);
  }

  void remember_stuck(std::size_t end) {
    if (!stuck_.empty() && path_.size() <= deepest_) return;
    deepest_ = path_.size();
    stuck_in_ = state_;
    stuck_ = {edges_[end].operation};
    for (std::size_t i = next_[head]; i != end && stuck_.size() < shown; i = next_[i]) {
      if (edges_[i].start && edges_[i].operation != edges_[end].operation)
        stuck_.push_back(edges_[i].operation);
    }
  }

  const std::vector<Operation>& history_;
  Object object_;
  std::vector<Edge> edges_;
  std::vector<std::size_t> next_, previous_;
  std::size_t unplaced_ = 0;  // of those that must be
  State state_;
  std::vector<Step> path_;
  std::uint64_t set_low_ = 0, set_high_ = 0;
  DigestSet seen_;
  std::size_t deepest_ = 0;
  std::vector<std::size_t> stuck_;
  State stuck_in_;
  std::function<void(const CheckSoFar&)> told_;
  std::uint64_t tried_ = 0;
};

// Where values are distinct, and so say which operations belong together.
template <class Object>
std::optional<LinearizabilityVerdict> without_search(const std::vector<Operation>& history,
                                                     const std::vector<std::size_t>& operations) {
  if constexpr (std::is_same_v<Object, SequentialQueue>) return check_distinct_queue(history, operations);
  if constexpr (std::is_same_v<Object, SequentialRegister>)
    return check_distinct_register(history, operations);
  return std::nullopt;
}

template <class Object>
LinearizabilityVerdict check(const std::vector<Operation>& history, const LinearizabilityOptions& options) {
  std::map<std::string, std::vector<std::size_t>> by_name;
  for (std::size_t i = 0; i < history.size(); ++i) by_name[history[i].name].push_back(i);
  std::uint64_t budget = options.limit + history.size();
  LinearizabilityVerdict verdict;
  CheckSoFar before;  // of the names that are done
  for (const auto& [name, operations] : by_name) {
    if (options.told) options.told(before);
    if (auto known = without_search<Object>(history, operations)) {
      if (known->answer != Answer::yes) return *known;
      before.placed += operations.size();
      before.tried += operations.size();
      continue;
    }
    Search<Object> search(history, operations, Object(options));
    if (options.told)
      search.tell([&](const CheckSoFar& of_name) {
        options.told({before.placed + of_name.placed, before.tried + of_name.tried});
      });
    const Answer answer = search.run(budget);
    before.placed += operations.size();
    before.tried += search.tried();
    if (answer == Answer::yes) continue;
    verdict = {answer, name, {}, ""};
    if (answer == Answer::undecided) {
      verdict.explanation = fmt::format("undecided after {} configurations", options.limit + history.size());
      return verdict;
    }
    verdict.offending = search.stuck();
    verdict.explanation = fmt::format("no order explains {}: in the longest one {}",
                                      history[search.stuck().front()].text(), search.stuck_state());
    return verdict;
  }
  return verdict;
}

const char* name_of(Operation::Kind kind) {
  switch (kind) {
    case Operation::Kind::acquire:
      return "acquire";
    case Operation::Kind::acquire_shared:
      return "acquire shared";
    case Operation::Kind::release:
      return "release";
    case Operation::Kind::expire:
      return "expire";
    case Operation::Kind::write:
      return "write";
    case Operation::Kind::read:
      return "read";
    case Operation::Kind::compare_swap:
      return "compare and swap";
    case Operation::Kind::enqueue:
      return "enqueue";
    case Operation::Kind::dequeue:
      return "dequeue";
  }
  return "?";
}

}  // namespace

std::string milliseconds(Instant time) {
  const auto ns = time.time_since_epoch().count();
  const auto rest = ns % 1'000'000;
  return rest % 1000 == 0 ? fmt::format("{}.{:03}", ns / 1'000'000, rest / 1000)
                          : fmt::format("{}.{:06}", ns / 1'000'000, rest);
}

std::string Operation::text() const {
  const std::string times = fmt::format("[{}, {}] ms", milliseconds(start),
                                        outcome == Outcome::unknown ? std::string("?") : milliseconds(end));
  std::string line = fmt::format("client {} {}", client, name_of(kind));
  if (!name.empty()) line += fmt::format(" {}", name);
  line += fmt::format(" {}", times);
  line += outcome == Outcome::ok ? ": ok" : outcome == Outcome::failed ? ": failed" : ": no answer";
  if (kind == Kind::compare_swap) line += fmt::format(", {} by {}", expected, value);
  if (kind == Kind::write || kind == Kind::read || kind == Kind::enqueue || kind == Kind::dequeue)
    line += fmt::format(", value {}", value);
  if (kind < Kind::write && value != 0) line += fmt::format(", token {}", value);
  return line;
}

std::uint64_t History::begin(std::uint64_t client, Operation::Kind kind, std::string name, Instant now,
                             std::uint64_t value, std::uint64_t expected) {
  operations_.push_back({client, kind, std::move(name), now, now, Outcome::unknown, value, expected});
  return operations_.size() - 1;
}

void History::end(std::uint64_t operation, Outcome outcome, Instant now, std::uint64_t value) {
  Operation& ended = operations_.at(static_cast<std::size_t>(operation));
  ended.outcome = outcome;
  ended.end = now;
  if (value != 0) ended.value = value;
}

LinearizabilityVerdict check_linearizable(const std::vector<Operation>& history, Model model,
                                          const LinearizabilityOptions& options) {
  switch (model) {
    case Model::lock:
      return check<SequentialLock>(history, options);
    case Model::read_write_register:
      return check<SequentialRegister>(history, options);
    case Model::queue:
      return check<SequentialQueue>(history, options);
  }
  return {};
}

}  // namespace coord::sim
