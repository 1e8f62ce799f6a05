// SPDX-License-Identifier: MIT
// The lines of a command, in each format.
#include "cut/speech.hpp"

#include <catch2/catch.hpp>

using namespace coord;
using namespace coord::cut;

namespace {

std::string shown(const Said& said) {
  if (const auto* message = std::get_if<ToProcess>(&said)) return "to " + message->to + ": " + message->body;
  if (const auto* state = std::get_if<ToState>(&said))
    return "state of " + state->snapshot + ": " + state->text;
  if (const auto* bad = std::get_if<BadLine>(&said)) return "bad: " + bad->why;
  return "nothing";
}

}  // namespace

TEST_CASE("speech, tsv: messages, states of one line and of several") {
  Speech speech(Format::tsv, "P1");
  CHECK(speech.first({"P1", "P2"}).empty());
  CHECK(speech.line_of(InputMessage{"P2", "pay=3"}) == "P2\tpay=3\n");
  CHECK(speech.line_of(InputMessage{"", "hello"}) == "!\thello\n");
  CHECK(speech.line_of(InputSnapshot{"s1"}) == "!snapshot s1\n");
  CHECK(shown(speech.read("P2\ta\tb")) == "to P2: a\tb");
  CHECK(shown(speech.read("!state s1 has=7 idle")) == "state of s1: has=7 idle");
  CHECK(shown(speech.read("!state s1")) == "state of s1: ");
  CHECK(shown(speech.read("!state s2 <<END")) == "nothing");
  CHECK(shown(speech.read("P2\tis not said")) == "nothing");
  CHECK(shown(speech.read("END")) == "state of s2: P2\tis not said\n");
  CHECK(shown(speech.read("no tab")).starts_with("bad: it has no tab"));
  CHECK(shown(speech.read("!state s3 <<")).starts_with("bad"));
  Speech null(Format::tsv, "P1", '\0');
  CHECK(null.line_of(InputMessage{"P2", "two\nlines"}) == std::string("P2\ttwo\nlines\0", 13));
}

TEST_CASE("speech, json: bodies are values, as they were written") {
  Speech speech(Format::json, "P1");
  CHECK(speech.line_of(InputMessage{"P2", R"({"pay":3})"}) == "{\"from\":\"P2\",\"body\":{\"pay\":3}}\n");
  CHECK(speech.line_of(InputMessage{"", "from outside"}) == "{\"from\":\"!\",\"body\":\"from outside\"}\n");
  CHECK(speech.line_of(InputSnapshot{"s1"}) == "{\"snapshot\":\"s1\"}\n");
  CHECK(shown(speech.read(R"({"to":"P2","body":{"pay": 3}})")) == R"(to P2: {"pay": 3})");
  CHECK(shown(speech.read(R"({"state":"s1","value":{"has":7}})")) == R"(state of s1: {"has":7})");
  CHECK(shown(speech.read(R"({"state":"s1","value":"idle"})")) == "state of s1: idle");
  CHECK(shown(speech.read(R"({"to":"P2"})")).starts_with("bad"));
  CHECK(shown(speech.read("{\"to\":\"P2\",\"body\":\"\xff\"}")).starts_with("bad"));
}

TEST_CASE("speech, maelstrom: init with all ids, snapshot from !, answers known by their message") {
  Speech speech(Format::maelstrom, "n1");
  CHECK(speech.first({"n1", "n2"}) ==
        R"({"src":"!","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}})"
        "\n");
  CHECK(shown(speech.read(R"({"src":"n1","dest":"!","body":{"type":"init_ok","in_reply_to":1}})")) ==
        "nothing");
  CHECK(speech.line_of(InputSnapshot{"s1"}) ==
        R"({"src":"!","dest":"n1","body":{"type":"snapshot","msg_id":2,"snapshot":"s1"}})"
        "\n");
  CHECK(speech.line_of(InputMessage{"n2", R"({"type":"echo"})"}) ==
        R"({"src":"n2","dest":"n1","body":{"type":"echo"}})"
        "\n");
  CHECK(shown(speech.read(R"({"dest":"n2","body":{"type":"echo_ok"}})")) == R"(to n2: {"type":"echo_ok"})");
  CHECK(shown(speech.read(R"({"dest":"!","body":{"type":"snapshot_ok","in_reply_to":9,"state":1}})"))
            .starts_with("bad"));
  CHECK(shown(speech.read(R"({"dest":"!","body":{"type":"snapshot_ok","in_reply_to":2,"state":[1,2]}})")) ==
        "state of s1: [1,2]");
}
