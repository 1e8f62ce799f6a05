// SPDX-License-Identifier: MIT
// Compiled twice: whatever reads a command line into the table does so by these rules and with these words.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/random.hpp"
#include "cli/options.hpp"
#ifdef COORD_READ_BY_APP
#include "cli_app/read_by_app.hpp"
#endif

using namespace coord;
using namespace coord::cli;
using namespace std::chrono_literals;

namespace {

#ifdef COORD_READ_BY_APP
OptionReader* const reader = &read_by_app;
#else
OptionReader* const reader = &read_by_table;
#endif

using Words = std::vector<std::string>;

// A lock tool in miniature: modes, a command, values of every kind.
struct Lock {
  enum class What { run, list, release, fence };
  enum class Order { wall, hlc };
  bool quiet = false, nonblock = false, no_autostart = false, yes = false;
  int verbose = 0;
  std::optional<Duration> wait;
  std::uint16_t slots = 1;
  std::optional<std::uint64_t> token;
  std::string scope = "private", fence;
  Order order = Order::wall;
  std::vector<std::string> labels, names;
  What what = What::run;
  Command command;
  Options o{"dlock", "run a command while holding a named lock"};

  Lock() {
    o.synopsis("[options] NAME [--] COMMAND [ARG...]");
    o.flag("-n,--nonblock,--nb", nonblock, "fail at once").excludes("--wait");
    o.value("-w,--wait,--timeout", "SECONDS", wait, "wait this long");
    o.value("--slots", "N", slots, "holders").between(1, 1000).without_mode({"--release"});
    o.value("--token", "N", token, "token").only_with({"--release", "--fence"});
    o.value("--scope", "SCOPE", scope, "scope").one_of({"private", "cluster"}).env("CLI_TEST_SCOPE");
    o.flag("--no-autostart", no_autostart, "start nothing").env("CLI_TEST_AUTOSTART", "no");
    o.choice("--by", "ORDER", order, {{"wall", Order::wall}, {"hlc", Order::hlc}}, "order");
    o.value("--label", "TEXT", labels, "repeatable");
    o.flag("-q,--quiet", quiet, "say less");
    o.count("-v,--verbose", verbose, "say more");
    o.flag("--yes", yes, "do not ask").needs("--release");
    o.value("--fence", "FILE", fence, "check a token").operands(0, 0).needs("--token");
    o.mode("--list", what, What::list, "list").operands(0, any_number);
    o.mode("--release", what, What::release, "release");
    o.operands("NAME", names, 1, 1, "the lock").command(command);
    o.example("dlock backup backup.sh", "");
  }

  std::string error(const Words& words) {
    auto parsed = o.parse(words, reader);
    if (parsed) return "";
    CHECK(parsed.error().kind == ErrorKind::usage);
    return parsed.error().text();
  }
};

}  // namespace

TEST_CASE("options end at the first operand of a tool that takes a command") {
  Lock lock;
  REQUIRE(lock.error({"-n", "backup", "ls", "-q", "--list"}) == "");
  CHECK(lock.nonblock);
  CHECK_FALSE(lock.quiet);
  CHECK(lock.names == Words{"backup"});
  CHECK(lock.command.argv == Words{"ls", "-q", "--list"});
}

TEST_CASE("one -- directly after NAME is dropped, a second one is the command's") {
  Lock lock;
  REQUIRE(lock.error({"backup", "--", "--", "x"}) == "");
  CHECK(lock.command.argv == Words{"--", "x"});
  Lock second;
  REQUIRE(second.error({"backup", "ls", "--", "x"}) == "");
  CHECK(second.command.argv == Words{"ls", "--", "x"});
  Lock third;
  REQUIRE(third.error({"-q", "--", "-name", "ls"}) == "");
  CHECK(third.names == Words{"-name"});
}

TEST_CASE("a -c TEXT directly after NAME is a shell command") {
  ::setenv("SHELL", "/bin/dash", 1);
  Lock lock;
  REQUIRE(lock.error({"backup", "-c", "a | b"}) == "");
  CHECK(lock.command.argv == Words{"/bin/dash", "-c", "a | b"});
  CHECK(lock.command.shell);
  ::unsetenv("SHELL");
  Lock plain;
  REQUIRE(plain.error({"backup", "-c", "x"}) == "");
  CHECK(plain.command.argv.front() == "/bin/sh");
  Lock dashed;
  REQUIRE(dashed.error({"backup", "--", "-c", "x"}) == "");
  CHECK_FALSE(dashed.command.shell);
  CHECK(dashed.command.argv == Words{"-c", "x"});
  CHECK(Lock().error({"backup", "-c"}) == "-c: its command is missing: quote the command: -c 'TEXT'");
  CHECK(Lock().error({"backup", "-c", "a", "b"}) == "-c: takes one argument: quote the command: -c 'TEXT'");
}

