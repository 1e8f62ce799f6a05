// SPDX-License-Identifier: MIT
// A line that is skipped leaves no trace: whatever reads on, reads as if the line were not there.
#include <catch2/catch.hpp>

#include "clock/log_discard.hpp"
#include "clock/log_validate.hpp"
#include "clock_logical_logs.hpp"

using namespace coord;
using namespace coord::clock;
using namespace coord::clock::test;

namespace {

// The texts of the merged log's events, and the number of skipped lines.
std::string merged_skipping(const std::vector<std::string>& logs, MergeOrder order = MergeOrder::clock) {
  HostTable hosts;
  LogMerge merge(hosts, order);
  for (const auto& log : logs) merge.add(reader("log", log, hosts, BadLines::skip));
  std::string out;
  for (;;) {
    const auto event = merge.next();
    if (!event) return "error: " + event.error().text();
    if (*event == nullptr) break;
    out += std::string((*event)->line.text) + " ";
  }
  return out + std::to_string(merge.skipped());
}

std::string repeated(std::size_t count, const std::string& before, const std::string& after) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += before + std::to_string(i) + after + "\n";
  return out;
}

constexpr std::size_t too_many = 70'000;  // names, where 65,536 have room

}  // namespace

TEST_CASE("a table of hosts takes names back, the latest first") {
  HostTable hosts;
  const char* fault = nullptr;
  hosts.intern("a", fault);
  hosts.intern("b", fault);
  hosts.shrink_to(3);
  CHECK(hosts.size() == 2);
  hosts.shrink_to(1);
  CHECK(hosts.find("a") == 0);
  CHECK(hosts.find("b") == HostTable::none);
  CHECK(hosts.intern("c", fault) == 1);
  CHECK(hosts.name(1) == "c");
}

TEST_CASE("names of skipped lines take no room") {
  const std::string good = "a {\"a\":1,\"b\":0} x\n";
  struct Row {
    const char* what;
    std::string noise;
    MergeOrder order = MergeOrder::clock;
  };
  const Row rows[] = {
      {"no clock", repeated(too_many, "w", " of a program")},
      {"a clock that ends early", repeated(too_many, "a {\"w", "\":1 of a program")},
      {"something behind the clock", repeated(too_many, "a {\"a\":1,\"w", "\":1}x")},
      {"a matrix with a bad row", repeated(too_many, "a {\"a\":{\"w", "\":1},\"b\":2} x")},
      {"refused after parsing: no own entry", repeated(too_many, "a {\"w", "\":1} x")},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(merged_skipping({row.noise + good}, row.order) == "x 70000");
  }
  const std::string timed = "a {\"a\":1} @2026-01-01T00:00:00Z x\n";
  CHECK(merged_skipping({repeated(too_many, "w", " {\"a\":1} no time") + timed}, MergeOrder::wall) ==
        "x 70000");
}

TEST_CASE("in memory a line of another kind takes no room either") {
  const std::string good = "a {\"a\":1} x\n";
  const std::string noise = repeated(too_many, "w", " {\"@lamport\":1} x");
  HostTable hosts;
  std::vector<LogReader> logs;
  logs.push_back(std::move(*reader("log", good + noise + "b {\"b\":1} y\n", hosts, BadLines::skip)));
  const auto validation = validate(logs, hosts, 100);
  REQUIRE(validation);
  CHECK(validation->events == 2);
  CHECK(validation->hosts == 2);
  CHECK(validation->skipped == too_many);
  CHECK(hosts.size() == 2);
}

TEST_CASE("hosts are those that have events") {
  HostTable hosts;
  std::vector<LogReader> logs;
  const std::string text = "a {\"a\":1,\"z\":0} x\nnoise of a program\nb {\"b\":1} x\nmore {noise\n";
  logs.push_back(std::move(*reader("log", text, hosts, BadLines::skip)));
  const auto validation = validate(logs, hosts, 100);
  REQUIRE(validation);
  CHECK(validation->hosts == 2);
  CHECK(validation->violations.empty());
}

