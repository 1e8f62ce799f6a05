// SPDX-License-Identifier: MIT
// Eventual, causal, regular: each anomaly is found, and what a level allows is not called one.
#include <catch2/catch.hpp>
#include <chrono>
#include <initializer_list>
#include <map>
#include <set>

#include "base/random.hpp"
#include "sim/register_levels.hpp"

using namespace coord;
using namespace coord::sim;

namespace {

using Kind = RegisterOperation::Kind;
using Values = std::vector<std::uint64_t>;

Instant at(std::int64_t ns) {
  return Instant{} + Duration(ns);
}

class Record {
 public:
  std::vector<RegisterOperation> operations;

  Record& write(std::uint64_t client, std::int64_t start, std::int64_t end, std::uint64_t value,
                std::optional<Values> supersedes = std::nullopt) {
    RegisterOperation& operation = add(client, Kind::write, start, end);
    operation.value = value;
    operation.supersedes = std::move(supersedes);
    return *this;
  }
  Record& remove(std::uint64_t client, std::int64_t start, std::int64_t end) {
    add(client, Kind::remove, start, end);
    return *this;
  }
  Record& read(std::uint64_t client, std::int64_t start, std::int64_t end, Values values, bool whole = true) {
    RegisterOperation& operation = add(client, Kind::read, start, end);
    operation.values = std::move(values);
    operation.whole = whole;
    return *this;
  }
  Record& of(std::string name) {
    operations.back().name = std::move(name);
    return *this;
  }
  Record& unanswered() {
    operations.back().outcome = Operation::Outcome::unknown;
    return *this;
  }
  Record& final() {
    operations.back().final = true;
    return *this;
  }
  bool is(Level level) const {
    const auto verdict = check_level(operations, level);
    REQUIRE(verdict.has_value());
    INFO(verdict->explanation);
    return verdict->kept;
  }

 private:
  RegisterOperation& add(std::uint64_t client, Kind kind, std::int64_t start, std::int64_t end) {
    RegisterOperation operation;
    operation.client = client;
    operation.kind = kind;
    operation.name = "k";
    operation.start = at(start);
    operation.end = at(end);
    operation.outcome = Operation::Outcome::ok;
    return operations.emplace_back(std::move(operation));
  }
};

}  // namespace

TEST_CASE("a value that nobody wrote is of no level") {
  for (const Level level : {Level::eventual, Level::causal, Level::regular})
    CHECK_FALSE(Record().write(1, 0, 1, 5).read(2, 2, 3, {6}).final().is(level));
}

TEST_CASE("regular: superseded by a write that ended before the read began") {
  CHECK_FALSE(Record().write(1, 0, 1, 5).write(1, 2, 3, 6).read(2, 4, 5, {5}).is(Level::regular));
  // The read began before the second write had ended, or that had no answer, or the two writes overlap.
  CHECK(Record().write(1, 0, 1, 5).write(1, 2, 9, 6).read(2, 4, 5, {5}).is(Level::regular));
  CHECK(Record().write(1, 0, 1, 5).write(1, 2, 3, 6).unanswered().read(2, 4, 5, {5}).is(Level::regular));
  CHECK(Record().write(1, 0, 5, 5).write(3, 2, 6, 6).read(2, 7, 8, {5}, false).is(Level::regular));
  // A remove supersedes too, and what says what it supersedes supersedes just that.
  CHECK_FALSE(Record().write(1, 0, 1, 5).remove(1, 2, 3).read(2, 4, 5, {5}).is(Level::regular));
  CHECK(Record().write(1, 0, 1, 5).write(3, 2, 3, 6, Values{}).read(2, 4, 5, {5, 6}).is(Level::regular));
  CHECK_FALSE(
      Record().write(1, 0, 5, 5).write(3, 2, 6, 6, Values{5}).read(2, 7, 8, {5, 6}).is(Level::regular));
}

