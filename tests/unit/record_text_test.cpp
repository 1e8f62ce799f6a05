// SPDX-License-Identifier: MIT
// Snapshots as files: what is written reads back, and each defect is named with its line.
#include "snapshot/record_text.hpp"

#include <catch2/catch.hpp>

#include "record_samples.hpp"

using namespace coord;
using namespace coord::record;

namespace {

std::string text_of(const Snapshot& snapshot) {
  const auto text = to_text(snapshot);
  REQUIRE(text.ok());
  return *text;
}

// The bank's text with `from` replaced by `to`, once.
std::string with(const std::string& from, const std::string& to) {
  std::string text = text_of(test::bank());
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string fault_of(const std::string& text) {
  const auto read = from_text(text, "file");
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().kind == ErrorKind::data);
  return read.error().text();
}

}  // namespace

TEST_CASE("a snapshot's text reads as the page says, and back") {
  const Snapshot bank = test::bank();
  const std::string text = text_of(bank);
  CHECK(text.starts_with(
      R"({"schema":1,"type":"snapshot","id":"bank-7-1","group":"bank","complete":true,"missing":[],"why":[],)"
      R"("at":"2026-11-29T03:27:15.123456789Z","view":7,"members":[{"id":"P1","life":41,"host":"a"},)"));
  CHECK(text.find(
            R"({"schema":1,"type":"process","id":"P2","host":"b","state":"sum=25","clock":{"P1":1,"P2":2},)"
            R"("external":false,"sent":{"P3":1},"received":{"P1":1}})") != std::string::npos);
  CHECK(text.find(
            R"({"schema":1,"type":"channel","from":"P1","to":"P2","messages":[{"number":2,"body":"pay=2",)"
            R"("clock":{"P1":2}},)") != std::string::npos);
  const auto read = from_text(text, "file");
  REQUIRE(read.ok());
  CHECK(*read == bank);
}

TEST_CASE("bytes that are no text survive, in states and messages and names") {
  Snapshot bank = test::bank();
  const std::string odd("\xff\x00\x1b[2J\"\\\n", 9);
  bank.group = odd;
  bank.members[1].host = "h\xfe";
  bank.processes[0].state = odd;
  bank.channels[0].messages[1].body = odd + "\xe2\x80\xae";
  bank.processes[2].state = "several\nlines\twith \xe2\x80\xae and \x01";
  bank.processes[2].external = true;
  const std::string text = text_of(bank);
  CHECK(text.find('\x1b') == std::string::npos);
  const auto read = from_text(text, "file");
  REQUIRE(read.ok());
  CHECK(*read == bank);
}

TEST_CASE("an incomplete snapshot names who is missing and why") {
  Snapshot bank = test::bank();
  for (auto why :
       {Why::died, Why::no_answer, Why::left, Why::gave_up, Why::joined, Why::broke, Why::unreachable})
    bank.missing.push_back({"P" + std::to_string(bank.missing.size()), why});
  const std::string text = text_of(bank);
  CHECK(text.find(R"("complete":false,"missing":["P0","P1",)") != std::string::npos);
  CHECK(text.find(R"("why":["died","no answer","left","gave up","joined","broke","unreachable"])") !=
        std::string::npos);
  CHECK(from_text(text, "file").value() == bank);
}

TEST_CASE("fields in another order, blanks and unknown fields are read, an unknown line is not") {
  CHECK(from_text(with(R"("view":7)", R"( "view" : 7 , "later":[{"a":null}])"), "file").ok());
  CHECK(from_text(
            with(R"({"schema":1,"type":"process","id":"P1")", R"({"id":"P1","type":"process","schema":1)"),
            "file")
            .value() == test::bank());
  CHECK(fault_of(with(R"("type":"process")", R"("type":"later")")) ==
        "file:2: the line is of an unknown type");
}

