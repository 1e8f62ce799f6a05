// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "base/base64.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"

using namespace coord;

namespace {

// What is wrong with `text`; empty: nothing.
std::string fault_of(std::string_view text) {
  JsonReader in(text);
  (void)in.skip();
  (void)in.end();
  return in.fault();
}

std::string string_in(std::string_view text) {
  JsonReader in(text);
  std::string out;
  REQUIRE(in.string(out));
  REQUIRE(in.end());
  return out;
}

}  // namespace

TEST_CASE("json reader: an object is read member by member, into the caller's variables") {
  JsonReader in(R"( {"id":"P1" , "n":[1,2, 3],"deep":{"x":[null,true,-1.5e3]},"yes":true} )");
  std::string id;
  std::uint64_t sum = 0;
  bool yes = false;
  REQUIRE(in.object([&](const std::string& name) {
    if (name == "id") return in.string(id);
    if (name == "yes") return in.boolean(yes);
    if (name == "n") {
      return in.array([&] {
        std::uint64_t n = 0;
        const bool read = in.count(n);
        sum += n;
        return read;
      });
    }
    return in.skip();
  }));
  CHECK(in.end());
  CHECK(id == "P1");
  CHECK(sum == 6);
  CHECK(yes);
}

TEST_CASE("json reader: escapes and surrogate pairs become UTF-8") {
  CHECK(string_in(R"("a\"\\\/\b\f\n\r\té€😀")") == "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(string_in("\"\xc3\xa9\"") == "\xc3\xa9");
  CHECK(string_in(R"("\u0000")") == std::string(1, '\0'));
}

TEST_CASE("json reader: what is not JSON is refused with a reason") {
  const auto bad = GENERATE(as<std::string>(), "", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                            "{\"a\":1 \"b\":2}", "[1,]", "[1 2]", "tru", "nul", "01", "1.", "1e", "-", "+1",
                            ".5", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
                            "\"\\udc00\"", "\"\n\"", "\"\xff\"", "1 2", "{\"a\":1,\"a\":2}", "{1:2}", "'a'");
  CAPTURE(bad);
  CHECK_FALSE(fault_of(bad).empty());
}

TEST_CASE("json reader: nesting is bounded") {
  CHECK(fault_of(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(fault_of(std::string(65, '[') + std::string(65, ']')) == "it is nested too deeply");
  CHECK(fault_of(std::string(1'000'000, '[')) == "it is nested too deeply");
}

TEST_CASE("json reader: counts are whole numbers that all readers hold exactly") {
  std::uint64_t n = 0;
  CHECK(JsonReader("9007199254740991").count(n));
  CHECK(n == 9007199254740991U);
  for (const char* bad : {"9007199254740992", "-1", "1.0", "1e3", "99999999999999999999", "\"1\""}) {
    CAPTURE(bad);
    CHECK_FALSE(JsonReader(bad).count(n));
  }
}

TEST_CASE("json reader: a value's own text, and what comes next") {
  JsonReader in(R"([ {"a": [1, 2]} ,7])");
  std::vector<std::string> texts;
  std::string kinds;
  REQUIRE(in.array([&] {
    kinds += in.next();
    std::string_view text;
    const bool read = in.raw(text);
    texts.emplace_back(text);
    return read;
  }));
  CHECK(kinds == "{0");
  CHECK(texts == std::vector<std::string>{R"({"a": [1, 2]})", "7"});
}

TEST_CASE("json text: what is written reads back, and moves no cursor") {
  const std::string text = "a\"\\\n\t\r\x1b[2J\x7f \xc2\x85 \xe2\x80\xae \xf0\x9f\x98\x80";
  std::string json;
  append_json(json, text);
  CHECK(json.find('\x1b') == std::string::npos);
  CHECK(json.find("\\u202e") != std::string::npos);
  CHECK(string_in(json) == text);
}

TEST_CASE("base64: all bytes there and back, and only one way to write them") {
  for (std::size_t size = 0; size < 300; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7);
    REQUIRE(from_base64(base64(bytes)) == bytes);
  }
  CHECK(base64("any carnal pleas") == "YW55IGNhcm5hbCBwbGVhcw==");
  for (const char* bad : {"YQ", "YQ=", "YR==", "Y===", "====", "YQ==YQ==", "YW!=", "YWJ=", "=YQ="}) {
    CAPTURE(bad);
    CHECK_FALSE(from_base64(bad));
  }
}
