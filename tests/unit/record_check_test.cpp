// SPDX-License-Identifier: MIT
// Whether a recorded cut is consistent; the sum over it, the difference of two, and its picture.
#include <catch2/catch.hpp>

#include "clock/log_validate.hpp"
#include "record_samples.hpp"
#include "snapshot/consistency.hpp"
#include "snapshot/difference.hpp"
#include "snapshot/picture.hpp"
#include "snapshot/run_log.hpp"
#include "snapshot/sum.hpp"

using namespace coord;
using namespace coord::record;
using test::vector;

namespace {

std::vector<std::string> found_in(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const Finding& finding : examine(snapshot))
    out.push_back(std::string(to_string(finding.rule)) + ": " + finding.id + ": " + finding.detail);
  return out;
}
using Lines = std::vector<std::string>;

std::string sum_of(const Snapshot& snapshot, std::string_view field) {
  const auto added = sum(snapshot, field);
  return added.ok() ? added->value.text() : added.error().text();
}

std::string sum_of_states(const std::vector<std::string>& states, std::string_view field) {
  Snapshot snapshot;
  for (const auto& state : states) snapshot.processes.push_back({"P", state, {}, false, {}, {}});
  return sum_of(snapshot, field);
}

std::string drawn(const Snapshot& snapshot) {
  const clock::TextMeasure measure{
      [](std::string_view text) { return text.size(); },
      [](std::string_view text, std::size_t columns) { return text.substr(0, columns); }};
  return draw_text(picture_of(snapshot, [](std::string_view text) { return std::string(text); }), measure,
                   {80, true});
}

}  // namespace

TEST_CASE("check: a consistent cut has no finding") {
  CHECK(found_in(test::bank()).empty());
  CHECK(found_in(Snapshot{}).empty());
}

TEST_CASE("check: a receive without its send is found, by the clocks and by the counts") {
  Snapshot bank = test::bank();
  // P3 has its cut after P2's third message, which P2 has sent after its own.
  bank.processes[2].clock = vector({{"P1", 1}, {"P2", 3}, {"P3", 2}});
  CHECK(found_in(bank) == Lines{"from the future: P3: it knows event 3 of P2, which had had 2 at its cut"});
  bank.processes[2].received["P2"] = 2;
  CHECK(found_in(bank) == Lines{"from the future: P3: it knows event 3 of P2, which had had 2 at its cut",
                                "never sent: P2 > P3: P3 has received 2 and P2 had sent 1"});
}

TEST_CASE("check: a channel holds what was sent and not received, in its order") {
  Snapshot bank = test::bank();
  auto& messages = bank.channels[0].messages;
  SECTION("the last one is missing") {
    messages.pop_back();
    CHECK(found_in(bank) == Lines{"lost: P1 > P2: message 3 was sent, not received, and not on the way"});
  }
  SECTION("all are missing") {
    bank.channels.clear();
    CHECK(found_in(bank) ==
          Lines{"lost: P1 > P2: messages 2 to 3 were sent, not received, and not on the way"});
  }
  SECTION("one of the middle is missing") {
    messages.erase(messages.begin());
    CHECK(found_in(bank) == Lines{"lost: P1 > P2: message 2 was sent, not received, and not on the way"});
  }
  SECTION("one was received already") {
    messages.insert(messages.begin(), {1, "pay=1", vector({{"P1", 1}})});
    CHECK(found_in(bank) == Lines{"not on its way: P1 > P2: message 1 was received already"});
  }
  SECTION("one was sent after the cut") {
    messages.push_back({4, "pay=4", vector({{"P1", 4}})});
    CHECK(found_in(bank) ==
          Lines{"not on its way: P1 > P2: message 4 had not been sent: 3 were",
                "from the future: P1 > P2: message 4 knows event 4 of P1, and P1 knew 3 at its cut"});
  }
  SECTION("two have changed places") {
    std::swap(messages[0], messages[1]);
    CHECK(found_in(bank) == Lines{"lost: P1 > P2: message 2 was sent, not received, and not on the way",
                                  "not on its way: P1 > P2: message 2 is out of order",
                                  "clock: P1 > P2: message 2 is event 2 of P1, after event 3"});
  }
  SECTION("a message knows what its sender did not") {
    messages[1].clock = vector({{"P1", 3}, {"P3", 1}});
    CHECK(found_in(bank) ==
          Lines{"from the future: P1 > P2: message 3 knows event 1 of P3, and P1 knew 0 at its cut"});
  }
  SECTION("a message has no event") {
    messages[0].clock = {};
    CHECK(found_in(bank) == Lines{"clock: P1 > P2: message 2 is event 0 of P1, after event 0"});
  }
}

