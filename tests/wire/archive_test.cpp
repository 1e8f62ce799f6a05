// SPDX-License-Identifier: MIT
// The archive itself: integers, bounds, budgets and the growth of messages over versions.
#include "wire/archive.hpp"

#include <catch2/catch.hpp>

using namespace coord;
using namespace coord::wire;

namespace {

struct Version1 {
  std::uint32_t a = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a);
  }
};

struct Version2 {
  std::uint32_t a = 0;
  std::string b = "default";
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a);
    archive.since(2, b);
  }
};

// One that others hold, and that has grown.
struct Holder {
  std::vector<Version2> held;
  std::uint8_t last = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(held, last);
  }
};

enum class Grown : std::uint8_t { first, later };

Bytes counted(std::uint32_t count, std::size_t payload) {
  BoundedWriter out;
  out.integer(count);
  out.raw(Bytes(payload, 0));
  return out.take();
}

}  // namespace

template <>
constexpr bool coord::wire::is_enumerator(Grown value) {
  return value == Grown::first || value == Grown::later;
}
template <>
constexpr Grown coord::wire::known_at(Grown value, std::uint32_t version) {
  return value == Grown::later && version < 2 ? Grown::first : value;
}

TEST_CASE("integers are little-endian and of fixed width") {
  CHECK(wire::encode(std::uint32_t{0x01020304}) == Bytes{4, 3, 2, 1});
  CHECK(wire::encode(std::int64_t{-2}) == Bytes{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  CHECK(*wire::decode<std::int64_t>(wire::encode(std::int64_t{-2})) == -2);
}

TEST_CASE("a truth value is 0 or 1") {
  CHECK(*wire::decode<bool>(Bytes{1}));
  CHECK_FALSE(wire::decode<bool>(Bytes{2}).ok());
  CHECK_FALSE(wire::decode<std::optional<std::uint8_t>>(Bytes{3, 0}).ok());
}

TEST_CASE("nine bytes cannot allocate gigabytes") {
  CHECK_FALSE(wire::decode<std::string>(counted(0x7fffffff, 5)).ok());
  CHECK_FALSE(wire::decode<std::vector<std::uint64_t>>(counted(0x7fffffff, 5)).ok());
  CHECK_FALSE((wire::decode<std::map<std::uint64_t, std::string>>(counted(0xffffffff, 5)).ok()));
}

TEST_CASE("a count within the bytes left but beyond the budget of elements is refused") {
  const Bytes bytes = counted(1000, 8000);
  CHECK(wire::decode<std::vector<std::uint64_t>>(bytes, {.elements = 1000}).ok());
  const auto refused = wire::decode<std::vector<std::uint64_t>>(bytes, {.elements = 999});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().text() == "message: it has too many elements");
}

TEST_CASE("the budget covers containers within containers") {
  using Nested = std::vector<std::vector<std::uint8_t>>;
  using Counted = std::vector<std::vector<std::uint16_t>>;
  const Counted value{{1, 2}, {3, 4}};
  CHECK(wire::decode<Counted>(wire::encode(value), {.elements = 6}).ok());
  CHECK_FALSE(wire::decode<Counted>(wire::encode(value), {.elements = 5}).ok());
  const Nested bytes_do_not_count{{1, 2, 3}, {4, 5, 6}};
  CHECK(wire::decode<Nested>(wire::encode(bytes_do_not_count), {.elements = 2}).ok());
}

TEST_CASE("a newer reader fills what an older sender did not know") {
  const auto message = wire::decode<Version2>(wire::encode(Version1{7}));
  REQUIRE(message.ok());
  CHECK(message->a == 7);
  CHECK(message->b == "default");
}

TEST_CASE("an older reader skips what a newer sender appended, and only then") {
  const Bytes bytes = wire::encode(Version2{7, "more"}, 2);
  CHECK(wire::decode<Version1>(bytes, {.newer_sender = true})->a == 7);
  CHECK_FALSE(wire::decode<Version1>(bytes).ok());
}

TEST_CASE("a message of a version has that version's fields, no more and no fewer") {
  const Version2 message{7, "more"};
  CHECK(wire::encode(message, 1) == wire::encode(Version1{7}));
  CHECK(wire::decode<Version2>(wire::encode(message, 2), {.version = 2})->b == "more");
  CHECK_FALSE(wire::decode<Version2>(wire::encode(message, 2), {.version = 1}).ok());
  CHECK_FALSE(wire::decode<Version2>(wire::encode(message, 1), {.version = 2}).ok());  // it ends too early
}

TEST_CASE("a struct inside others grows with the message that holds it") {
  const Holder holder{{{1, "one"}, {2, "two"}}, 9};
  const auto newer = wire::decode<Holder>(wire::encode(holder, 2), {.version = 2});
  REQUIRE(newer.ok());
  CHECK(newer->held[1].b == "two");
  CHECK(newer->last == 9);
  const auto older = wire::decode<Holder>(wire::encode(holder, 1));
  REQUIRE(older.ok());
  CHECK(older->held[1].a == 2);
  CHECK(older->held[1].b == "default");
  CHECK(older->last == 9);
}

TEST_CASE("an older reader is told an enumerator that it knows") {
  CHECK(wire::encode(Grown::later, 2) == Bytes{1});
  CHECK(wire::encode(Grown::later, 1) == Bytes{0});
}

TEST_CASE("a set has one encoding") {
  const std::set<std::uint16_t> value{1, 5};
  CHECK(*wire::decode<std::set<std::uint16_t>>(wire::encode(value)) == value);
  CHECK_FALSE(wire::decode<std::set<std::uint16_t>>(Bytes{2, 0, 0, 0, 5, 0, 1, 0}).ok());
  CHECK_FALSE(wire::decode<std::set<std::uint16_t>>(Bytes{2, 0, 0, 0, 5, 0, 5, 0}).ok());
}