TEST_CASE("values are read strictly and in every spelling") {
  Lock lock;
  REQUIRE(lock.error({"-w.25", "--slots=3", "--label", "-x", "--label=", "--label={}", "--by=hlc", "-vqv",
                      "n", "c"}) == "");
  CHECK(lock.wait == Duration(250ms));
  CHECK(lock.slots == 3);
  CHECK(lock.labels == Words{"-x", "", "{}"});
  CHECK(lock.order == Lock::Order::hlc);
  CHECK(lock.verbose == 2);
  CHECK(lock.quiet);
  Lock aliases;
  REQUIRE(aliases.error({"--timeout", "1", "--timeout", "2", "n", "c"}) == "");
  CHECK(aliases.wait == Duration(2s));  // the last one counts, as everywhere
  Lock brackets;
  REQUIRE(brackets.error({"--label", "[a,b]", "n", "c"}) == "");
  CHECK(brackets.labels == Words{"[a,b]"});
}

TEST_CASE("usage errors are one line that names the option as it was given") {
  CHECK(Lock().error({"--wobble", "x"}) == "--wobble: unknown option: see dlock --help");
  CHECK(Lock().error({"-Z", "x"}) == "-Z: unknown option: see dlock --help");
  CHECK(Lock().error({"-w"}) == "-w: its value is missing: give it as -w SECONDS");
  CHECK(Lock().error({"--timeout=soon", "n", "c"}) ==
        "--timeout: 'soon' is not a number of seconds: give seconds, e.g. 2 or 0.25, or a unit: 250ms, 10s, "
        "5m, 1h, 2d");
  CHECK(Lock().error({"--slots", "2", "--release", "n"}).empty());
  CHECK(Lock().error({"--slots", "2", "--list"}) ==
        "--slots: cannot be combined with --list: give one of them");
  CHECK(Lock().error({"--slots", "0", "n", "c"}) == "--slots: '0' is out of range: give 1 to 1000");
  CHECK(Lock().error({"--slots=99999999999999999999", "n", "c"}) ==
        "--slots: '99999999999999999999' is out of range: give 1 to 1000");
  CHECK(Lock().error({"--quiet=yes", "n", "c"}) == "--quiet: takes no value: leave out the part from = on");
  CHECK(Lock().error({"--scope", "moon", "n", "c"}) ==
        "--scope: 'moon' is not known: give private or cluster");
  CHECK(Lock().error({"--by", "size", "n", "c"}) == "--by: 'size' is not known: give wall or hlc");
  CHECK(Lock().error({}) == "NAME: is missing: see dlock --help");
  CHECK(Lock().error({"n"}) == "COMMAND: is missing: see dlock --help");
  CHECK(Lock().error({"n", "--"}) == "COMMAND: is missing: see dlock --help");
  CHECK(Lock().error({"n", ""}) == "COMMAND: is empty: give the program's name");
  CHECK(Lock().error({"-n", "-w1", "n", "c"}) == "-n: cannot be combined with -w: give one of them");
  CHECK(Lock().error({"--list", "--release"}) ==
        "--release: cannot be combined with --list: give one of them");
  CHECK(Lock().error({"--token", "7", "n", "c"}) ==
        "--token: works only with --release or --fence: leave it out");
  CHECK(Lock().error({"--yes", "n", "c"}) == "--yes: needs --release: give both");
  CHECK(Lock().error({"--release", "a", "b"}) == "'b': is one operand too many: see dlock --help");
  CHECK(Lock().error({"--slots", "\x1b[2J", "n", "c"}).find('\x1b') == std::string::npos);
}

TEST_CASE("a mode takes no command, and its options may follow its operands") {
  Lock lock;
  REQUIRE(lock.error({"--release", "backup", "--token", "9", "--yes"}) == "");
  CHECK(lock.what == Lock::What::release);
  CHECK(lock.token == 9U);
  CHECK(lock.names == Words{"backup"});
  Lock list;
  REQUIRE(list.error({"--list"}) == "");
  REQUIRE(list.names.empty());
  Lock twice;
  REQUIRE(twice.error({"--list", "a", "b", "--", "-c"}) == "");
  CHECK(twice.names == Words{"a", "b", "-c"});
}

TEST_CASE("an option may change how many operands come before the command") {
  Lock lock;
  REQUIRE(lock.error({"--fence", "file", "--token", "9", "--", "sh", "-x"}) == "");
  CHECK(lock.names.empty());
  CHECK(lock.command.argv == Words{"sh", "-x"});
}

