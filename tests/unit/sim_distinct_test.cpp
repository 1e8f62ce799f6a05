// SPDX-License-Identifier: MIT
// Queues and registers whose values are distinct are judged without a search: against
// the definition, and at length.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <set>

#include "base/random.hpp"
#include "sim/digest_set.hpp"
#include "sim/distinct_queue.hpp"
#include "sim/distinct_register.hpp"

using namespace coord;
using namespace coord::sim;

namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using Answer = LinearizabilityVerdict::Answer;

Operation op(Kind kind, std::uint64_t start, std::uint64_t end, std::uint64_t value,
             Outcome outcome = Outcome::ok) {
  return {1, kind, "x", Instant{} + Duration(start), Instant{} + Duration(end), outcome, value, 0};
}

std::optional<LinearizabilityVerdict> judge(const std::vector<Operation>& history, bool of_queue = true) {
  std::vector<std::size_t> all(history.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return of_queue ? check_distinct_queue(history, all) : check_distinct_register(history, all);
}

// The definition: some order of all that were answered, and of some that were not, that respects the times.
bool by_definition(const std::vector<Operation>& history, std::set<std::size_t> left,
                   const std::deque<std::uint64_t>& content) {
  const auto answered = [&](std::size_t i) { return history[i].outcome != Outcome::unknown; };
  if (std::none_of(left.begin(), left.end(), answered)) return true;
  for (const std::size_t next : left) {
    const Operation& operation = history[next];
    const bool must_wait = std::any_of(left.begin(), left.end(), [&](std::size_t other) {
      return answered(other) && history[other].end < operation.start;
    });
    if (must_wait) continue;
    auto after = content;
    if (operation.kind == Kind::write) {
      if (operation.outcome != Outcome::failed) after = {operation.value};
    } else if (operation.kind == Kind::read) {
      const std::uint64_t held = content.empty() ? 0 : content.front();
      if (operation.outcome == Outcome::ok && held != operation.value) continue;
    } else if (operation.kind == Kind::enqueue) {
      after.push_back(operation.value);
    } else if (operation.outcome == Outcome::failed) {
      if (!content.empty()) continue;
    } else {
      if (content.empty() || (answered(next) && content.front() != operation.value)) continue;
      after.pop_front();
    }
    auto others = left;
    others.erase(next);
    if (by_definition(history, others, after)) return true;
  }
  return false;
}

std::vector<Operation> random_history(Random& random, bool of_queue) {
  std::vector<Operation> history;
  std::uint64_t next = 1;
  const std::uint64_t size = 2 + random.below(6), width = 2 + random.below(8);
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t start = random.below(14), end = start + random.below(width);
    const Outcome outcome = random.chance(0.12) ? Outcome::unknown : Outcome::ok;
    if (random.chance(0.5)) {
      history.push_back(op(of_queue ? Kind::enqueue : Kind::write, start, end, next++, outcome));
    } else if (!of_queue) {
      history.push_back(op(Kind::read, start, end, random.below(4), outcome));
    } else if (random.chance(0.25)) {
      history.push_back(op(Kind::dequeue, start, end, 0, Outcome::failed));
    } else {
      history.push_back(op(Kind::dequeue, start, end, 1 + random.below(4), outcome));
    }
  }
  return history;
}

}  // namespace

TEST_CASE("distinct values: a queue's four patterns, and a register's zones, agree with the definition") {
  const bool of_queue = GENERATE(true, false);
  Random random(5);
  int yes = 0, no = 0, open = 0;
  for (int i = 0; i < 40'000; ++i) {
    const auto history = random_history(random, of_queue);
    const auto verdict = judge(history, of_queue);
    if (!verdict) {
      ++open;
      continue;
    }
    std::set<std::size_t> all;
    for (std::size_t at = 0; at < history.size(); ++at) all.insert(at);
    std::string text;
    for (const Operation& operation : history) text += operation.text() + "\n";
    INFO(text << verdict->explanation);
    REQUIRE((verdict->answer == Answer::yes) == by_definition(history, all, {}));
    REQUIRE(verdict->offending.empty() == (verdict->answer == Answer::yes));
    ++(verdict->answer == Answer::yes ? yes : no);
  }
  CHECK(yes > 3000);
  CHECK(no > 3000);
  CHECK(open < 2000);
}

