// SPDX-License-Identifier: MIT
// Merging logs: causality always, ties as asked, bounded memory where the logs are in
// order, and a word about cycles.
#include <catch2/catch.hpp>
#include <map>

#include "clock_logical_logs.hpp"

using namespace coord;
using namespace coord::clock;
using namespace coord::clock::test;

namespace {

// Every line must come after all that its clock names, as far as `text` has them.
void check_causal(const std::string& text) {
  HostTable hosts;
  LineParser parser(hosts);
  std::map<HostIndex, std::uint64_t> written;
  std::map<std::pair<HostIndex, std::uint64_t>, bool> present;
  const auto lines = lines_of(text);
  LogLine line;
  for (const auto& raw : lines) {
    REQUIRE(parser.parse(raw, line) == nullptr);
    present[{line.host, line.own}] = true;
  }
  std::map<std::pair<HostIndex, std::uint64_t>, bool> seen;
  for (const auto& raw : lines) {
    REQUIRE(parser.parse(raw, line) == nullptr);
    for (const auto& entry : line.clock.entries) {
      const std::uint64_t last = entry.host == line.host ? entry.count - 1 : entry.count;
      for (std::uint64_t own = last; own > 0 && own + 3 > last; --own) {
        if (present.count({entry.host, own}) > 0 && seen.count({entry.host, own}) == 0) {
          INFO(raw);
          FAIL("comes before its cause " << hosts.name(entry.host) << "=" << own);
        }
      }
    }
    seen[{line.host, line.own}] = true;
  }
}

std::string sorted_lines(const std::string& text) {
  auto lines = lines_of(text);
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("an answer never precedes its question, whatever the wall clocks say") {
  const std::string a =
      "a {\"a\":1} @2026-01-01T00:00:10Z asks\na {\"a\":2,\"b\":2} @2026-01-01T00:00:11Z has the answer\n";
  const std::string b =
      "b {\"a\":1,\"b\":1} @2026-01-01T00:00:01Z is asked\nb {\"a\":1,\"b\":2} @2026-01-01T00:00:02Z "
      "answers\n";
  const std::string right =
      "a {\"a\":1} @2026-01-01T00:00:10Z asks\nb {\"a\":1,\"b\":1} @2026-01-01T00:00:01Z is asked\n"
      "b {\"a\":1,\"b\":2} @2026-01-01T00:00:02Z answers\na {\"a\":2,\"b\":2} @2026-01-01T00:00:11Z has the "
      "answer\n";
  CHECK(merged({a, b}) == right);
  CHECK(merged({b, a}) == right);
  CHECK(merged({b, a}, MergeOrder::wall) == right);
}

TEST_CASE("concurrent lines go by wall or hybrid time where that is asked for") {
  const std::string a = "a {\"a\":1} @2026-01-01T00:00:03Z x\n", b = "b {\"b\":1} @2026-01-01T00:00:02Z y\n";
  CHECK(merged({a, b}) == a + b);
  CHECK(merged({a, b}, MergeOrder::wall) == b + a);
  const std::string c = "c {\"c\":1} @2026-01-01T00:00:03.000Z.0001 x\n",
                    d = "d {\"d\":1} @2026-01-01T00:00:03.000Z.0000 y\n";
  CHECK(merged({c, d}, MergeOrder::hybrid) == d + c);
  CHECK(merged({a, c}, MergeOrder::wall) ==
        "error: log2:1: the line has no wall time: stamp with --wall, or merge without --by wall");
  CHECK(merged({a, c}, MergeOrder::hybrid) ==
        "error: log1:1: the line has no hybrid time: stamp with --hlc, or merge without --by hlc");
}

TEST_CASE("random runs merge into an order of causes, with a line a log in memory") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Run run = random_run(seed, 2 + seed % 7, 400);
    for (const MergeOrder order : {MergeOrder::clock, MergeOrder::wall}) {
      INFO("seed " << seed);
      std::size_t held = 0;
      const std::string out = merged(run.logs, order, true, &held);
      check_causal(out);
      CHECK(sorted_lines(out) == sorted_lines(run.all));
      CHECK(held <= run.logs.size());
    }
    CHECK(merged(run.logs) == merged({merged(run.logs)}));  // merging a merged log changes nothing
    std::vector<std::string> reversed(run.logs.rbegin(), run.logs.rend());
    CHECK(merged(run.logs) == merged(reversed));
  }
}

TEST_CASE("logs in any disorder merge into an order of causes") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    const Run run = random_run(seed, 4, 200);
    Random random(seed);
    auto lines = lines_of(run.all);
    for (std::size_t i = lines.size(); i > 1; --i) std::swap(lines[i - 1], lines[random.below(i)]);
    std::vector<std::string> logs(3);
    for (const auto& line : lines) logs[random.below(3)] += line + "\n";
    for (const bool rewinds : {true, false}) {
      const std::string out = merged(logs, MergeOrder::clock, rewinds);
      check_causal(out);
      CHECK(sorted_lines(out) == sorted_lines(run.all));
    }
  }
}

