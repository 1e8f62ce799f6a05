// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <numeric>

#include "base/random.hpp"
#include "sim/linearizability.hpp"

using namespace coord;
using namespace coord::sim;

namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using Answer = LinearizabilityVerdict::Answer;

Instant ms(int time) {
  return Instant{} + std::chrono::milliseconds(time);
}

Operation op(std::uint64_t client, Kind kind, int start, int end, std::uint64_t value = 0,
             Outcome outcome = Outcome::ok) {
  return {client, kind, "x", ms(start), ms(end), outcome, value, 0};
}

Answer lock(const std::vector<Operation>& history) {
  return check_linearizable(history, Model::lock).answer;
}
Answer reg(const std::vector<Operation>& history) {
  return check_linearizable(history, Model::read_write_register).answer;
}

// The definition itself: some order that respects the times and satisfies the register. For small histories.
bool register_by_definition(const std::vector<Operation>& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    bool fits = true;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < order.size() && fits; ++i) {
      const Operation& here = history[order[i]];
      for (std::size_t j = i + 1; j < order.size(); ++j) fits = fits && !(history[order[j]].end < here.start);
      if (here.kind == Kind::write) value = here.value;
      if (here.kind == Kind::read) fits = fits && here.value == value;
    }
    if (fits) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

}  // namespace

TEST_CASE("a register: reads see the last write, overlapping writes go either way") {
  CHECK(reg({op(1, Kind::write, 0, 10, 5), op(2, Kind::read, 20, 30, 5)}) == Answer::yes);
  CHECK(reg({op(1, Kind::write, 0, 10, 5), op(2, Kind::read, 5, 30, 0)}) == Answer::yes);
  CHECK(reg({op(1, Kind::write, 0, 10, 5), op(2, Kind::read, 20, 30, 0)}) == Answer::no);  // a stale read
  // Herlihy and Wing's point: a new value once read cannot be followed by the old one.
  CHECK(reg({op(1, Kind::write, 0, 100, 5), op(2, Kind::read, 10, 20, 5), op(3, Kind::read, 30, 40, 0)}) ==
        Answer::no);
  CHECK(reg({op(1, Kind::write, 0, 100, 5), op(2, Kind::read, 10, 20, 0), op(3, Kind::read, 30, 40, 5)}) ==
        Answer::yes);
}

TEST_CASE("a register: what got no answer may have happened, later or never") {
  const Operation lost = op(1, Kind::write, 0, 0, 7, Outcome::unknown);
  CHECK(reg({lost, op(2, Kind::read, 50, 60, 7)}) == Answer::yes);
  CHECK(reg({lost, op(2, Kind::read, 50, 60, 0)}) == Answer::yes);
  CHECK(reg({lost, op(2, Kind::read, 50, 60, 0), op(2, Kind::read, 70, 80, 7)}) == Answer::yes);
  CHECK(reg({lost, op(2, Kind::read, 50, 60, 7), op(2, Kind::read, 70, 80, 0)}) == Answer::no);
}

TEST_CASE("a register: compare and swap") {
  Operation swap = op(1, Kind::compare_swap, 0, 10, 9);
  swap.expected = 0;
  CHECK(reg({swap, op(2, Kind::read, 20, 30, 9)}) == Answer::yes);
  swap.expected = 4;
  CHECK(reg({swap}) == Answer::no);
  swap.outcome = Outcome::failed;
  CHECK(reg({swap, op(2, Kind::read, 20, 30, 0)}) == Answer::yes);
}

TEST_CASE("a lock: one holder, and tokens that increase") {
  CHECK(lock({op(1, Kind::acquire, 0, 10, 1), op(1, Kind::release, 20, 30, 1),
              op(2, Kind::acquire, 5, 40, 2)}) == Answer::yes);
  const auto verdict = check_linearizable(
      {op(1, Kind::acquire, 0, 10, 1), op(2, Kind::acquire, 5, 15, 2), op(1, Kind::release, 20, 30, 1)},
      Model::lock);
  CHECK(verdict.answer == Answer::no);
  CHECK(verdict.name == "x");
  REQUIRE_FALSE(verdict.offending.empty());
  CHECK(verdict.offending.front() == 1);
  CHECK(verdict.explanation.find("client 2 acquire x [5.000, 15.000] ms: ok, token 2") != std::string::npos);
  CHECK(verdict.explanation.find("held by client 1 (token 1)") != std::string::npos);
  CHECK(lock({op(1, Kind::acquire, 0, 10, 2), op(1, Kind::release, 20, 30, 2),
              op(2, Kind::acquire, 40, 50, 1)}) == Answer::no);
}