TEST_CASE("the environment gives what the command line does not, configuration what neither does") {
  ::setenv("CLI_TEST_SCOPE", "cluster", 1);
  ::setenv("CLI_TEST_AUTOSTART", "no", 1);
  Lock lock;
  REQUIRE(lock.error({"n", "c"}) == "");
  CHECK(lock.scope == "cluster");
  CHECK(lock.no_autostart);
  CHECK(lock.o.configure("scope", "private", "f:1").ok());
  CHECK(lock.scope == "cluster");
  REQUIRE(lock.o.configure("slots", "4", "f:2").ok());
  CHECK(lock.slots == 4);
  CHECK(lock.o.configure("slots", "many", "f:3").error().text() ==
        "f:3: slots: 'many' is not a whole number: give decimal digits");
  CHECK(lock.o.configure("colour", "red", "f:4").error().text() ==
        "f:4: colour: unknown key: keys are the long options of dlock with _ for -");
  CHECK_FALSE(lock.o.configure("no-autostart", "true", "f:5").ok());
  CHECK_FALSE(lock.o.configure("list", "true", "f:6").ok());

  Lock given;
  REQUIRE(given.error({"--scope", "private", "n", "c"}) == "");
  CHECK(given.scope == "private");
  ::setenv("CLI_TEST_SCOPE", "moon", 1);
  CHECK(Lock().error({"n", "c"}) == "CLI_TEST_SCOPE: 'moon' is not known: give private or cluster");
  ::setenv("CLI_TEST_SCOPE", "", 1);
  ::setenv("CLI_TEST_AUTOSTART", "maybe", 1);
  CHECK(Lock().error({"n", "c"}) == "CLI_TEST_AUTOSTART: 'maybe' is not known: give yes or no");
  ::setenv("CLI_TEST_AUTOSTART", "yes", 1);
  Lock off;
  REQUIRE(off.error({"n", "c"}) == "");
  CHECK_FALSE(off.no_autostart);
  ::unsetenv("CLI_TEST_SCOPE");
  ::unsetenv("CLI_TEST_AUTOSTART");
}

TEST_CASE("a tool of verbs: each has its own options, the tool's work before and after") {
  bool json = false, deep = false;
  std::vector<std::string> logs;
  std::string one, two, ran;
  const auto parse = [&](const Words& words) {
    Options o("dclock", "logical time");
    o.flag("--json", json, "JSON");
    Options& merge = o.verb("merge", "one log from many");
    merge.flag("--deep", deep, "deep");
    merge.operands("LOG", logs, 1, any_number, "logs");
    merge.does([&]() -> Result<Exit> { return ran = "merge", Exit::done; });
    Options& compare = o.verb("compare", "order of two");
    compare.operand("A", one, "first").operand("B", two, "second").does([&]() -> Result<Exit> {
      return ran = "compare", Exit::after;
    });
    auto request = o.parse(words, reader);
    if (!request) return request.error().text();
    CHECK(o.chosen().action()().ok());
    return ran;
  };
  CHECK(parse({"merge", "a", "--deep", "b", "--json"}) == "merge");
  CHECK((json && deep));
  CHECK(logs == Words{"a", "b"});
  CHECK(parse({"--json", "compare", "x", "y"}) == "compare");
  CHECK((one == "x" && two == "y"));
  CHECK(parse({"compare", "x"}) == "B: is missing: see dclock compare --help");
  CHECK(parse({"--deep", "x"}) == "--deep: is for `dclock merge`: give merge before it");
  CHECK(parse({"compare", "--deep", "x"}) == "--deep: unknown option: see dclock compare --help");
  CHECK(parse({"marge"}) == "'marge': is not a command of dclock: did you mean merge?");
  CHECK(parse({"squash"}) == "'squash': is not a command of dclock: see dclock --help");
  CHECK(parse({"merge", "--depe", "a"}) == "--depe: unknown option: did you mean --deep?");
  CHECK(parse({}) == "nothing to do: give one of the commands of dclock --help");
}

TEST_CASE("a tool of verbs with an action of its own: its options may be for that alone") {
  std::string ran;
  bool all = false, json = false;
  const auto parse = [&](const Words& words) {
    Options o("dsnapshot", "a picture");
    o.flag("--json", json, "JSON");
    o.flag("-a,--all", all, "all").without_verb();
    o.does([&]() -> Result<Exit> { return ran = "itself", Exit::done; });
    o.verb("list", "those that are kept").does([&]() -> Result<Exit> { return ran = "list", Exit::done; });
    auto request = o.parse(words, reader);
    if (!request) return request.error().text();
    CHECK(o.chosen().action()().ok());
    return ran;
  };
  CHECK(parse({"--all", "--json"}) == "itself");
  CHECK((all && json));
  CHECK(parse({}) == "itself");
  CHECK(parse({"--json", "list", "--json"}) == "list");
  CHECK(parse({"list", "--all"}) == "--all: is for `dsnapshot` without a command: leave out list");
  CHECK(parse({"--all", "list"}) == "--all: does not go with one of the commands: see dsnapshot --help");
  CHECK(parse({"lost"}) == "'lost': is not a command of dsnapshot: did you mean list?");
  CHECK(parse({"--", "lost"}) == "'lost': is not a command of dsnapshot: did you mean list?");
}