TEST_CASE("check: a clock counts at least what was sent and received") {
  Snapshot bank = test::bank();
  bank.processes[1].clock = vector({{"P1", 1}, {"P2", 1}});
  bank.processes[2].clock = vector({{"P1", 1}, {"P2", 1}, {"P3", 1}});
  CHECK(found_in(bank) ==
        Lines{"clock: P2: its clock counts 1 of its own events, and it sent and received 2 messages"});
}

TEST_CASE("check: an incomplete snapshot is refused, named or not") {
  Snapshot bank = test::bank();
  bank.processes.pop_back();
  CHECK(found_in(bank) == Lines{"unrecorded: P3: it is a member of the view and has no record"});
  bank.missing = {{"P3", Why::no_answer}};
  CHECK(found_in(bank) == Lines{"incomplete: P3: no answer"});
}

TEST_CASE("sum: the number behind FIELD= and the JSON member FIELD, in states and on their way") {
  Snapshot bank = test::bank();
  CHECK(sum_of(bank, "sum") == "95");
  CHECK(sum_of(bank, "pay") == "5");
  CHECK(sum(bank, "pay").value().messages == 2);
  CHECK(sum(bank, "sum").value().states == 3);
  CHECK(sum_of(bank, "none") == "0");
  bank.processes[0].state = R"({"pay":0.5,"deep":{"pay":7},"text":"pay=9"})";
  bank.channels[0].messages[0].body = "a=1 pay=-1.25, repay=100 pay=+2\npay=3";
  CHECK(sum_of(bank, "pay") == "7.25");
  // No JSON after all.
  CHECK(sum_of_states({"{ pay=3 }", "{\"pay\":\"3\"}", "pay=", "pay=x"}, "pay") == "3");
}

TEST_CASE("sum: decimal fractions are exact, also below zero") {
  CHECK(sum_of_states({"x=0.1", "x=0.2"}, "x") == "0.3");
  CHECK(sum_of_states({"x=-0.3"}, "x") == "-0.3");
  CHECK(sum_of_states({"x=-1", "x=0.7"}, "x") == "-0.3");
  CHECK(sum_of_states({"x=-2.5", "x=-0.75"}, "x") == "-3.25");
  CHECK(sum_of_states({"x=-2", "x=0.5", "x=1.5"}, "x") == "0");
  CHECK(sum_of_states({"x=0.000000001"}, "x") == "0.000000001");
  CHECK(sum_of_states({"x=-9223372036854775807"}, "x") == "-9223372036854775807");
}

TEST_CASE("sum: what is no such number is named, never passed over") {
  CHECK(sum_of_states({"x=1e3"}, "x") ==
        "P: x is 1e3, which is no decimal number of up to nine digits after its point");
  CHECK(sum_of_states({"{\"x\":1e3}"}, "x") ==
        "P: x is 1e3, which is no decimal number of up to nine digits after its point");
  CHECK(sum_of_states({"x=0.1234567890"}, "x").starts_with("P: x is 0.1234567890, which"));
  CHECK(sum_of_states({"x=9223372036854775808"}, "x").starts_with("P: x is 9223372036854775808, which"));
  CHECK(sum_of_states({"x=9223372036854775807", "x=1"}, "x") == "P: the sum is beyond 64 bits");
  CHECK(sum_of_states({"x=9223372036854775807.5", "x=0.5"}, "x") == "P: the sum is beyond 64 bits");
}

TEST_CASE("processes that wait for each other with full channels are a cycle") {
  Snapshot bank = test::bank();
  CHECK(full_cycle(bank).empty());
  bank.channels = {{"P1", "P2", {}, true}, {"P2", "P3", {}, true}, {"P3", "P1", {}, false}};
  CHECK(full_cycle(bank).empty());
  bank.channels.push_back({"P3", "P2", {}, true});
  CHECK(full_cycle(bank) == std::vector<std::string>{"P2", "P3"});
  bank.channels.front().full = false;
  CHECK(full_cycle(bank) == std::vector<std::string>{"P2", "P3"});
}