TEST_CASE("what no log has is not waited for") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Run run = random_run(seed, 5, 500);
    std::size_t held = 0;
    run.logs.pop_back();           // a host's log was not given
    auto& cut = run.logs.front();  // another begins in the middle
    cut = cut.substr(cut.find('\n', cut.size() / 2) + 1);
    auto middle = lines_of(run.logs[1]);  // of a third, every fifth line is lost
    run.logs[1].clear();
    for (std::size_t i = 0; i < middle.size(); ++i) {
      if (i % 5 != 3) run.logs[1] += middle[i] + "\n";
    }
    std::string all;
    for (const auto& log : run.logs) all += log;
    for (const bool rewinds : {true, false}) {
      const std::string out = merged(run.logs, MergeOrder::clock, rewinds, &held);
      check_causal(out);
      CHECK(sorted_lines(out) == sorted_lines(all));
      if (rewinds) CHECK(held <= 40);  // the lost lines of the third log are looked for a little further on
    }
  }
}

TEST_CASE("a cycle is an error that names it") {
  CHECK(merged({"a {\"a\":1,\"b\":1} x\n", "b {\"a\":1,\"b\":1} y\n"}) ==
        "error: log2:1: b=1 comes before a=1 and after it: the logs are not valid: see dclock validate");
  CHECK(merged({"a {\"a\":1,\"c\":1} x\n", "b {\"a\":1,\"b\":1} y\nb {\"a\":1,\"b\":2} y\n",
                "c {\"b\":2,\"c\":1} z\n"})
            .rfind("error: log", 0) == 0);
}

TEST_CASE("lines that cannot be merged") {
  CHECK(merged({"a {\"b\":1} x\n"}) ==
        "error: log1:1: the clock has no entry of its own host: see all mistakes: dclock validate");
  CHECK(merged({"a {\"a\":1} x\n", "b {\"@lamport\":1} x\n"}) ==
        "error: log2:1: a lamport clock among vector clocks: merge logs of one kind");
  CHECK(merged({"a {\"a\":1} x\nnonsense\n"}) ==
        "error: log1:2: the line has no clock after the host: a line is HOST {\"HOST\":n,...} text; "
        "--skip-bad goes on");
}

TEST_CASE("bad lines are skipped and counted where that is asked for") {
  HostTable hosts;
  LogMerge merge(hosts, MergeOrder::clock);
  merge.add(
      reader("a.log", "a {\"a\":1} x\nnonsense\n\na {\"b\":2} no own\na {\"a\":2} y", hosts, BadLines::skip));
  std::string out;
  for (auto event = merge.next(); event && *event != nullptr; event = merge.next())
    out += std::string((*event)->line.text);
  CHECK(out == "xy");
  CHECK(merge.skipped() == 3);
}

TEST_CASE("scalar clocks merge by counter and host, in order or not") {
  const std::string a = "a {\"@lamport\":1} p\na {\"@lamport\":4} q\n",
                    b = "b {\"@lamport\":1} r\nb {\"@lamport\":2} s\n";
  const std::string right =
      "a {\"@lamport\":1} p\nb {\"@lamport\":1} r\nb {\"@lamport\":2} s\na {\"@lamport\":4} q\n";
  std::size_t held = 0;
  CHECK(merged({a, b}, MergeOrder::clock, true, &held) == right);
  CHECK(held <= 2);
  CHECK(merged({b, a}, MergeOrder::clock, false) == right);
  CHECK(
      merged({"b {\"@lamport\":2} s\na {\"@lamport\":4} q\na {\"@lamport\":1} p\nb {\"@lamport\":1} r\n"}) ==
      right);
}

TEST_CASE("lines arrive whole however the bytes come, up to the limit") {
  const std::string text = "a {\"a\":1} x\na {\"a\":2} " + std::string(200'000, 'y') + "\na {\"a\":3} last";
  for (const std::size_t step : {1U, 7U, 65'536U}) {
    HostTable hosts;
    auto log = reader("log", text, hosts, BadLines::stop, true, step);
    LogLine line;
    std::vector<std::size_t> sizes;
    while (log->next(line).value()) sizes.push_back(line.text.size());
    CHECK(sizes == std::vector<std::size_t>{1, 200'000, 4});
  }
  HostTable hosts;
  auto log = reader("log", "a {\"a\":1} " + std::string(5'000'000, 'y') + "\na {\"a\":2} z\n", hosts,
                    BadLines::stop);
  LogLine line;
  const auto read = log->next(line);
  REQUIRE_FALSE(read);
  CHECK(read.error().what == "the line is longer than 1 MiB");
  CHECK(read.error().object == "log:1");
  CHECK(log->next(line).value());
  CHECK(line.own == 2);
}
