// SPDX-License-Identifier: MIT
// Drawings of the three-process diagram and of what is awkward to draw.
#include <catch2/catch.hpp>

#include "clock/diagram.hpp"
#include "clock/logical_clock.hpp"
#include "clock/stamp_writer.hpp"
#include "clock_logical_logs.hpp"

using namespace coord;
using namespace coord::clock;
using namespace coord::clock::test;

namespace {

// ASCII only: a byte is a column.
const TextMeasure measure{[](std::string_view text) { return text.size(); },
                          [](std::string_view text, std::size_t columns) { return text.substr(0, columns); }};

Diagram diagram(const std::vector<std::string>& logs) {
  HostTable hosts;
  return diagram_of(loaded(logs, hosts), [](std::string_view text) { return std::string(text); });
}

std::string ascii(const std::vector<std::string>& logs, std::size_t columns = 80) {
  return draw_text(diagram(logs), measure, {columns, true});
}

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

const std::vector<std::string> three = {
    "P1 {\"P1\":1} a\nP1 {\"P1\":2} b\nP1 {\"P1\":3,\"P2\":2,\"P3\":2} c\n",
    "P2 {\"P2\":1,\"P3\":2} d\nP2 {\"P2\":2,\"P3\":2} e\nP2 {\"P2\":3,\"P3\":2} f\n",
    "P3 {\"P3\":1} g\nP3 {\"P3\":2} h\n",
};

}  // namespace

TEST_CASE("text: lanes in the order of the logs, an arrow on the receiver's row") {
  CHECK(ascii(three) ==
        "P1    P2    P3\n"
        "*     |     |       P1=1          a\n"
        "|     |     *       P3=1          g\n"
        "*     |     |       P1=2          b\n"
        "|     |     *       P3=2          h\n"
        "|     *<----+       P2=1 <- P3=2  d\n"
        "|     *     |       P2=2          e\n"
        "|     *     |       P2=3          f\n"
        "*<----+     |       P1=3 <- P2=2  c\n");
}

TEST_CASE("text: messages from both sides, across lanes, and from nowhere") {
  CHECK(ascii({"a {\"a\":1} x\n", "b {\"b\":1} x\nb {\"a\":1,\"b\":2,\"c\":1} y\n", "c {\"c\":1} x\n"})
            .find("+---->*<----+") != std::string::npos);
  CHECK(ascii({"a {\"a\":1} x\n", "b {\"b\":1} x\n", "c {\"a\":1,\"c\":1} y\n"}).find("+-----+---->*") !=
        std::string::npos);
  CHECK(ascii({"a {\"a\":1} x\n", "b {\"b\":1} x\n", "c {\"a\":1,\"b\":1,\"c\":1} y\n"})
            .find("+-----#---->*") != std::string::npos);
  CHECK(ascii({"a {\"a\":5,\"gone\":2} x\n"}) == "a\n*       a=5 <- gone=2?  x\n");
  CHECK(ascii({}).empty());
}

TEST_CASE("text: long names make a staircase, long texts are cut") {
  const std::string drawn = ascii(
      {"a-long-host-name {\"a-long-host-name\":1} " + std::string(200, 'x') + "\n", "b {\"b\":1} y\n"}, 60);
  const auto lines = lines_of(drawn);
  CHECK(lines[0] == "a-long-host-name");
  CHECK(lines[1].find("|") == 0);
  CHECK(lines[1].find("b") != std::string::npos);
  for (const auto& line : lines) CHECK(line.size() <= 60);
  CHECK(drawn.find("xxx...") != std::string::npos);
}

TEST_CASE("SVG, DOT and Mermaid: every event, every message, nothing unescaped") {
  const Diagram drawn = diagram(three);
  const std::string svg = draw_svg(drawn, measure);
  CHECK(occurrences(svg, "<circle") == 8);
  CHECK(occurrences(svg, "marker-end") == 2);
  CHECK(occurrences(svg, "prefers-color-scheme: dark") == 1);
  const std::string dot = draw_dot(drawn);
  CHECK(occurrences(dot, "[group=g") == 8);
  CHECK(occurrences(dot, "[color=") == 2);
  const std::string mermaid = draw_mermaid(drawn);
  CHECK(occurrences(mermaid, "->>") == 2);
  CHECK(occurrences(mermaid, "Note over") == 6);

  const Diagram odd = diagram({"<a> {\"<a>\":1} </svg>&\"; the end # \\\n"});
  CHECK(draw_svg(odd, measure).find("&lt;/svg&gt;&amp;&quot;") != std::string::npos);
  CHECK(draw_dot(odd).find("label=\"<a>=1 </svg>&\\\"; the end # \\\\\"") != std::string::npos);
  CHECK(draw_mermaid(odd).find("#60;/svg#62;#38;\"#59; the e#110;d #35; \\") != std::string::npos);
}

TEST_CASE("SVG: a message keeps clear of the dots that it passes") {
  // a=1 to c=1 passes b's lane half-way between two rows; with b=1 in the middle it would run through it.
  Diagram passing;
  passing.lanes = {"a", "b", "c"};
  passing.events = {{0, "a=1", "", "", {}}, {1, "b=1", "", "", {}}, {2, "c=1", "", "", {{0, "a=1"}}}};
  CHECK(draw_svg(passing, measure).find(" Q") != std::string::npos);
  passing.events[1].lane = 0;
  CHECK(draw_svg(passing, measure).find(" Q") == std::string::npos);
}

TEST_CASE("the stamp writer writes what log_line writes") {
  for (const ClockKind kind : {ClockKind::vector, ClockKind::lamport, ClockKind::matrix, ClockKind::hlc}) {
    const WallTime now{1'795'310'835'123'000'000};
    LogicalClock clock("m", kind, true), other("a\"b", kind, true);
    StampWriter writer;
    for (int i = 0; i < 120; ++i) {
      if (i % 7 == 3) {
        CHECK(other.tick(now));
        CHECK(clock.receive(other.last(), now, std::chrono::seconds(1)));
        writer.forget();
      } else {
        CHECK(clock.tick(now));
      }
      const auto wall = i % 2 == 0 ? std::optional(now) : std::nullopt;
      std::string out;
      writer.append(out, clock.last(), wall, "text");
      CHECK(out == log_line(clock.last(), wall, "text"));
    }
  }
}
