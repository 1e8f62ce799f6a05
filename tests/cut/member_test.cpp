// SPDX-License-Identifier: MIT
// A process whose command has ended while its life goes on: what it cannot read is the sender's again.
#include "cut/member.hpp"

#include <catch2/catch.hpp>

#include "cut/collector.hpp"

using namespace coord;
using namespace coord::cut;
using namespace std::chrono_literals;

namespace {

constexpr Life visitor = 99;

struct Two {
  Member a{{"g", "A", 1}}, b{{"g", "B", 2}};
  View view{1, {{"A", 1, "h"}, {"B", 2, "h"}}};
  std::optional<Collector> collector;
  Instant now{};

  Two() {
    a.view(now, view);
    b.view(now, view);
  }
  void take() {
    collector.emplace(now, visitor, "S", "g", view, WallTime{}, 10s);
    carry();
  }
  void carry() {
    for (bool moved = true; moved;) {
      moved = false;
      const auto pass = [&](Life from, const std::vector<Packet>& packets) {
        for (const Packet& packet : packets) {
          moved = true;
          if (packet.to == visitor) {
            if (collector) collector->packet(now, from, packet.bytes);
          } else {
            (packet.to == 1 ? a : b).packet(now, from, from == visitor, packet.bytes);
          }
        }
      };
      pass(1, a.packets(now));
      pass(2, b.packets(now));
      if (collector) pass(visitor, collector->packets(now));
    }
  }
};

std::vector<std::string> returned_to(Member& member) {
  std::vector<std::string> lines;
  for (const Note& note : member.notes())
    if (const auto* back = std::get_if<Returned>(&note)) lines.push_back(back->to + " " + back->body);
  return lines;
}

}  // namespace

TEST_CASE("two commands that have both ended with unread lines for each other: both get theirs back") {
  Two two;
  CHECK(two.a.said(two.now, "B", "one"));
  CHECK(two.b.said(two.now, "A", "two"));
  two.carry();
  CHECK_FALSE(two.a.all_taken());
  two.a.input_ended();
  two.b.input_ended();
  two.carry();
  CHECK(two.a.all_taken());
  CHECK(two.b.all_taken());
  CHECK(returned_to(two.a) == std::vector<std::string>{"B one"});
  CHECK(returned_to(two.b) == std::vector<std::string>{"A two"});
  // Output that was still in the pipe comes back at once.
  CHECK(two.a.said(two.now, "B", "three"));
  CHECK(two.a.all_taken());
  CHECK(returned_to(two.a) == std::vector<std::string>{"B three"});
}

TEST_CASE("a line for who joins after a command has ended comes back too") {
  Two two;
  two.a.input_ended();
  Member c{{"g", "C", 3}};
  View later{2, {{"A", 1, "h"}, {"B", 2, "h"}, {"C", 3, "h"}}};
  two.a.view(two.now, later);
  c.view(two.now, later);
  CHECK(c.said(two.now, "A", "late"));
  for (const Packet& packet : c.packets(two.now)) two.a.packet(two.now, 3, false, packet.bytes);
  for (const Packet& packet : two.a.packets(two.now))
    if (packet.to == 3) c.packet(two.now, 1, false, packet.bytes);
  CHECK(c.all_taken());
  CHECK(returned_to(c) == std::vector<std::string>{"A late"});
}

TEST_CASE("a snapshot of a process whose command has ended is incomplete at once, and names it") {
  Two two;
  two.a.input_ended();
  two.take();
  const auto asked = two.b.next_input(two.now);
  REQUIRE((asked && std::holds_alternative<InputSnapshot>(*asked)));
  CHECK(two.b.answered(two.now, "S", "idle"));
  two.carry();
  (void)two.b.next_input(two.now);  // that A has no marker
  two.carry();
  REQUIRE(two.collector->over());
  const auto snapshot = two.collector->collected().snapshot;
  REQUIRE(snapshot.missing.size() == 1);
  CHECK(snapshot.missing.front().id == "A");
  CHECK(snapshot.missing.front().why == record::Why::left);
}

TEST_CASE("a command that ends after its record was whole: its markers that are on their way still count") {
  Two two;
  two.take();
  const auto ask = [&](Member& member) {
    auto input = member.next_input(two.now);
    while (input && !std::holds_alternative<InputSnapshot>(*input)) input = member.next_input(two.now);
    return input.has_value();
  };
  REQUIRE(ask(two.b));
  CHECK(two.b.answered(two.now, "S", "idle"));
  two.carry();
  REQUIRE(ask(two.a));
  CHECK(two.a.answered(two.now, "S", "idle"));
  (void)two.a.next_input(two.now);  // B's marker: A's record is whole
  two.a.input_ended();
  two.carry();
  CHECK_FALSE(two.collector->over());
  (void)two.b.next_input(two.now);  // A's marker, though A has ended since
  two.carry();
  REQUIRE(two.collector->over());
  CHECK(two.collector->collected().snapshot.complete());
}

TEST_CASE("what was handed over and not written to the command comes back when it ends, the rest does not") {
  Two two;
  for (const char* line : {"one", "two", "three"}) CHECK(two.b.said(two.now, "A", line));
  two.carry();
  for (int i = 0; i < 3; ++i) REQUIRE(two.a.next_input(two.now));
  two.carry();
  CHECK_FALSE(two.b.all_taken());
  two.a.input_written(1);
  two.carry();
  two.a.input_ended();
  two.carry();
  CHECK(two.b.all_taken());
  CHECK(returned_to(two.b) == std::vector<std::string>{"A two", "A three"});
}

