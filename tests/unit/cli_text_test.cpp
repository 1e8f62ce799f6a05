// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <limits>

#include "base/utf8.hpp"
#include "cli/age.hpp"
#include "cli/estimate.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/nearest.hpp"
#include "cli/table.hpp"
#include "cli/values.hpp"

using namespace coord;
using namespace coord::cli;
using namespace std::chrono_literals;

TEST_CASE("seconds are exact to the nanosecond both ways") {
  const auto read = [](const char* text) { return read_seconds(text, {}); };
  CHECK(*read("2") == 2s);
  CHECK(*read("0.25") == 250ms);
  CHECK(*read(".5") == 500ms);
  CHECK(*read("1.0000000019") == 1s + 1ns);
  CHECK(*read("999999999.999999999") == Duration(999999999999999999));
  for (const char* bad : {"", ".", "1e3", "+1", "1,5", " 1", "1 ", "0x1", "inf", "nan", "-", "1.-2",
                          "1000000000", "99999999999999999999", "-1", "-0"})
    CHECK_FALSE(read(bad).ok());
  CHECK(*read_seconds("-1.5", {-2'000'000'000, 0}) == -1500ms);
  for (const char* text : {"0.25", "-3", "1.000000001", "0", "-0.000000001"})
    CHECK(seconds_text(*read_seconds(text, {-3'000'000'000, 3'000'000'000})) == text);
  CHECK(seconds_text(Duration::min()) == "-9223372036.854775808");
}

TEST_CASE("durations have units, each exact to the nanosecond") {
  const auto read = [](const char* text) { return read_seconds(text, {}); };
  CHECK(*read("250ms") == 250ms);
  CHECK(*read("10s") == 10s);
  CHECK(*read("5m") == 5min);
  CHECK(*read("1h") == 1h);
  CHECK(*read("2d") == 48h);
  CHECK(*read("1.5h") == 90min);
  CHECK(*read(".5d") == 12h);
  CHECK(*read("0.000001ms") == 1ns);
  CHECK(*read("1.000000001d") == 24h + 86'400ns);
  CHECK(*read("11574d") == 11574 * 24h);
  CHECK(*read("999999999999ms") == 999999999999ms);
  for (const char* bad : {"s", "ms", "h", "1 h", "1hh", "1H", "1w", "1m30s", "1min", "10sm", "11575d",
                          "1000000000000ms", "99999999999999999999h", "-1h", "1.5.5h"})
    CHECK_FALSE(read(bad).ok());
  CHECK(*read_seconds("-2m", {-120'000'000'000, 0}) == -2min);
  CHECK(read_seconds("2h", {0, 3'600'000'000'000}).error().text() ==
        "'2h' is out of range: give at most 3600 seconds");
}

TEST_CASE("ages are told in the unit that fits them") {
  CHECK(age_text(0s) == "0 s");
  CHECK(age_text(119s) == "119 s");
  CHECK(age_text(17min + 59s) == "17 min");
  CHECK(age_text(119min) == "119 min");
  CHECK(age_text(25h) == "25 h");
  CHECK(age_text(72h) == "3 d");
  CHECK(age_text(WallTime{5'000'000'000}, WallTime{3'000'000'000}) == "0 s");  // of clocks that differ
}

TEST_CASE("what is left is told by the pace so far") {
  CHECK(left_text(10s, 0, 100) == "");
  CHECK(left_text(10s, 100, 100) == "");
  CHECK(left_text(10s, 25, 100) == "30 s left");
  CHECK(left_text(1s, 1, 7200) == "119 min left");
  CHECK(left_text(1ms, 1, 2) == "1 s left");  // rounded up
  CHECK(left_text(24h, 1, std::numeric_limits<std::uint64_t>::max()).ends_with(" d left"));
}

TEST_CASE("a mistyped word is taken for the nearest one, if one is near") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("form", "from") == 1);
  const std::vector<std::string> known{"--ttl", "--timeout", "--list", "--quiet"};
  CHECK(nearest("--timout", known) == "--timeout");
  CHECK(nearest("--lits", known) == "--list");
  CHECK(nearest("--tll", known) == "--ttl");
  CHECK_FALSE(nearest("--x", known).has_value());
  CHECK_FALSE(nearest("--colour", known).has_value());
  CHECK_FALSE(nearest(std::string(1'000'000, 'x'), known).has_value());
  CHECK(nearest("--quie", {"--quiet", "--quick"}) == "--quiet");  // one edit
  CHECK(nearest("--pee", {"--peers-of-all", "--list"}) == "--peers-of-all");
  CHECK_FALSE(nearest("--pee", {"--peers-of-all", "--peers-of-one"}).has_value());
  CHECK_FALSE(nearest("--", {"--list"}).has_value());
  CHECK(did_you_mean("--quite", known, "see --help") == "did you mean --quiet?");
  CHECK(did_you_mean("--zebra", known, "see --help") == "see --help");
}

TEST_CASE("integers are digits and within their bounds") {
  CHECK(*read_value<std::uint16_t>("65535", {}) == 65535);
  CHECK_FALSE(read_value<std::uint16_t>("65536", {}).ok());
  CHECK_FALSE(read_value<std::uint16_t>("-1", {}).ok());
  CHECK(*read_value<int>("-5", {-5, 5}) == -5);
  CHECK(*read_value<std::uint64_t>("18446744073709551615", {}) == UINT64_MAX);
  for (const char* bad : {"", "1.0", "0x10", "1e2", "+3", " 3", "3 "})
    CHECK_FALSE(read_value<int>(bad, {}).ok());
  CHECK_FALSE(read_value<double>("inf", {}).ok());
  CHECK(*read_value<double>("-2.5e3", {}) == -2500.0);
}

TEST_CASE("name lists: commas, escapes, duplicates and what is no name") {
  using Names = std::vector<std::string>;
  CHECK(*parse_names("a") == Names{"a"});
  CHECK(*parse_names("a,b,a") == Names{"a", "b"});
  CHECK(*parse_names("a\\,b,c\\d") == Names{"a,b", "c\\d"});
  CHECK(*parse_names(join_names({"x,y", "z"})) == Names{"x,y", "z"});
  CHECK(parse_names(std::string(255, 'n')).ok());
  for (const std::string& bad :
       {std::string(""), std::string("a,"), std::string(",a"), std::string("a,,b"), std::string("-a"),
        std::string("a,-b"), std::string("a\0b", 3), std::string(256, 'n')}) {
    const auto names = parse_names(bad);
    REQUIRE_FALSE(names.ok());
    CHECK(names.error().kind == ErrorKind::usage);
  }
  std::string many = "0";
  for (int i = 1; i < 64; ++i) many += "," + std::to_string(i);
  CHECK(parse_names(many)->size() == 64);
  CHECK_FALSE(parse_names(many + ",x").ok());
  CHECK(parse_names("a,").error().text() ==
        "name 'a,': has an empty element: write a comma inside a name as \\,");
  CHECK(*parse_name("a\\,b") == "a,b");
  CHECK(parse_name("a,b").error().text() ==
        "name 'a,b': is more than one name: write a comma inside a name as \\,");
  CHECK(*parse_lists({"a,b", "c\\,d"}) == Names{"a", "b", "c,d"});
}

TEST_CASE("what is shown cannot move a cursor, forge a line or hide") {
  CHECK(shown("nightly-\xc3\xa9t\xc3\xa9") == "nightly-\xc3\xa9t\xc3\xa9");
  CHECK(shown("a\nb\t\\") == "a\\nb\\t\\\\");
  CHECK(shown("\x1b[2J\x7f") == "\\x1b[2J\\x7f");
  CHECK(shown("\xff\xc3") == "\\xff\\xc3");
  CHECK(shown("\xc2\x9b") == "\\xc2\\x9b");           // C1 control
  CHECK(shown("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));               // surrogate
  CHECK_FALSE(is_utf8("\xc0\x80"));                   // overlong NUL
  CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));           // beyond U+10FFFF
  CHECK(is_utf8("\xf0\x9f\x94\x92"));
}

TEST_CASE("JSON lines: schema first, names that are not UTF-8 twice, exact seconds") {
  JsonObject holder;
  holder.id("token", Token{9007199254740991}).integer("pid", 42).null("session");
  JsonObject line;
  line.name("name", "a\"\xff\n")
      .boolean("local", true)
      .seconds("ttl_s", 1500ms)
      .number("phi", 0.1)
      .number("bad", 0.0 / 0.0);
  line.time("since", WallTime{1714564800250000000})
      .array("holders", JsonArray().object(holder).text("x").integer(3));
  CHECK(
      line.line() ==
      "{\"schema\":1,\"name\":\"a\\\"\\\\xff\\\\n\",\"name_b64\":\"YSL/"
      "Cg==\",\"local\":true,\"ttl_s\":1.5,\"phi\":0.1,\"bad\":null,"
      "\"since\":\"2024-05-01T12:00:00.250000000Z\",\"holders\":[{\"token\":\"9007199254740991\",\"pid\":42,"
      "\"session\":null},\"x\",3]}\n");
  CHECK(JsonObject().line() == "{\"schema\":1}\n");
  CHECK(json_string(std::string("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\\u007f\"");
  CHECK(json_string("\xc2\x9b") == "\"\\u009b\"");  // C1 control
  // Right-to-left override, isolate, Arabic letter mark; a letter stays.
  CHECK(json_string("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xc3\xa9") == "\"\\u202e\\u2066\\u061c\xc3\xa9\"");
  CHECK(json_string("\xe2\x80\xa8\xef\xbb\xbf") == "\"\\u2028\\ufeff\"");
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}})
    CHECK(base64(bytes) == text);
}

TEST_CASE("tables align by what is seen and shrink only where they may") {
  Table table({{"NAME", Table::Align::left, true}, {"N", Table::Align::right}, {"HOST"}});
  table.row(
      {"b\xc3\xbc"
       "cher",
       "5", "alpha"});
  table.row({"\xe6\x97\xa5\xe6\x9c\xac", "1000", ""});
  CHECK(table.text() ==
        "NAME       N  HOST\n"
        "b\xc3\xbc"
        "cher     5  alpha\n"
        "\xe6\x97\xa5\xe6\x9c\xac    1000\n");
  Table narrow({{"NAME", Table::Align::left, true}, {"HOST"}});
  narrow.row({"a-name-of-twenty-char", "alpha"});
  CHECK(narrow.text(17) == "NAME        HOST\na-name-...  alpha\n");
  for (const std::size_t width : {4, 9, 12, 14}) {  // no line is wider, whatever may shrink
    const std::string text = narrow.text(width);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      CHECK(text.find('\n', at) - at <= width);
  }
  Table token({{"COMMAND", Table::Align::left, true}, {"TOKEN", Table::Align::right}});
  token.row({"a long command", "12345"});
  CHECK(std::move(token).with("SCOPE", "host").text() ==
        "SCOPE  COMMAND         TOKEN\nhost   a long command  12345\n");
  CHECK(display_width("e\xcc\x81") == 1);
}
