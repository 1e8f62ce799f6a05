// SPDX-License-Identifier: MIT
// Clocks, tokens and log lines as text: what is read, what is refused, and that writing and reading agree.
#include <catch2/catch.hpp>

#include "clock/clock_text.hpp"
#include "clock/log_line.hpp"
#include "clock/logical_clock.hpp"
#include "clock/stamp.hpp"

using namespace coord;
using namespace coord::clock;
using namespace std::chrono_literals;

namespace {

// The fault of a clock that must be the whole text; "" if it is well-formed.
std::string fault_of(const std::string& text) {
  HostTable hosts;
  ClockReader reader(hosts);
  ParsedClock clock;
  std::size_t length = 0;
  const char* fault = reader.read(text, clock, length);
  if (fault != nullptr) return fault;
  return length == text.size() ? "" : "trailing";
}

Stamp stamp_of(std::string_view text) {
  StampReader reader;
  std::string_view rest;
  auto stamp = reader.read(text, rest);
  INFO(text);
  REQUIRE(stamp);
  return *stamp;
}

}  // namespace

TEST_CASE("well-formed clocks") {
  for (const char* text :
       {"{}", R"({"a":1})", R"({ "a" : 1 , "b" : 0 })", R"({"a":9007199254740991})", R"({"10.0.0.1:80":1})",
        R"({"\u0061\u00e9\ud83d\ude00":1})", R"({"a\"b":1})", R"({"@lamport":7})", R"({ "@lamport" : 7 })",
        R"({"@hlc":"2026-11-22T01:27:15.123Z.002a"})", R"({"a":{"a":1},"b":{}})",
        R"({"a":{ "a" : 1 , "b":2 }})"}) {
    INFO(text);
    CHECK(fault_of(text) == "");
  }
}