TEST_CASE("the end of the input comes behind what is not written yet, and nothing of it comes back") {
  Two two;
  CHECK(two.b.said(two.now, "A", "last"));
  two.carry();
  REQUIRE(two.a.next_input(two.now));
  channel::Channel outside(visitor, 1);
  outside.offer(encode(Item(EndInput{})));
  for (const channel::Message& message : outside.poll(two.now))
    two.a.packet(two.now, visitor, true, channel::encode(message));
  const auto end = two.a.next_input(two.now);
  REQUIRE((end && std::holds_alternative<InputEnd>(*end)));
  CHECK_FALSE(two.a.next_input(two.now));
  two.a.input_written(1);
  two.carry();
  CHECK(two.b.all_taken());
  CHECK(returned_to(two.b).empty());
}

TEST_CASE("who has asked and is gone is not answered again and again") {
  Two two;
  two.take();
  two.collector.reset();  // it was killed
  for (Member* member : {&two.a, &two.b}) {
    while (member->next_input(two.now)) {
    }
    CHECK(member->answered(two.now, "S", "idle"));
  }
  two.carry();
  for (Member* member : {&two.a, &two.b}) (void)member->next_input(two.now);  // the markers
  two.carry();
  const auto packets_in = [&](Duration time) {
    std::size_t all = 0;
    for (const Instant end = two.now + time; two.now < end; two.now += 100ms) {
      two.a.tick(two.now);
      all += two.a.packets(two.now).size();
    }
    return all;
  };
  CHECK(packets_in(20s) > 0);
  (void)packets_in(20s);
  CHECK(packets_in(60s) == 0);
}

TEST_CASE("a command that ends before its record is whole: nobody waits for its marker behind unread lines") {
  Two two;
  two.take();
  const auto asked = two.a.next_input(two.now);
  REQUIRE((asked && std::holds_alternative<InputSnapshot>(*asked)));
  for (int i = 0; i < 50; ++i) CHECK(two.a.said(two.now, "B", "line"));
  CHECK(two.a.answered(two.now, "S", "idle"));
  two.a.input_ended();  // before B's marker; its lines and its own marker are on their way
  two.carry();
  int lines = 0;
  while (!two.collector->over()) {
    const auto input = two.b.next_input(two.now);
    if (input && std::holds_alternative<InputSnapshot>(*input))
      CHECK(two.b.answered(two.now, "S", "idle"));
    else
      REQUIRE(++lines < 10);
    two.carry();
  }
  const auto snapshot = two.collector->collected().snapshot;
  REQUIRE(snapshot.missing.size() == 1);
  CHECK(snapshot.missing.front().id == "A");
}

TEST_CASE("a command that ends while a snapshot is taken: its record is not called whole") {
  Two two;
  CHECK(two.b.said(two.now, "A", "on its way"));
  two.take();
  auto input = two.a.next_input(two.now);
  while (input && !std::holds_alternative<InputSnapshot>(*input)) input = two.a.next_input(two.now);
  REQUIRE(input);
  CHECK(two.a.answered(two.now, "S", "idle"));
  two.a.input_ended();  // before B's marker
  two.carry();
  while ((input = two.b.next_input(two.now)) && !std::holds_alternative<InputSnapshot>(*input)) {
  }
  CHECK(two.b.answered(two.now, "S", "idle"));
  two.carry();
  while (two.b.next_input(two.now)) {
  }
  two.carry();
  REQUIRE(two.collector->over());
  CHECK_FALSE(two.collector->collected().snapshot.complete());
}

TEST_CASE(
    "a command that reads nothing cannot be asked: at the end of the time that is said, and who is full") {
  Two two;
  for (int i = 0; i < 3; ++i) {
    while (two.a.reads_output()) CHECK(two.a.said(two.now, "B", std::string(100'000, 'x')));
    while (two.b.reads_output()) CHECK(two.b.said(two.now, "A", std::string(100'000, 'x')));
    two.carry();
  }
  two.take();  // neither takes any input
  CHECK_FALSE(two.collector->over());
  two.now += 9s;
  two.collector->tick(two.now);
  two.carry();
  two.a.tick(two.now);
  two.b.tick(two.now);
  two.carry();
  REQUIRE(two.collector->over());
  const auto snapshot = two.collector->collected().snapshot;
  CHECK(snapshot.missing.size() == 2);
  CHECK(record::full_cycle(snapshot) == std::vector<std::string>{"A", "B"});
}

TEST_CASE("more on its way than a record may hold: that record is given up, and the lines go on") {
  Two two;
  two.take();
  const auto next_of_b = [&] {
    const auto input = two.b.next_input(two.now);
    if (input) two.b.input_written(1);
    return input;
  };
  auto input = next_of_b();
  REQUIRE((input && std::holds_alternative<InputSnapshot>(*input)));
  CHECK(two.b.answered(two.now, "S", "idle"));
  // A is asked only now and does not answer yet: all that it says is on its way for B's record.
  REQUIRE(two.a.next_input(two.now));
  two.a.input_written(1);
  const std::string line(std::size_t{1} << 20U, 'x');
  const std::size_t lines = record::most_record_bytes / line.size() + 1;
  std::size_t read = 0;
  for (std::size_t said = 0; said < lines; ++said) {
    REQUIRE(two.a.said(two.now, "B", line));
    two.carry();
    while (next_of_b()) ++read;
    two.carry();
    REQUIRE(read == said + 1);
  }
  CHECK(two.a.answered(two.now, "S", "idle"));
  while (two.a.next_input(two.now)) {
  }
  two.carry();
  REQUIRE(two.collector->over());
  const auto& missing = two.collector->collected().snapshot.missing;
  REQUIRE(missing.size() == 1);
  CHECK(missing.front().id == "B");
  CHECK(missing.front().why == record::Why::gave_up);
}