TEST_CASE("an option may have a value that is given with = only") {
  std::optional<Duration> live;
  Words rest;
  const auto parse = [&](const Words& words) {
    live.reset();
    Options o("tool", "a tool");
    o.value("--live", "SECONDS", live, "again and again").implied("2").between(100ms, 1h);
    o.operands("NAME", rest, 0, any_number, "names");
    const auto request = o.parse(words);
    return request ? std::string() : request.error().text();
  };
  CHECK(parse({"--live", "5"}).empty());
  CHECK(live == 2s);
  CHECK(rest == Words{"5"});
  CHECK(parse({"--live=5m", "x"}).empty());
  CHECK(live == 300s);
  CHECK(parse({"--live=0"}) == "--live: '0' is out of range: give at least 0.1 seconds");
  CHECK(parse({"--lvie"}) == "--lvie: unknown option: did you mean --live?");
  Options o("tool", "a tool");
  o.value("--live", "SECONDS", live, "again and again").implied("2");
  const std::string help = o.help();
  CHECK(help.find("--live[=SECONDS]") != std::string::npos);
  const std::string units = "SECONDS: 2 or 0.25, or with a unit: 250ms, 10s, 5m, 1h, 2d\n";
  CHECK(help.find(units) != std::string::npos);
  CHECK(help.find(units) == help.rfind(units));
}

TEST_CASE("asking for --help wins over everything around it") {
  Lock lock;
  auto request = lock.o.parse({"--slots", "3", "--help", "--wobble"}, reader);
  REQUIRE(request.ok());
  CHECK(*request == Options::Request::help);
  CHECK(*Lock().o.parse({"-V"}, reader) == Options::Request::version);
  CHECK(*Lock().o.parse({"n", "ls", "--help"}, reader) == Options::Request::act);
}

TEST_CASE("help fits a screen and ends with EXAMPLES, however many options there are") {
  Lock lock;
  for (const int extra : {0, 40}) {
    bool sink = false;
    for (int i = 0; i < extra; ++i)
      lock.o.flag("--another-option-" + std::to_string(i), sink,
                  "a text that is long enough to reach beyond the edge of the screen");
    const std::string help = lock.o.help();
    std::size_t lines = 0, begin = 0;
    for (std::size_t end = help.find('\n'); end != std::string::npos;
         begin = end + 1, end = help.find('\n', begin)) {
      ++lines;
      CHECK(end - begin <= 80);
    }
    if (extra == 0) CHECK(lines <= 24);
    CHECK(begin == help.size());
    CHECK(help.find("EXAMPLES\n  dlock backup backup.sh\n") == help.size() - 34);
    CHECK(help.starts_with("usage: dlock [options] NAME [--] COMMAND [ARG...]\n"));
    CHECK(help.find("-w, --wait SECONDS") != std::string::npos);
  }
}

TEST_CASE("no command line crashes, throws, or ends in anything but an act or a usage error") {
  static const std::vector<std::string> pieces = {
      "-",  "--", "---", "-w",     "-w1",       "-wx",  "--wait",  "--wait=", "--wait=1", "=",  "-c",
      "-q", "-n", "-nq", "-n=1",   "-q-",       "--by", "wall",    "hlc",     "{}",       "[]", "[a,b]",
      "",   "x",  "%%",  "\xff\n", "--=",       "--x=", "-=",      "--list",  "--slots",  "1",  "--label",
      "a,", "''", "\"",  "--nb",   "--verbose", "-vv",  "--fence", "--token", "--release"};
  Random random(7);
  for (int round = 0; round < 5'000; ++round) {
    Words words(random.below(8));
    for (std::string& word : words) {
      word = pieces[random.below(pieces.size())];
      if (random.below(10) == 0) word += pieces[random.below(pieces.size())];
    }
    Lock lock;
    const auto parsed = lock.o.parse(words, reader);
    if (!parsed) REQUIRE(parsed.error().kind == ErrorKind::usage);
    if (parsed && *parsed == Options::Request::act && lock.what == Lock::What::run)
      REQUIRE_FALSE(lock.command.argv.empty());
  }
}