TEST_CASE("the first line's kind counts only if the line does") {
  // By wall time the first line is of no use, so its kind must not shut the others out.
  CHECK(merged_skipping({"a {\"a\":{\"a\":1}} no time\nb {\"b\":1} @2026-01-01T00:00:00Z x\n"},
                        MergeOrder::wall) == "x 1");
}

TEST_CASE("a skipped line does not vouch for what the next one knows") {
  // The skipped line says b=2 first; the next one repeats it, and must still wait for b's events, which by
  // their wall times would come later.
  const std::string b = "b {\"b\":1} @2026-01-01T00:00:08Z r\nb {\"b\":2} @2026-01-01T00:00:09Z s\n";
  for (const std::string skipped : {"a {\"a\":1,\"b\":2}broken\n", "a {\"a\":1,\"b\":2} no time\n"}) {
    INFO(skipped);
    const std::string a =
        "a {\"a\":1} @2026-01-01T00:00:01Z p\n" + skipped + "a {\"a\":2,\"b\":2} @2026-01-01T00:00:02Z q\n";
    CHECK(merged_skipping({a, b}, MergeOrder::wall) == "p r s q 1");
    CHECK(merged_skipping({b, a}, MergeOrder::wall) == "p r s q 1");
  }
}

TEST_CASE("lines that the merge refuses do not count as events to wait for") {
  // c waits for d=1, which only a line without its time has: the second look must not promise it.
  const std::string c = "c {\"c\":1,\"d\":1} @2026-01-01T00:00:01Z p\n" +
                        repeated(200, "e {\"e\":1", "0000} @2026-01-01T00:00:05Z z");
  const std::string d = "d {\"d\":2} @2026-01-01T00:00:03Z q\nd {\"d\":1} no time\n" +
                        repeated(200, "f {\"f\":1", "0000} @2026-01-01T00:00:06Z z");
  HostTable hosts;
  LogMerge merge(hosts, MergeOrder::wall);
  for (const auto& log : {c, d}) merge.add(reader("log", log, hosts, BadLines::skip));
  for (auto event = merge.next(); event && *event != nullptr; event = merge.next()) {
  }
  CHECK(merge.skipped() == 1);
  CHECK(merge.most_held() < 10);
}

TEST_CASE("tokens that are refused do not fill the reader's memory") {
  StampReader reader;
  std::string_view rest;
  for (std::size_t i = 0; i < too_many; ++i)
    CHECK_FALSE(reader.read("b:{\"w" + std::to_string(i) + "\":1,\"b\":x} broken", rest));
  CHECK(reader.read("b:{\"b\":1} hello", rest));
  for (std::size_t i = 0; i < too_many; ++i)  // good ones, each of another host
    REQUIRE(reader.read("w" + std::to_string(i) + " {\"w" + std::to_string(i) + "\":1} x", rest));
  std::string many = "a:{\"a\":1";
  for (std::size_t i = 0; i < 60'000; ++i) many += ",\"v" + std::to_string(i) + "\":1";
  CHECK(reader.read_token(many + "} x", rest));
}

TEST_CASE("lines may end in CR LF") {
  HostTable hosts;
  auto log = reader("log", "a {\"a\":1} x\r\na {\"a\":2}\r\na {\"a\":3} y\rz\r\r\na {\"a\":4} last\r", hosts);
  LogLine line;
  std::vector<std::string> texts;
  while (log->next(line).value()) {
    texts.emplace_back(line.text);
    CHECK(line.raw.back() != '\n');
  }
  CHECK(texts == std::vector<std::string>{"x", "", "y\rz\r", "last"});
  StampReader stamps;
  std::string_view rest;
  for (const char* text :
       {"a:{\"a\":1}\r", "a {\"a\":1}\r", "{\"a\":1}\r", "7\r", "2026-11-22T01:27:15.123Z.0001\r"}) {
    INFO(text);
    CHECK(stamps.read(text, rest));
  }
  REQUIRE(stamps.read_token("a:{\"a\":1} is asked\r", rest));
  CHECK(rest == "is asked");
}