TEST_CASE("each defect of a file is named with its line") {
  const std::string text = text_of(test::bank());
  CHECK(fault_of("") == "file:1: the file is empty");
  CHECK(fault_of("\n") == "file:1: there is no object");
  CHECK(fault_of("{}\n") == "file:1: it is not of schema 1, or is no snapshot");
  CHECK(fault_of(text.substr(text.find('\n') + 1)) == "file:1: the first line is not of a snapshot");
  CHECK(fault_of(text.substr(0, text.rfind("{\"schema\""))) ==
        "file:5: the file ends before its last line: it was cut off");
  CHECK(fault_of(text.substr(0, text.size() - 2)) == "file:5: it ends in the middle of a value");
  CHECK(fault_of(text + text) == "file:6: more lines follow than the first line says");
  CHECK(fault_of(with(R"("lines":4)", R"("lines":"4")")) == "file:1: there is no number");
  CHECK(fault_of(with(R"("schema":1,"type":"channel")", R"("schema":2,"type":"channel")")) ==
        "file:5: it is not of schema 1, or is no snapshot");
  CHECK(fault_of(with(R"("complete":true)", R"("complete":false)")) ==
        "file:1: \"complete\" contradicts \"missing\"");
  CHECK(fault_of(with(R"("missing":[])", R"("missing":["P9"])")) ==
        "file:1: \"missing\" and \"why\" are not of one length");
  CHECK(fault_of(with(R"("missing":[],"why":[])", R"("missing":["P9"],"why":["bored"])")) ==
        "file:1: \"why\" has an unknown word");
  CHECK(fault_of(with("2026-11-29T03", "yesterday")) == "file:1: \"at\" is not a time of RFC 3339");
  CHECK(fault_of(with(R"("id":"bank-7-1",)", "")) == "file:1: \"id\" is missing");
  CHECK(fault_of(with(R"({"id":"P2","life":42)", R"({"id":"P1","life":42)")) ==
        "file:1: a member comes twice");
  CHECK(fault_of(with(R"({"id":"P2","life":42)", R"({"id":"!2","life":42)")) ==
        "file:1: a member's id: begins with '!'");
  CHECK(fault_of(with(R"("state":"sum=25",)", "")) == "file:3: \"state\" is missing");
  CHECK(fault_of(with(R"("state":"sum=25")", R"("state":"?","state_b64":"%")")) ==
        "file:3: a text is not base64");
  CHECK(fault_of(with(R"("type":"process","id":"P2")", R"("type":"process","id":"P1")")) ==
        "file:3: the process comes twice");
  CHECK(fault_of(with(R"("type":"process","id":"P2")", R"("type":"process","id":"P9")")) ==
        "file:3: it names no member");
  CHECK(fault_of(with(R"("clock":{"P1":1,"P2":2})", R"("clock":{"P1":1,"P9":2})")) ==
        "file:3: it names no member");
  CHECK(fault_of(with(R"("clock":{"P1":1,"P2":2})", R"("clock":{"P1":1,"P1":2})")) ==
        "file:3: \"P1\" comes twice in one object");
  CHECK(fault_of(with(R"("from":"P1","to":"P2")", R"("from":"P1","to":"P1")")) ==
        "file:5: a channel leads from a process to itself");
  CHECK(fault_of(with(R"("number":2,)", "")) == "file:5: \"number\" is missing");
  CHECK(fault_of(with(R"("number":2,"body":"pay=2","clock":{"P1":2})",
                      R"("number":2,"body":"pay=2","clock":{"P9":2})")) == "file:5: it names no member");
}

TEST_CASE("what is longer or more than a record may hold is refused, both ways") {
  Snapshot bank = test::bank();
  bank.processes[0].state = std::string(longest_body, 'x');
  CHECK(from_text(text_of(bank), "file").ok());
  bank.processes[0].state += 'x';
  CHECK(fault_of(text_of(bank)) == "file:2: a text is too long");
  bank.processes[0].state = std::string(longest_body, '\xff');
  CHECK(from_text(text_of(bank), "file").value() == bank);
  bank.channels[0].messages.assign(65, {1, std::string(longest_body, 'x'), test::vector({{"P1", 3}})});
  CHECK_FALSE(to_text(bank).ok());
  bank.channels[0].messages.assign(most_clock_entries, {1, "", test::vector({{"P1", 3}})});
  CHECK(to_text(bank).error().text() ==
        "snapshot bank-7-1: is larger than 1000000 entries of clocks: take it while less is on its way");
}

TEST_CASE("a clock keeps the entries of the view only") {
  CHECK(within_view(test::vector({{"P1", 3}, {"old", 9}}), test::bank().members) ==
        test::vector({{"P1", 3}}));
}