TEST_CASE("what does not fit into a queue is named") {
  const auto why = [](const std::vector<Operation>& history) { return judge(history).value().explanation; };
  using Catch::Matchers::EndsWith;
  const Operation first = op(Kind::enqueue, 0, 1, 7), second = op(Kind::enqueue, 2, 3, 8);
  CHECK_THAT(why({op(Kind::dequeue, 0, 1, 9)}), EndsWith("nobody put that value in"));
  CHECK_THAT(why({second, op(Kind::dequeue, 0, 1, 8)}), EndsWith("that value was put in only afterwards"));
  CHECK_THAT(why({first, op(Kind::dequeue, 2, 3, 7), op(Kind::dequeue, 4, 5, 7)}),
             EndsWith("that value was taken out before"));
  CHECK_THAT(why({first, second, op(Kind::dequeue, 4, 5, 8)}),
             EndsWith("7 was put in before it and was still there"));
  CHECK_THAT(why({first, op(Kind::dequeue, 4, 5, 0, Outcome::failed)}),
             EndsWith("the queue was never empty meanwhile"));
  CHECK_FALSE(judge({first, first}));  // not distinct: for the search
}

TEST_CASE("what does not fit into a register is named") {
  const auto why = [](const std::vector<Operation>& history) {
    return judge(history, false).value().explanation;
  };
  using Catch::Matchers::EndsWith;
  const Operation first = op(Kind::write, 0, 1, 7), second = op(Kind::write, 2, 3, 8);
  CHECK_THAT(why({op(Kind::read, 0, 1, 9)}), EndsWith("nobody wrote that value"));
  CHECK_THAT(why({second, op(Kind::read, 0, 1, 8)}), EndsWith("that value was written only afterwards"));
  CHECK_THAT(why({first, second, op(Kind::read, 4, 5, 7)}),
             EndsWith("the register had held 7 before it held 8"));
  CHECK_THAT(why({first, op(Kind::read, 4, 5, 0)}), EndsWith("the register had held 0 before it held 7"));
  CHECK_FALSE(judge({first, first}, false));  // not distinct: for the search
  CHECK_FALSE(judge({op(Kind::compare_swap, 0, 1, 7)}, false));
}

TEST_CASE("a long queue is judged in a moment, and one exchanged pair is found") {
  Random random(6);
  std::vector<Operation> history;
  const std::uint64_t values = 100'000, behind = 5'000;
  for (std::uint64_t i = 0; i < values; ++i) {
    const std::uint64_t in = 100 * i + 50, out = 100 * (i + behind) + 90;
    history.push_back(op(Kind::enqueue, in - random.below(200) % in, in + random.below(200), i + 1));
    history.push_back(op(Kind::dequeue, out - random.below(200), out + random.below(200), i + 1));
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto good = check_linearizable(history, Model::queue);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(good.answer == Answer::yes);
  WARN("a queue: " << static_cast<double>(history.size()) / took.count() << " operations/s");
  std::swap(history[2 * 1000 + 1].value, history[2 * 1010 + 1].value);
  const auto bad = check_linearizable(history, Model::queue);
  CHECK(bad.answer == Answer::no);
  CHECK(bad.offending.size() >= 3);
}

TEST_CASE("a set of digests knows what was put into it") {
  DigestSet set;
  const auto digest = [](std::uint64_t word) {
    Digest made;
    made.add(word);
    return made;
  };
  for (std::uint64_t i = 0; i < 10'000; ++i) REQUIRE(set.insert(digest(i)));
  for (std::uint64_t i = 0; i < 10'000; ++i) REQUIRE_FALSE(set.insert(digest(i)));
  CHECK(set.size() == 10'000);
}