TEST_CASE("regular: a value that is missing") {
  CHECK_FALSE(Record().write(1, 0, 1, 5).read(2, 2, 3, {}).is(Level::regular));
  CHECK(Record().write(1, 0, 4, 5).read(2, 2, 3, {}).is(Level::regular));
  CHECK(Record().write(1, 0, 1, 5).remove(1, 2, 9).read(2, 4, 5, {}).is(Level::regular));
  CHECK_FALSE(Record().remove(1, 0, 1).write(1, 2, 3, 5).read(2, 4, 5, {}).is(Level::regular));
  // A sibling that is lost; one that the other may have superseded; two that would each need the other.
  CHECK_FALSE(
      Record().write(1, 0, 5, 5, Values{}).write(3, 2, 6, 6, Values{}).read(2, 7, 8, {6}).is(Level::regular));
  CHECK(Record().write(1, 0, 5, 5).write(3, 2, 6, 6).read(2, 7, 8, {6}).is(Level::regular));
  CHECK_FALSE(Record().write(1, 0, 5, 5).write(3, 2, 6, 6).read(2, 7, 8, {}).is(Level::regular));
  // By way of a write in between, which is superseded itself.
  CHECK(Record()
            .write(1, 0, 1, 5)
            .write(1, 2, 3, 6, Values{5})
            .write(1, 4, 5, 7, Values{6})
            .read(2, 7, 8, {7})
            .is(Level::regular));
}

TEST_CASE("regular: a value before it was written") {
  CHECK_FALSE(Record().read(2, 0, 1, {5}).write(1, 2, 3, 5).is(Level::regular));
}

TEST_CASE("causal: the bad patterns") {
  // WriteCORead: 6 follows 5 by what client 2 read, and client 3 has read 6.
  const auto follows = [](std::uint64_t reads) {
    return Record()
        .write(1, 0, 1, 5)
        .read(2, 2, 3, {5})
        .write(2, 4, 5, 6)
        .read(3, 6, 7, {6})
        .read(3, 8, 9, {reads});
  };
  CHECK(follows(6).is(Level::causal));
  CHECK_FALSE(follows(5).is(Level::causal));
  // WriteCOInitRead, by way of another name.
  CHECK_FALSE(Record()
                  .write(1, 0, 1, 5)
                  .write(1, 2, 3, 7)
                  .of("other")
                  .read(2, 4, 5, {7})
                  .of("other")
                  .read(2, 6, 7, {})
                  .is(Level::causal));
  CHECK(Record().write(1, 0, 1, 5).write(1, 2, 3, 7).of("other").read(2, 4, 5, {}).is(Level::causal));
  // A stale read is allowed, by whoever has seen nothing newer.
  CHECK(Record().write(1, 0, 1, 5).write(1, 2, 3, 6).read(2, 4, 5, {5}).is(Level::causal));
  // CyclicCO: each has read what the other writes afterwards.
  const Record cycle = Record().read(1, 0, 1, {6}).write(1, 2, 3, 5).read(2, 0, 1, {5}).write(2, 2, 3, 6);
  CHECK_FALSE(cycle.is(Level::causal));
  CHECK(check_level(cycle.operations, Level::causal)->offending.size() == 4);
}

TEST_CASE("causal: a set misses a sibling that is before it") {
  const auto both = [](Values values) {
    return Record()
        .write(1, 0, 1, 5, Values{})
        .write(2, 0, 1, 6, Values{})
        .read(3, 2, 3, {5, 6})
        .read(3, 4, 5, std::move(values));
  };
  CHECK(both({5, 6}).is(Level::causal));
  CHECK_FALSE(both({5}).is(Level::causal));
}

TEST_CASE("causal: what comes after a read is no excuse for it") {
  CHECK_FALSE(Record().write(1, 0, 1, 5).read(1, 2, 3, {}).remove(1, 4, 5).is(Level::causal));
  CHECK(Record().write(1, 0, 1, 5).read(1, 2, 3, {}).remove(2, 4, 5).is(Level::causal));
  CHECK(Record().write(1, 0, 1, 5).remove(1, 2, 3).read(1, 4, 5, {}).is(Level::causal));
  CHECK_FALSE(Record()
                  .write(1, 0, 1, 5, Values{})
                  .read(1, 2, 3, {6})
                  .write(1, 4, 5, 7, Values{5})
                  .write(2, 0, 1, 6, Values{})
                  .is(Level::causal));
}

TEST_CASE("causal: each of a client's writes that say what they supersede is looked at") {
  const auto chain = [](Values last, Values read) {
    return Record()
        .write(2, 0, 1, 5)
        .read(1, 2, 3, {5})
        .write(1, 4, 5, 6, Values{5})
        .write(1, 6, 7, 7, std::move(last))
        .read(1, 8, 9, std::move(read));
  };
  CHECK(chain({6}, {7}).is(Level::causal));
  CHECK(chain({}, {6, 7}).is(Level::causal));
  CHECK_FALSE(chain({6}, {5, 7}).is(Level::causal));
  CHECK_FALSE(chain({}, {7}).is(Level::causal));
}