TEST_CASE("a lock: release by another, refusals, expiry, unknown") {
  CHECK(lock({op(1, Kind::acquire, 0, 10, 1), op(2, Kind::release, 20, 30, 1)}) == Answer::no);
  CHECK(lock({op(1, Kind::acquire, 0, 10, 1), op(2, Kind::release, 20, 30, 1, Outcome::failed)}) ==
        Answer::yes);
  CHECK(lock({op(1, Kind::acquire, 0, 10, 0, Outcome::failed)}) == Answer::no);
  LinearizabilityOptions lenient;
  lenient.refusals_need_holder = false;
  CHECK(check_linearizable({op(1, Kind::acquire, 0, 10, 0, Outcome::failed)}, Model::lock, lenient).answer ==
        Answer::yes);
  const Operation held = op(1, Kind::acquire, 0, 10, 1);
  CHECK(lock({held, op(2, Kind::acquire, 20, 90, 2)}) == Answer::no);
  CHECK(lock({held, op(1, Kind::expire, 50, 50, 1, Outcome::unknown), op(2, Kind::acquire, 20, 90, 2)}) ==
        Answer::yes);
  CHECK(lock({held, op(1, Kind::expire, 95, 95, 1, Outcome::unknown), op(2, Kind::acquire, 20, 90, 2)}) ==
        Answer::no);
  CHECK(lock({op(1, Kind::acquire, 0, 0, 0, Outcome::unknown), op(2, Kind::acquire, 20, 90, 2)}) ==
        Answer::yes);
}

TEST_CASE("a lock: shared holders beside each other, never beside an exclusive one") {
  const std::vector<Operation> readers{op(1, Kind::acquire_shared, 0, 10, 1),
                                       op(2, Kind::acquire_shared, 5, 15, 2)};
  CHECK(lock(readers) == Answer::yes);
  auto mixed = readers;
  mixed.push_back(op(3, Kind::acquire, 20, 30, 3));
  CHECK(lock(mixed) == Answer::no);
  mixed.push_back(op(1, Kind::release, 16, 25, 1));
  CHECK(lock(mixed) == Answer::no);
  mixed.push_back(op(2, Kind::release, 16, 25, 2));
  CHECK(lock(mixed) == Answer::yes);
}

TEST_CASE("names are objects of their own") {
  std::vector<Operation> history{op(1, Kind::acquire, 0, 10, 1), op(2, Kind::acquire, 20, 30, 2)};
  CHECK(lock(history) == Answer::no);
  history[1].name = "y";
  CHECK(lock(history) == Answer::yes);
}

TEST_CASE("the search agrees with the definition on random small histories") {
  Random random(3);
  int no = 0, yes = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<Operation> history;
    const std::uint64_t count = 2 + random.below(5);
    for (std::uint64_t client = 0; client < count; ++client) {
      const int start = static_cast<int>(random.below(20));
      const int length = static_cast<int>(random.below(12));
      const Kind kind = random.chance(0.5) ? Kind::write : Kind::read;
      history.push_back(op(client, kind, start, start + length, random.below(3)));
    }
    const bool right = register_by_definition(history);
    CHECK((reg(history) == Answer::yes) == right);
    (right ? yes : no) += 1;
  }
  CHECK(yes > 300);
  CHECK(no > 300);
}

TEST_CASE("a hard history is undecided within a small limit, and large easy ones are quick") {
  std::vector<Operation> hard;
  for (std::uint64_t i = 1; i <= 24; ++i) hard.push_back(op(i, Kind::write, 0, 100, i / 2));
  hard.push_back(op(99, Kind::read, 200, 210, 1000));
  LinearizabilityOptions options;
  options.limit = 10'000;
  const auto verdict = check_linearizable(hard, Model::read_write_register, options);
  CHECK(verdict.answer == Answer::undecided);
  CHECK(verdict.explanation == "undecided after 10025 configurations");

  std::vector<Operation> easy;
  Random random(1);
  for (int i = 0; i < 50'000; ++i) {
    const auto client = static_cast<std::uint64_t>(i % 8);
    easy.push_back(op(client, Kind::acquire, 10 * i - static_cast<int>(random.below(60)), 10 * i + 2,
                      static_cast<std::uint64_t>(i) + 1));
    easy.push_back(op(client, Kind::release, 10 * i + 5, 10 * i + 8, static_cast<std::uint64_t>(i) + 1));
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(lock(easy) == Answer::yes);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  WARN("linearizability: " << static_cast<double>(easy.size()) / took.count()
                           << " operations/s on an easy history");
}