TEST_CASE("broken clocks are named for what is wrong") {
  struct Row {
    const char *text, *fault;
  };
  const Row rows[] = {
      {"", "the clock is not a JSON object"},
      {"[1]", "the clock is not a JSON object"},
      {"{", "the clock ends early"},
      {R"({"a")", "the clock has no ':' after a name"},
      {R"({"a":)", "the clock ends early"},
      {R"({"a":1)", "the clock ends early"},
      {R"({"a":1,})", "the clock has no quoted name where one must be"},
      {R"({"a":1 "b":2})", "the clock has no ',' or '}' after an entry"},
      {R"({a:1})", "the clock has no quoted name where one must be"},
      {R"({"a":-1})", "a counter is not a number"},
      {R"({"a":"1"})", "a counter is not a number"},
      {R"({"a":01})", "a counter has a leading zero"},
      {R"({"a":1.0})", "a counter is not an integer"},
      {R"({"a":1e3})", "a counter is not an integer"},
      {R"({"a":9007199254740992})", "a counter is not below 2^53"},
      {R"({"a":99999999999999999999})", "a counter is not below 2^53"},
      {R"({"a":1,"a":2})", "the clock names a host twice"},
      {R"({"a":1,"\u0061":2})", "the clock names a host twice"},
      {R"({"":1})", "a host name is empty"},
      {R"({"a b":1})", "a host name contains a blank or a control character"},
      {R"({"a\nb":1})", "a host name contains a blank or a control character"},
      {R"({"a{b":1})", "a host name contains a brace"},
      {R"({"-a":1})", "a host name begins with '-' or '@'"},
      {R"({"@a":1})", "a host name begins with '-' or '@'"},
      {R"({"a":1,"@lamport":1})", "a host name begins with '-' or '@'"},
      {R"({"a\q":1})", "a host name has a bad escape"},
      {R"({"\ud800":1})", "a host name has a bad escape"},
      {R"({"\udc00":1})", "a host name has a bad escape"},
      {"{\"\xff\":1}", "a host name is not UTF-8"},
      {R"({"@lamport":7,"a":1})", "the clock has more than its one entry"},
      {R"({"@hlc":7})", "the hybrid clock is not a text"},
      {R"({"@hlc":"now"})", "the hybrid clock is not like 2026-11-22T01:27:15.123Z.002a"},
      {R"({"a":{"a":1},"b":2})", "a row of the matrix is not a JSON object"},
      {R"({"a":{"a":1,"a":1}})", "the clock names a host twice"},
      {R"({"a":{"a":{}}})", "a counter is not a number"},
  };
  for (const auto& row : rows) {
    INFO(row.text);
    CHECK(fault_of(row.text) == row.fault);
  }
  CHECK(fault_of("{\"" + std::string(256, 'a') + "\":1}") == "a host name is longer than 255 bytes");
}

TEST_CASE("one reader reads clocks of changing hosts, order and kind as a fresh one does") {
  HostTable hosts;
  ClockReader reader(hosts);
  const char* texts[] = {R"({"a":1,"b":2})",       R"({"a":3,"b":4})", R"({"a":5})",
                         R"({"a":5,"b":6,"c":7})", R"({"b":1,"a":2})", R"({"b":1,"b":2})",
                         R"({"a":{"a":1,"b":2}})", R"({"a":9,"b":1})", R"({"a":9, "b":1})",
                         R"({"a":9,"b":01})"};
  for (const char* text : texts) {
    INFO(text);
    ParsedClock clock, expected;
    std::size_t length = 0;
    HostTable fresh_hosts;
    ClockReader fresh(fresh_hosts);
    const char* fault = reader.read(text, clock, length);
    const char* expected_fault = fresh.read(text, expected, length);
    CHECK(std::string(fault ? fault : "") == std::string(expected_fault ? expected_fault : ""));
    if (fault != nullptr) continue;
    REQUIRE(clock.entries.size() == expected.entries.size());
    for (std::size_t i = 0; i < clock.entries.size(); ++i) {
      CHECK(hosts.name(clock.entries[i].host) == fresh_hosts.name(expected.entries[i].host));
      CHECK(clock.entries[i].count == expected.entries[i].count);
    }
  }
}

TEST_CASE("log lines and their parts") {
  HostTable hosts;
  LineParser parser(hosts);
  LogLine line;
  REQUIRE(parser.parse(R"(web1 {"web1":3,"db":1} @2026-11-22T01:27:15.5Z got it)", line) == nullptr);
  CHECK(hosts.name(line.host) == "web1");
  CHECK(line.own == 3);
  CHECK(line.text == "got it");
  CHECK(line.clock_text == R"({"web1":3,"db":1})");
  REQUIRE(line.wall);
  CHECK(line.wall->unix_ns == 1'795'310'835'500'000'000);

  REQUIRE(parser.parse(R"(a {"a":1} @2026-11-22T01:27:15.123Z.0001)", line) == nullptr);
  CHECK(line.hybrid->counter() == 1);
  CHECK_FALSE(line.wall);
  CHECK(line.text == "");

  REQUIRE(parser.parse(R"(a {"a":1} @home  two blanks)", line) == nullptr);
  CHECK_FALSE(line.hybrid);
  CHECK(line.text == "@home  two blanks");

  REQUIRE(parser.parse(R"(a {"b":1})", line) == nullptr);
  CHECK(line.own == 0);
  REQUIRE(parser.parse(R"(a {"a":{"a":4,"b":2},"b":{"b":2}} x)", line) == nullptr);
  CHECK(line.own == 4);
  CHECK(line.clock.entries.size() == 2);
  REQUIRE(parser.parse(R"(a {"@lamport":9} x)", line) == nullptr);
  CHECK(line.own == 9);

  for (const char* bad : {"", "a", "a ", R"({"a":1} x)", R"(a  {"a":1} x)", R"(a {"a":1}x)",
                          R"(-a {"a":1} x)", R"( {"a":1} x)"}) {
    INFO(bad);
    CHECK(parser.parse(bad, line) != nullptr);
  }
}

TEST_CASE("tokens are read back as they are written") {
  for (const char* text : {R"(a:{"a":3,"b":1})", R"(10.0.0.1:80:{"10.0.0.1:80":1})", R"(a:{"@lamport":7})",
                           R"(a:{"a":{"a":1},"b":{"b":2}})", R"(a:{"@hlc":"2026-11-22T01:27:15.123Z.002a"})",
                           R"(a:{"a":3}@2026-11-22T01:27:15.123Z.002a)", R"(a"b:{"a\"b":1})"}) {
    CHECK(token(stamp_of(text)) == text);
  }
}

TEST_CASE("a stamp is read from a token, a line or a bare clock") {
  StampReader reader;
  std::string_view rest;
  CHECK(reader.read(R"(a {"a":2} hello)", rest)->host == "a");
  CHECK(rest == "hello");
  CHECK(reader.read(R"(a:{"a":2} hello world)", rest)->host == "a");
  CHECK(rest == "hello world");
  CHECK(kind_of(reader.read("7", rest)->clock) == ClockKind::lamport);
  CHECK(kind_of(reader.read("2026-11-22T01:27:15.123Z.002a", rest)->clock) == ClockKind::hlc);
  CHECK(reader.read(R"({"a":2})", rest)->host == "");
  for (const char* bad : {"", "a", "a:", "a:{", R"(a:{"a":1}x)", R"({"a":1} x)", R"(a:{"a":1}@now)",
                          "9007199254740992", R"(:{"a":1})"}) {
    INFO(bad);
    CHECK_FALSE(reader.read(bad, rest));
  }
}

TEST_CASE("comparing stamps") {
  struct Row {
    const char *a, *b;
    Relation relation;
  };
  const Row rows[] = {
      {R"(a:{"a":1})", R"(b:{"a":1,"b":1})", Relation::before},
      {R"(b:{"a":1,"b":1})", R"(a:{"a":1})", Relation::after},
      {R"(a:{"a":1})", R"(b:{"b":1})", Relation::concurrent},
      {R"({"a":1})", R"(a:{"a":1})", Relation::equal},
      {R"(a:{"@lamport":1})", R"(b:{"@lamport":2})", Relation::before_or_concurrent},
      {R"(a:{"@lamport":1})", R"(b:{"@lamport":1})", Relation::concurrent},
      {"5", "5", Relation::equal},
      {"2026-11-22T01:27:15.123Z.0001", "2026-11-22T01:27:15.123Z.0000", Relation::after_or_concurrent},
      {R"(a:{"a":{"a":1}})", R"(b:{"a":{"a":1},"b":{"a":1,"b":1}})", Relation::before},
      {R"({"a":{"a":1}})", R"({"a":{"a":1},"b":{"a":1,"b":1}})", Relation::before},
  };
  for (const auto& row : rows) {
    INFO(row.a << " " << row.b);
    CHECK(compare(stamp_of(row.a), stamp_of(row.b)).value() == row.relation);
  }
  CHECK_FALSE(compare(stamp_of("5"), stamp_of(R"({"a":5})")));
}

TEST_CASE("a live clock of each kind") {
  const WallTime now{1'795'310'835'123'000'000};
  struct Row {
    ClockKind kind;
    bool hybrid;
    const char *sent, *received;
  };
  const Row rows[] = {
      {ClockKind::vector, false, R"(a:{"a":1})", R"(b:{"a":1,"b":1})"},
      {ClockKind::vector, true, R"(a:{"a":1}@2026-11-22T01:27:15.123Z.0000)",
       R"(b:{"a":1,"b":1}@2026-11-22T01:27:15.123Z.0001)"},
      {ClockKind::lamport, false, R"(a:{"@lamport":1})", R"(b:{"@lamport":2})"},
      {ClockKind::matrix, false, R"(a:{"a":{"a":1}})", R"(b:{"a":{"a":1},"b":{"a":1,"b":1}})"},
      {ClockKind::hlc, true, R"(a:{"@hlc":"2026-11-22T01:27:15.123Z.0000"})",
       R"(b:{"@hlc":"2026-11-22T01:27:15.123Z.0001"})"},
  };
  for (const auto& row : rows) {
    LogicalClock a("a", row.kind, row.hybrid), b("b", row.kind, row.hybrid);
    CHECK(a.tick(now));
    CHECK(token(a.last()) == row.sent);
    CHECK(b.receive(a.last(), now, 1s));
    CHECK(token(b.last()) == row.received);
  }
}

TEST_CASE("a live clock refuses what it cannot know, and is then as before") {
  const WallTime now{1'795'310'835'123'000'000};
  LogicalClock clock("a", ClockKind::vector, true);
  CHECK(clock.tick(now));
  const std::string before = token(clock.last());
  for (const char* message : {R"({"b":1})", R"(b:{"@lamport":1})", R"(b:{"a":2,"b":1})",
                              R"(b:{"b":1}@2026-11-22T02:27:15.123Z.0000)"}) {
    INFO(message);
    CHECK_FALSE(clock.receive(stamp_of(message), now, 60s));
    CHECK(token(clock.last()) == before);
  }
}