TEST_CASE("diff: what moved between two snapshots") {
  const Snapshot before = test::bank();
  CHECK(difference(before, before).same());

  Snapshot after = before;
  after.processes[0] = {"P1", "sum=30", vector({{"P1", 4}}), false, {{"P2", 4}}, {}};
  after.processes[1] = {"P2", "sum=27", vector({{"P1", 2}, {"P2", 3}}), false, {{"P3", 1}}, {{"P1", 2}}};
  after.channels[0].messages.push_back({4, "pay=10", vector({{"P1", 4}})});
  after.channels[0].messages.erase(after.channels[0].messages.begin());
  const Difference moved = difference(before, after);
  CHECK(moved.processes == std::vector<Difference::Process>{{"P1", "sum=40", "sum=30", false, 1},
                                                            {"P2", "sum=25", "sum=27", false, 1}});
  CHECK(moved.channels == std::vector<Difference::Channel>{{"P1", "P2", 1, 1, 2, 2}});
}

TEST_CASE("diff: another life of an id begins its channels anew") {
  const Snapshot before = test::bank();
  Snapshot after = before;
  after.members[0].life = 50;
  after.processes[0] = {"P1", "sum=40", vector({{"P1", 1}}), false, {{"P2", 1}}, {}};
  after.processes[1].received = {{"P1", 1}};
  after.channels.clear();
  after.processes.pop_back();
  const Difference moved = difference(before, after);
  CHECK(moved.processes == std::vector<Difference::Process>{{"P1", "sum=40", "sum=40", true, 0},
                                                            {"P3", "sum=30", {}, false, 0}});
  CHECK(moved.channels == std::vector<Difference::Channel>{{"P1", "P2", 1, 1, 2, 0}});
}

TEST_CASE("draw: what is on its way crosses the line of the cut") {
  CHECK(drawn(test::bank()) ==
        "P1    P2    P3\n"
        "*     |     |       P1=2        to P2: pay=2\n"
        "*     |     |       P1=3        to P2: pay=3\n"
        "*     |     |       P1=3        sum=40\n"
        "|     *     |       P2=2        sum=25\n"
        "|     |     *       P3=1        sum=30\n"
        "==================  cut bank-7-1\n"
        "+---->*     |       P2 <- P1=2  pay=2 (on its way)\n"
        "+---->*     |       P2 <- P1=3  pay=3 (on its way)\n");
}

TEST_CASE("draw: a long channel is told in short, and who is missing is shown") {
  Snapshot bank = test::bank();
  auto& messages = bank.channels[0].messages;
  messages.clear();
  for (std::uint64_t n = 1; n <= 100; ++n) messages.push_back({n, "m", vector({{"P1", n}})});
  bank.processes.pop_back();
  bank.missing = {{"P3", Why::died}};
  const std::string picture = drawn(bank);
  CHECK(picture.find("to P2: 95 more messages") != std::string::npos);
  CHECK(picture.find("P3=?        no record: died") != std::string::npos);
}

TEST_CASE("a recorded run is a log that dclock validate takes") {
  const WallTime at{1'795'922'835'000'000'000};
  const std::string log =
      run_line("P1", vector({{"P1", 1}}), at, Deed::sent, "P2", "pay=\n\x1b\xff 1") +
      run_line("P2", vector({{"P1", 1}, {"P2", 1}}), at, Deed::received, "P1", std::string(3000, 'x'));
  CHECK(log.starts_with("P1 {\"P1\":1} @2026-11-29T03:27:15.000000000Z sent to P2: pay=\\x0a\\x1b\\xff 1\n"));
  CHECK(log.size() < 1500);

  struct Text : clock::ByteSource {
    explicit Text(const std::string& text) : rest(text) {}
    Result<std::size_t> read(char* out, std::size_t size) override {
      const std::size_t count = rest.copy(out, size);
      rest.erase(0, count);
      return count;
    }
    std::unique_ptr<clock::ByteSource> again() override { return nullptr; }
    std::string rest;
  };
  clock::HostTable hosts;
  std::vector<clock::LogReader> logs;
  logs.emplace_back("log", std::make_unique<Text>(log), hosts, clock::BadLines::stop);
  const auto validation = clock::validate(logs, hosts, 10);
  REQUIRE(validation.ok());
  CHECK(validation->violations.empty());
  CHECK(validation->events == 2);
}