// Each write names the one before, of another client. It took minutes when each pair
// was held against all writes.
TEST_CASE("causal: the time grows with reads times writes, also where writes say what they supersede") {
  constexpr std::uint64_t count = 3000;
  Record record;
  std::int64_t now = 0;
  for (std::uint64_t value = 1; value <= count; ++value) {
    record.write(value % 7, now, now + 1, value, value == 1 ? Values{} : Values{value - 1});
    record.read((value + 1) % 7, now + 2, now + 3, {value});
    now += 4;
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(record.is(Level::causal));
  record.read(3, now, now + 1, {count - 5});
  CHECK_FALSE(record.is(Level::causal));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("causal: a write that was not answered may never have happened") {
  const auto after = [](Values values) {
    return Record().write(1, 0, 1, 5).write(1, 2, 3, 6).unanswered().read(1, 4, 5, std::move(values));
  };
  CHECK(after({5}).is(Level::causal));
  CHECK(after({6}).is(Level::causal));
  // Who has read it has it in his past.
  CHECK_FALSE(Record()
                  .write(1, 0, 1, 5)
                  .write(1, 2, 3, 6)
                  .unanswered()
                  .read(2, 4, 5, {6})
                  .read(2, 6, 7, {5})
                  .is(Level::causal));
  CHECK(Record().write(1, 0, 1, 5).remove(1, 2, 3).unanswered().read(1, 4, 5, {}).is(Level::causal));
}

TEST_CASE("eventual: final reads agree, and nothing that was acknowledged is gone") {
  CHECK(Record().write(1, 0, 1, 5).read(2, 2, 3, {}).read(2, 9, 10, {5}).final().is(Level::eventual));
  CHECK_FALSE(Record()
                  .write(1, 0, 5, 5)
                  .write(3, 2, 6, 6)
                  .read(2, 9, 10, {5})
                  .final()
                  .read(3, 9, 10, {6})
                  .final()
                  .is(Level::eventual));
  CHECK_FALSE(Record().write(1, 0, 1, 5).read(2, 9, 10, {}).final().is(Level::eventual));
  CHECK(Record().write(1, 0, 1, 5).unanswered().read(2, 9, 10, {}).final().is(Level::eventual));
  CHECK_FALSE(Record().write(1, 0, 1, 5).write(1, 2, 3, 6).read(2, 9, 10, {5}).final().is(Level::eventual));
}

TEST_CASE("a value that is written twice is told") {
  CHECK(written_twice(Record().write(1, 0, 1, 5).write(2, 2, 3, 5).operations) ==
        std::pair<std::size_t, std::size_t>(0, 1));
  CHECK_FALSE(written_twice(Record().write(1, 0, 1, 5).write(2, 2, 3, 5).of("other").operations).has_value());
}

// One object that keeps siblings and does one thing after the other keeps every level; with one read in it
// changed to what an earlier one gave, regular or causal says so, or it was no difference.
TEST_CASE("histories of an object that is right are of every level, and a stale read is noticed") {
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    Record record;
    std::map<std::string, std::set<std::uint64_t>> state;
    std::uint64_t next = 1;
    std::vector<std::size_t> reads;
    for (std::int64_t now = 0; now < 600; now += 10) {
      const std::string name = random.below(2) == 0 ? "a" : "b";
      const std::uint64_t client = 1 + random.below(4);
      std::set<std::uint64_t>& values = state[name];
      if (random.below(2) == 0) {
        record.read(client, now, now + 5, Values(values.begin(), values.end())).of(name);
        reads.push_back(record.operations.size() - 1);
      } else if (random.below(3) == 0 && !values.empty()) {  // beside the others
        record.write(client, now, now + 5, next, Values{}).of(name);
        values.insert(next++);
      } else {
        record.write(client, now, now + 5, next, Values(values.begin(), values.end())).of(name);
        values = {next++};
      }
    }
    for (const auto& [name, values] : state)
      record.read(9, 1000, 1005, Values(values.begin(), values.end())).of(name).final();
    for (const Level level : {Level::eventual, Level::causal, Level::regular}) CHECK(record.is(level));
    if (reads.size() < 2) continue;
    const std::size_t changed = reads[1 + random.below(reads.size() - 1)];
    for (const std::size_t earlier : reads) {
      RegisterOperation& read = record.operations[changed];
      const RegisterOperation& old = record.operations[earlier];
      if (earlier >= changed || old.name != read.name || old.values == read.values) continue;
      read.values = old.values;
      CHECK_FALSE(record.is(Level::regular));
      ++noticed;
      break;
    }
  }
  CHECK(noticed > 50);
}
