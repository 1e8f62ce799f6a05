// SPDX-License-Identifier: MIT
// Queues, and sequential consistency, against their definitions.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <numeric>

#include "base/random.hpp"
#include "sim/linearizability.hpp"

using namespace coord;
using namespace coord::sim;

namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using Answer = LinearizabilityVerdict::Answer;

Instant ms(std::uint64_t time) {
  return Instant{} + std::chrono::milliseconds(time);
}
Operation op(std::uint64_t client, Kind kind, std::uint64_t start, std::uint64_t end, std::uint64_t value = 0,
             Outcome outcome = Outcome::ok) {
  return {client, kind, "x", ms(start), ms(end), outcome, value, 0};
}
Answer queue(const std::vector<Operation>& history) {
  return check_linearizable(history, Model::queue).answer;
}

bool fits(const Operation& operation, std::deque<std::uint64_t>& queue, std::uint64_t& value) {
  const bool failed = operation.outcome == Outcome::failed;
  switch (operation.kind) {
    case Kind::enqueue:
      queue.push_back(operation.value);
      return true;
    case Kind::dequeue:
      if (failed || queue.empty()) return failed && queue.empty();
      if (queue.front() != operation.value) return false;
      queue.pop_front();
      return true;
    case Kind::write:
      value = operation.value;
      return true;
    default:
      return value == operation.value;
  }
}

// Some order of all that puts no operation before one that must precede it.
template <class Precedes>
bool by_definition(const std::vector<Operation>& history, Precedes precedes) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    std::deque<std::uint64_t> content;
    std::uint64_t value = 0;
    bool good = true;
    for (std::size_t i = 0; good && i < order.size(); ++i) {
      for (std::size_t later = i + 1; later < order.size(); ++later)
        good = good && !precedes(history[order[later]], history[order[i]]);
      good = good && fits(history[order[i]], content, value);
    }
    if (good) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// Clients one operation after the other, at times that overlap.
std::vector<Operation> random_history(Random& random, bool of_queue) {
  std::vector<Operation> history;
  std::uint64_t time[3] = {0, 0, 0}, next = 1;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const std::uint64_t client = random.below(3);
    const std::uint64_t start = time[client] + random.below(3), end = start + 1 + random.below(5);
    time[client] = end + 1;
    if (of_queue) {
      const bool puts = random.chance(0.55);
      const bool is_empty = !puts && random.chance(0.2);
      history.push_back(op(client, puts ? Kind::enqueue : Kind::dequeue, start, end,
                           puts ? next++ : 1 + random.below(3), is_empty ? Outcome::failed : Outcome::ok));
    } else {
      history.push_back(
          op(client, random.chance(0.5) ? Kind::write : Kind::read, start, end, random.below(3)));
    }
  }
  return history;
}

}  // namespace

TEST_CASE("a queue: first in, first out, and empty only when it is") {
  CHECK(queue({op(1, Kind::enqueue, 0, 1, 7), op(1, Kind::enqueue, 2, 3, 8), op(2, Kind::dequeue, 4, 5, 7),
               op(2, Kind::dequeue, 6, 7, 8)}) == Answer::yes);
  CHECK(queue({op(1, Kind::enqueue, 0, 1, 7), op(1, Kind::enqueue, 2, 3, 8),
               op(2, Kind::dequeue, 4, 5, 8)}) == Answer::no);
  CHECK(queue({op(1, Kind::enqueue, 0, 3, 7), op(2, Kind::enqueue, 1, 2, 8),
               op(2, Kind::dequeue, 4, 5, 8)}) == Answer::yes);  // the two overlap
  CHECK(queue({op(1, Kind::enqueue, 0, 1, 7), op(2, Kind::dequeue, 2, 3, 0, Outcome::failed)}) == Answer::no);
  CHECK(queue({op(1, Kind::enqueue, 0, 9, 7), op(2, Kind::dequeue, 2, 3, 0, Outcome::failed)}) ==
        Answer::yes);
  CHECK(queue({op(1, Kind::enqueue, 0, 1, 7), op(2, Kind::dequeue, 2, 3, 0, Outcome::unknown),
               op(3, Kind::dequeue, 4, 5, 0, Outcome::failed)}) == Answer::yes);  // it took the 7
}

