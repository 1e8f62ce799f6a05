// SPDX-License-Identifier: MIT
// The two readers of a command line, on the same lines in the same environment: the same
// values, the same refusal.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/random.hpp"
#include "cli/options.hpp"
#include "cli_app/read_by_app.hpp"

using namespace coord;
using namespace coord::cli;

namespace {

using Words = std::vector<std::string>;

// A tool with values of every kind, variables, checks, and verbs: one with operands, one with a command.
struct Tool {
  enum class Order { wall, hlc };
  enum class What { all, some };
  bool quiet = false, lonely = false, deep = false;
  int verbose = 0;
  std::int64_t count = 0;
  std::optional<Duration> wait;
  std::vector<std::string> labels, logs;
  std::vector<std::uint16_t> ports;
  std::string scope = "private", group, file;
  Order order = Order::wall;
  What what = What::all;
  Command command;
  Options o{"tool", "whatever"};

  Tool() {
    o.flag("-q,--quiet", quiet, "say less").env("READERS_QUIET");
    o.flag("-l,--lonely", lonely, "alone").env("READERS_LONELY", "no").without_verb();
    o.count("-v,--verbose", verbose, "say more");
    o.value("-n,--count,--number", "N", count, "how many").between(1, 100).env("READERS_COUNT");
    o.value("-w,--wait", "SECONDS", wait, "wait this long");
    o.value("-4,--scope", "SCOPE", scope, "scope").one_of({"private", "cluster"}).env("READERS_SCOPE");
    o.value("--label", "TEXT", labels, "repeatable").env("READERS_LABEL");
    o.does([]() -> Result<Exit> { return Exit::done; });
    Options& merge = o.verb("merge", "one from many");
    merge.flag("--deep", deep, "deep").env("READERS_DEEP").excludes("--by");
    merge.choice("--by", "ORDER", order, {{"wall", Order::wall}, {"hlc", Order::hlc}}, "order");
    merge.value("-p,--port", "N", ports, "ports").between(1, 9);
    merge.value("-o,--output", "FILE", file, "file").completes(Completion::file).needs("--port");
    merge.mode("--some", what, What::some, "not all");
    merge.operands("LOG", logs, 1, any_number, "logs");
    Options& run = o.verb("run", "a command");
    run.flag("--lonely", lonely, "alone, too").env("READERS_LONELY");
    run.operand("GROUP", group, "the group").command(command);
  }

  // All that a reader can have changed, in one text.
  std::string state(const Words& words, OptionReader* reader) {
    const auto request = o.parse(words, reader);
    if (!request) return request.error().text();
    std::string text = o.chosen().title();
    for (const bool set : {quiet, lonely, deep, what == What::some, order == Order::hlc, command.shell})
      text += set ? " yes" : " no";
    text += " " + std::to_string(static_cast<int>(*request)) + " " + std::to_string(verbose) + " " +
            std::to_string(count) + " " + (wait ? std::to_string(wait->count()) : "none") + " " + scope +
            "|" + group + "|" + file;
    for (const auto* list : {&labels, &logs, &command.argv}) {
      text += "|";
      for (const std::string& word : *list) text += word + ",";
    }
    for (const std::uint16_t port : ports) text += " " + std::to_string(port);
    return text;
  }
};

std::string by_table(const Words& words) {
  return Tool().state(words, &read_by_table);
}
std::string by_app(const Words& words) {
  return Tool().state(words, &read_by_app);
}

const Words variables = {"READERS_QUIET", "READERS_LONELY", "READERS_COUNT",
                         "READERS_SCOPE", "READERS_LABEL",  "READERS_DEEP"};

}  // namespace

TEST_CASE(
    "both readers store what is on the line, and refuse the first wrong value by the name that was given") {
  CHECK(by_app({"-qvv", "-n7", "--label=", "--label", "[a,b]", "--label={}", "-4", "cluster"}) ==
        "tool yes no no no no no 0 2 7 none cluster|||,[a,b],{},||");
  CHECK(by_app({"-v", "merge", "--by=hlc", "a", "-p1", "-p2", "--", "-x"}) ==
        "tool merge no no no no yes no 0 1 0 none private||||a,-x,| 1 2");
  CHECK(by_app({"--number", "101"}) == "--number: '101' is out of range: give 1 to 100");
  CHECK(by_app({"-w", "soon", "-n", "x"}) ==
        "-w: 'soon' is not a number of seconds: give seconds, e.g. 2 or 0.25, or a unit: 250ms, 10s, 5m, 1h, "
        "2d");
  CHECK(by_app({"-n", "x", "-w", "soon"}) == "-n: 'x' is not a whole number: give decimal digits");
  CHECK(by_app({"-n", "5", "--count", "0", "-n", "6"}) == "--count: '0' is out of range: give 1 to 100");
  CHECK(by_app({"--scope", "moon"}) == "--scope: 'moon' is not known: give private or cluster");
  CHECK(by_app({"merge", "-o", "", "a"}) == "-o: is empty: give a path, or leave it out");
}

TEST_CASE("an option of the tool and of its verb is the verb's, before the verb as well") {
  CHECK(by_app({"--lonely", "run", "g", "ls", "-v"}) == by_table({"--lonely", "run", "g", "ls", "-v"}));
  CHECK(by_app({"--lonely", "run", "g", "ls", "-v"}).starts_with("tool run no yes no"));
}

TEST_CASE("both readers agree on every line in every environment") {
  static const Words pieces = {"-",       "--",       "---",      "-w",   "-w1",      "-wx",       "--wait",
                               "--wait=", "--wait=1", "=",        "-c",   "-q",       "-n",        "-n5",
                               "-nq",     "-n=1",     "-q-",      "--by", "--by=hlc", "wall",      "hlc",
                               "{}",      "[]",       "[a,b]",    "",     "x",        "%%",        "++",
                               "--=",     "--x=",     "-=",       "-!",   "-5",       "-4",        "-4x",
                               "cluster", "merge",    "run",      "1",    "5",        "a,",        "''",
                               "\xff\n",  "-vv",      "--deep",   "-p",   "-p3",      "--port",    "-o",
                               "f",       "--some",   "--lonely", "-l",   "--label",  "--number=3"};
  static const Words texts = {"yes", "no", "1", "0", "true", "false", "", "maybe", "cluster", "[a,b]", "7"};
  Random random(12);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    Words words(random.below(8));
    for (std::string& word : words) {
      word = pieces[random.below(pieces.size())];
      if (random.below(10) == 0) word += pieces[random.below(pieces.size())];
    }
    if (random.below(2) == 0) words.insert(words.begin(), random.below(2) == 0 ? "merge" : "run");
    for (const std::string& variable : variables) {
      ::unsetenv(variable.c_str());
      if (random.below(8) == 0) ::setenv(variable.c_str(), texts[random.below(texts.size())].c_str(), 1);
    }
    const std::string expected = by_table(words);
    REQUIRE(by_app(words) == expected);
    accepted += expected.starts_with("tool ") ? 1 : 0;
  }
  for (const std::string& variable : variables) ::unsetenv(variable.c_str());
  CHECK(accepted > 2'000);
}