TEST_CASE("a queue: the search agrees with the definition on random small histories") {
  Random random(11);
  int good = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto history = random_history(random, true);
    const bool expected =
        by_definition(history, [](const Operation& a, const Operation& b) { return a.end < b.start; });
    INFO(i);
    REQUIRE((queue(history) == Answer::yes) == expected);
    if (expected) ++good;
  }
  CHECK(good > 50);
}

TEST_CASE("sequential consistency: the search agrees with the definition on random small histories") {
  for (const bool of_queue : {true, false}) {
    Random random(12);
    int good = 0;
    for (int i = 0; i < 1500; ++i) {
      const auto history = random_history(random, of_queue);
      const bool expected = by_definition(history, [](const Operation& a, const Operation& b) {
        return a.client == b.client && a.start < b.start;
      });
      INFO(i);
      const auto verdict = check_sequential(history, of_queue ? Model::queue : Model::read_write_register);
      REQUIRE((verdict.answer == Answer::yes) == expected);
      if (expected) ++good;
    }
    CHECK(good > 50);
  }
}

// A lock of which tokens increase, by its definition; for small histories.
bool lock_by_definition(const std::vector<Operation>& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    std::uint64_t holder = 0, token = 0;
    bool good = true;
    for (std::size_t i = 0; good && i < order.size(); ++i) {
      const Operation& here = history[order[i]];
      for (std::size_t later = i + 1; later < order.size(); ++later) {
        const Operation& other = history[order[later]];
        good = good && !(other.client == here.client && other.start < here.start);
      }
      if (here.kind == Kind::release) {
        good = good && holder == here.client && token == here.value;
        holder = 0;
      } else if (here.outcome == Outcome::failed) {
        good = good && holder != 0;
      } else {
        good = good && holder == 0 && here.value > token;
        holder = here.client;
        token = here.value;
      }
    }
    if (good) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST_CASE(
    "sequential consistency of a lock: the search agrees with the definition on random small histories") {
  Random random(13);
  int good = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<Operation> history;
    std::uint64_t held[4] = {0, 0, 0, 0}, next = 1;
    for (std::uint64_t at = 0; at < 6; ++at) {
      const std::uint64_t client = 1 + random.below(3), start = random.below(1000) + 1000 * at;
      if (held[client] != 0) {
        history.push_back(op(client, Kind::release, start, start + 1, held[client]));
        held[client] = 0;
      } else if (random.chance(0.2)) {
        history.push_back(op(client, Kind::acquire, start, start + 1, 0, Outcome::failed));
      } else {
        held[client] = random.chance(0.1) ? next : next++;  // now and then one token twice
        history.push_back(op(client, Kind::acquire, start, start + 1, held[client]));
      }
    }
    auto& one = history[random.below(3)].value;
    auto& other = history[3 + random.below(3)].value;
    if (random.chance(0.3) && one != 0 && other != 0) std::swap(one, other);  // 0: not known
    const bool expected = lock_by_definition(history);
    INFO(i);
    REQUIRE((check_sequential(history, Model::lock).answer == Answer::yes) == expected);
    if (expected) ++good;
  }
  CHECK(good > 300);
  CHECK(good < 3700);
}

TEST_CASE("sequential consistency asks less of times, and of all names together") {
  const std::vector<Operation> stale = {op(1, Kind::write, 0, 1, 5), op(2, Kind::read, 2, 3, 0)};
  CHECK(check_linearizable(stale, Model::read_write_register).answer == Answer::no);
  CHECK(check_sequential(stale, Model::read_write_register).answer == Answer::yes);
  // Each reads the other's name before it was written, after it wrote its own: each
  // name alone can be explained.
  std::vector<Operation> both = {op(1, Kind::write, 0, 1, 1), op(1, Kind::read, 2, 3, 0),
                                 op(2, Kind::write, 0, 1, 1), op(2, Kind::read, 2, 3, 0)};
  both[1].name = both[2].name = "y";
  const auto verdict = check_sequential(both, Model::read_write_register);
  CHECK(verdict.answer == Answer::no);
  CHECK_FALSE(verdict.offending.empty());
}
