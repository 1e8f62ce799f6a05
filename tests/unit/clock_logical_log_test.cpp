// SPDX-License-Identifier: MIT
// What a log in memory can be asked: validity, cuts, order, skew, what may be discarded.
#include <catch2/catch.hpp>
#include <set>

#include "clock/log_cut.hpp"
#include "clock/log_discard.hpp"
#include "clock/log_order.hpp"
#include "clock/log_skew.hpp"
#include "clock/log_validate.hpp"
#include "clock_logical_logs.hpp"

using namespace coord;
using namespace coord::clock;
using namespace coord::clock::test;
using namespace std::chrono_literals;

namespace {

// "file:line rule host" of every violation.
std::vector<std::string> violations(const std::vector<std::string>& texts, std::size_t most = 100) {
  HostTable hosts;
  std::vector<LogReader> logs;
  for (std::size_t i = 0; i < texts.size(); ++i)
    logs.push_back(std::move(*reader(std::to_string(i + 1), texts[i], hosts)));
  const auto validation = validate(logs, hosts, most);
  if (!validation) return {"error: " + validation.error().text()};
  std::vector<std::string> out;
  for (const auto& v : validation->violations) {
    out.push_back(std::to_string(v.log + 1) + ":" + std::to_string(v.line_number) + " " +
                  std::string(to_string(v.rule)) + " " + hosts.name(v.host));
  }
  return out;
}

using Lines = std::vector<std::string>;

// The three-process diagram: P3 sends h to P2 (receives at d), P2 sends e to P1 (receives at c).
const Lines diagram = {
    "P1 {\"P1\":1} a\nP1 {\"P1\":2} b\nP1 {\"P1\":3,\"P2\":2,\"P3\":2} c\n",
    "P2 {\"P2\":1,\"P3\":2} d\nP2 {\"P2\":2,\"P3\":2} e\nP2 {\"P2\":3,\"P3\":2} f\n",
    "P3 {\"P3\":1} g\nP3 {\"P3\":2} h\n",
};

std::set<std::string> names(const EventLog& log, const std::vector<EventIndex>& events) {
  std::set<std::string> out;
  for (const EventIndex event : events) out.insert(std::string(log.text(event)));
  return out;
}

}  // namespace

TEST_CASE("validate: what is right passes") {
  CHECK(violations(diagram).empty());
  CHECK(violations({""}).empty());
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Run run = random_run(seed, 5, 300);
    CHECK(violations(run.logs).empty());
    CHECK(violations({run.all}).empty());
    CHECK(violations(random_run(seed, 4, 100, ClockKind::matrix).logs).empty());
  }
}

TEST_CASE("validate: each rule, with file and line") {
  struct Row {
    const char* what;
    Lines logs;
    Lines expected;
  };
  const Row rows[] = {
      {"missing own entry", {"a {\"b\":1} x\n", "b {\"b\":1} y\n"}, {"1:1 missing-own-entry a"}},
      {"own entry of zero", {"a {\"a\":0} x\n"}, {"1:1 missing-own-entry a"}},
      {"unknown host, once", {"a {\"a\":1,\"x\":1} x\na {\"a\":2,\"x\":2} x\n"}, {"1:1 unknown-host a"}},
      {"unknown event",
       {"a {\"a\":1,\"b\":3} x\n", "b {\"b\":1} y\nb {\"b\":2} y\n"},
       {"1:1 unknown-event a"}},
      {"gap", {"a {\"a\":1} x\na {\"a\":3} x\n"}, {"1:2 gap a"}},
      {"first events missing", {"a {\"a\":4} x\n"}, {"1:1 gap a"}},
      {"duplicate in one log", {"a {\"a\":1} x\na {\"a\":1} y\n"}, {"1:2 duplicate a"}},
      {"duplicate in two logs", {"a {\"a\":1} x\n", "a {\"a\":1} y\n"}, {"2:1 duplicate a"}},
      {"an entry goes back",
       {"a {\"a\":1,\"b\":2} x\na {\"a\":2,\"b\":1} x\n", "b {\"b\":1} y\nb {\"b\":2} y\n"},
       {"1:2 regression a"}},
      {"an entry is forgotten",
       {"a {\"a\":1,\"b\":1} x\na {\"a\":2} x\n", "b {\"b\":1} y\n"},
       {"1:2 regression a"}},
      {"lines out of order", {"a {\"a\":2} x\na {\"a\":1} x\n"}, {"1:2 regression a"}},
      {"intransitive",
       {"a {\"a\":1} x\n", "b {\"a\":1,\"b\":1} y\n", "c {\"b\":1,\"c\":1} z\n"},
       {"3:1 intransitive c"}},
      {"cycle of two, seen from both",
       {"a {\"a\":1,\"b\":1} x\n", "b {\"a\":1,\"b\":1} y\n"},
       {"1:1 cycle a", "2:1 cycle b"}},
      {"a message from the future",
       {"a {\"a\":1,\"b\":2} x\na {\"a\":2,\"b\":2} s\n", "b {\"b\":1} y\nb {\"a\":2,\"b\":2} y\n"},
       {"1:1 cycle a", "2:2 cycle b"}},
      {"cycle of three under intransitive clocks",
       {"a {\"a\":1,\"c\":1} x\n", "b {\"a\":1,\"b\":1} y\n", "c {\"b\":1,\"c\":1} z\n"},
       {"1:1 intransitive a", "2:1 intransitive b", "2:1 cycle b", "3:1 intransitive c"}},
      {"Lamport: equal and falling",
       {"a {\"@lamport\":2} x\na {\"@lamport\":2} x\na {\"@lamport\":1} x\n"},
       {"1:2 duplicate a", "1:3 regression a"}},
      {"matrix: others cannot know more than their chronicler",
       {"a {\"a\":{\"a\":1},\"b\":{\"b\":1}} x\n", "b {\"b\":{\"b\":1}} y\n"},
       {"1:1 intransitive a"}},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    auto found = violations(row.logs);
    if (std::string(row.what).find("three") !=
        std::string::npos) {  // which of the three names the cycle is free
      CHECK(found.size() == 4);
      CHECK(std::count_if(found.begin(), found.end(),
                          [](const auto& v) { return v.find("cycle") != std::string::npos; }) == 1);
      continue;
    }
    CHECK(found == row.expected);
  }
}

TEST_CASE("validate: any single damage to a valid log is found") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Run run = random_run(seed, 4, 120);
    Random random(seed);
    auto lines = lines_of(run.all);
    const std::size_t victim = random.below(lines.size() - 20) + 5;
    switch (seed % 3) {
      case 0:
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(victim));
        break;  // a gap
      case 1:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(victim), lines[victim]);
        break;    // a duplicate
      default: {  // one entry of another host counted up beyond all that there is
        auto& line = lines[victim];
        const std::size_t brace = line.find('}');
        line.insert(brace, ",\"h9\":7");
      }
    }
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    INFO("seed " << seed);
    CHECK_FALSE(violations({text}).empty());
  }
}

TEST_CASE("validate: lists no more than asked") {
  const std::string text = "a {\"a\":1} x\na {\"a\":3} x\na {\"a\":5} x\na {\"a\":7} x\n";
  CHECK(violations({text}, 2).size() == 2);
}

TEST_CASE("validate: unreadable lines and mixed kinds are errors") {
  CHECK(violations({"a {\"a\":1} x\na 7\n"}) == Lines{"error: 1:2: the clock is not a JSON object: a line is "
                                                      "HOST {\"HOST\":n,...} text; --skip-bad goes on"});
  CHECK(violations({"a {\"a\":1} x\nb {\"@lamport\":1} x\n"}) ==
        Lines{"error: 1:2: a lamport clock among vector clocks: check logs of one kind"});
}

TEST_CASE("messages are the clocks' news, without what their sender already knew") {
  HostTable hosts;
  const EventLog log = loaded(diagram, hosts);
  std::vector<std::string> found;
  std::vector<Message> messages;
  log.each_with_previous([&](EventIndex event, EventIndex previous) {
    log.messages_into(event, previous, messages);
    for (const auto& m : messages)
      found.push_back(std::string(log.text(m.sender)) + std::string(log.text(event)));
  });
  CHECK(std::set<std::string>(found.begin(), found.end()) == std::set<std::string>{"hd", "ec"});
}

TEST_CASE("cut: consistent exactly if every receipt's sending is in it") {
  HostTable hosts;
  const EventLog log = loaded(diagram, hosts);
  const auto judge = [&](const char* text) { return judge_cut(log, parse_cut(text, log).value()); };
  CHECK(judge("P1=2,P2=1,P3=2").consistent());
  CHECK(judge("P1=0,P2=0,P3=0").consistent());
  CHECK(judge("P1=3,P2=3,P3=2").consistent());
  CHECK(judge("P3=2").in_flight.size() == 1);
  CHECK(judge("P3=2,P2=2").in_flight.size() == 1);
  const auto verdict = judge("P1=3,P2=1,P3=2");
  REQUIRE(verdict.violations.size() == 1);
  CHECK(log.text(verdict.violations[0].receiver) == "c");
  CHECK(log.text(verdict.violations[0].sender) == "e");
  CHECK(judge("P1=3").violations.size() == 1);  // only the message itself, not what its sender knew
  CHECK(judge("P2=1").violations.size() == 1);
}

TEST_CASE("cut: what is not one") {
  HostTable hosts;
  const EventLog log = loaded(diagram, hosts);
  for (const char* text :
       {"", "P1", "P1=", "P1=x", "=1", "P1=1,", "P1=1,P1=2", "P1=-1", "P1=99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_cut(text, log));
  }
  CHECK(parse_cut("P9=1", log).error().kind == ErrorKind::data);
  CHECK(parse_cut("P1=4", log).error().text() ==
        "P1=4: the last event logged is P1=3: choose one that exists");
}

TEST_CASE("cut: the largest one leaves out what knows of events that no log has") {
  HostTable hosts;
  // a has ended; b heard of a's third event, and c of that from b.
  const Lines logs = {"a {\"a\":1} x\na {\"a\":2} y\n",
                      "b {\"b\":1} u\nb {\"b\":2,\"a\":2} v\nb {\"b\":3,\"a\":3} w\nb {\"b\":4,\"a\":3} w\n",
                      "c {\"c\":1,\"b\":2,\"a\":2} r\nc {\"c\":2,\"b\":4,\"a\":3} s\n"};
  const EventLog log = loaded(logs, hosts);
  CHECK(largest_cut(log) == Cut{2, 2, 1});
  HostTable all_hosts;
  CHECK(largest_cut(loaded(diagram, all_hosts)) == Cut{3, 3, 2});
  HostTable fewer_hosts;
  CHECK(largest_cut(loaded({logs[1]}, fewer_hosts)).front() == 1);
}

TEST_CASE("cut: of a host whose log has a number twice, or none in between, the largest ends before that") {
  HostTable twice;
  const Lines two_runs = {"a {\"a\":1} x\na {\"a\":2} x\n", "a {\"a\":1} y\na {\"a\":2,\"b\":9} y\n",
                          "b {\"b\":1} x\nb {\"b\":2} y\n"};
  CHECK(largest_cut(loaded(two_runs, twice)) == Cut{1, 2});
  HostTable hole;
  const Lines gap = {"a {\"a\":1} x\na {\"a\":2,\"b\":3} y\n",
                     "b {\"b\":1} x\nb {\"b\":2} y\nb {\"b\":4} z\n"};
  CHECK(largest_cut(loaded(gap, hole)) == Cut{1, 2});
}

TEST_CASE("cut: agrees with the definition on random runs") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    HostTable hosts;
    const EventLog log = loaded(random_run(seed, 4, 60).logs, hosts);
    Random random(seed);
    Cut cut(hosts.size());
    for (HostIndex host = 0; host < hosts.size(); ++host) cut[host] = random.below(log.of(host).size() + 1);
    bool consistent = true;
    for (EventIndex a = 0; a < log.size(); ++a) {
      for (EventIndex b = 0; b < log.size(); ++b) {
        const bool a_in = log[a].own <= cut[log[a].host], b_in = log[b].own <= cut[log[b].host];
        if (happened_before(log, a, b) && b_in && !a_in) consistent = false;
      }
    }
    INFO("seed " << seed);
    CHECK(judge_cut(log, cut).consistent() == consistent);
  }
}

TEST_CASE("slice: past and future cones") {
  HostTable hosts;
  const EventLog log = loaded(diagram, hosts);
  const EventIndex e = find_event(log, "P2=2").value();
  CHECK(names(log, slice(log, e, Cone::past)) == std::set<std::string>{"g", "h", "d", "e"});
  CHECK(names(log, slice(log, e, Cone::future)) == std::set<std::string>{"e", "f", "c"});
  CHECK(names(log, slice(log, e, Cone::both)) == std::set<std::string>{"g", "h", "d", "e", "f", "c"});
  CHECK(names(log, concurrent_with(log, e)) == std::set<std::string>{"a", "b"});
  CHECK(find_event(log, "P2=9").error().kind == ErrorKind::data);
  CHECK(find_event(log, "P9=1").error().kind == ErrorKind::data);
  CHECK(find_event(log, "P2").error().kind == ErrorKind::usage);
}

TEST_CASE("concurrent: pairs, their number and the definition agree") {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    HostTable hosts;
    const EventLog log = loaded(random_run(seed, 2 + seed % 4, 80).logs, hosts);
    std::set<std::pair<EventIndex, EventIndex>> listed, defined;
    each_concurrent_pair(log,
                         [&](EventIndex a, EventIndex b) { CHECK(listed.insert(std::minmax(a, b)).second); });
    for (EventIndex a = 0; a < log.size(); ++a) {
      for (EventIndex b = a + 1; b < log.size(); ++b) {
        if (!happened_before(log, a, b) && !happened_before(log, b, a)) defined.insert({a, b});
      }
    }
    INFO("seed " << seed);
    CHECK(listed == defined);
    CHECK(count_concurrent(log) == defined.size());
  }
}

TEST_CASE("skew: bounds from one message each way") {
  // b is 3 s ahead of a; the request takes 1 s, the answer 2 s.
  HostTable hosts;
  const EventLog log =
      loaded({"a {\"a\":1} @2026-01-01T00:00:10Z s\na {\"a\":2,\"b\":2} @2026-01-01T00:00:13Z r\n",
              "b {\"a\":1,\"b\":1} @2026-01-01T00:00:14Z r\nb {\"a\":1,\"b\":2} @2026-01-01T00:00:14Z s\n"},
             hosts);
  const auto skew = measure_skew(log).value();
  REQUIRE(skew.bounds.size() == 1);
  CHECK(*skew.bounds[0].lower == 1s);
  CHECK(*skew.bounds[0].upper == 4s);
  CHECK(skew.bounds[0].messages == 2);
  CHECK(skew.constant);
  REQUIRE(skew.backwards.size() == 1);  // b's answer reached a before it was sent
  CHECK(log.text(skew.backwards[0].sender) == "s");
}

TEST_CASE("skew: no constant offset fits a clock that was stepped") {
  HostTable hosts;
  const EventLog log =
      loaded({"a {\"a\":1} @2026-01-01T00:00:10Z s\na {\"a\":2,\"b\":2} @2026-01-01T00:00:11Z r\n",
              "b {\"a\":1,\"b\":1} @2026-01-01T00:00:05Z r\nb {\"a\":1,\"b\":2} @2026-01-01T00:00:55Z s "
              "(stepped by 50 s)\n"},
             hosts);
  CHECK_FALSE(measure_skew(log)->constant);
}

TEST_CASE("skew: a host's own clock that went back") {
  struct Row {
    const char* what;
    const char* log;
    std::vector<std::string> steps;  // "event before by"
  };
  const Row rows[] = {
      {"in order", "a {\"a\":1} @2026-01-01T00:00:10Z x\na {\"a\":2} @2026-01-01T00:00:10Z x\n", {}},
      {"back",
       "a {\"a\":1} @2026-01-01T00:00:10Z x\na {\"a\":2} @2026-01-01T00:00:03Z x\na {\"a\":3} "
       "@2026-01-01T00:00:04Z x\n",
       {"a=2 a=1 7"}},
      {"twice",
       "a {\"a\":1} @2026-01-01T00:00:10Z x\na {\"a\":2} @2026-01-01T00:00:03Z x\na {\"a\":3} "
       "@2026-01-01T00:00:02Z x\n",
       {"a=2 a=1 7", "a=3 a=2 1"}},
      {"over events without a time",
       "a {\"a\":1} @2026-01-01T00:00:10Z x\na {\"a\":2} x\na {\"a\":3} @2026-01-01T00:00:09Z x\n",
       {"a=3 a=1 1"}},
      {"of two hosts that never spoke",
       "a {\"a\":1} @2026-01-01T00:00:10Z x\nb {\"b\":1} @2026-01-01T00:00:03Z x\na {\"a\":2} "
       "@2026-01-01T00:00:11Z x\nb {\"b\":2} @2026-01-01T00:00:02Z x\n",
       {"b=2 b=1 1"}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    HostTable hosts;
    const EventLog log = loaded({row.log}, hosts);
    const auto skew = measure_skew(log).value();
    std::vector<std::string> steps;
    for (const auto& step : skew.steps)
      steps.push_back(log.name(step.event) + " " + log.name(step.before) + " " +
                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(step.by).count()));
    CHECK(steps == row.steps);
    CHECK(skew.constant == row.steps.empty());
  }
}

TEST_CASE("skew: the truth lies within the bounds, for every pair of every run") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Run run = random_run(seed, 4, 300);
    HostTable hosts;
    const EventLog log = loaded(run.logs, hosts);
    const auto skew = measure_skew(log).value();
    CHECK(skew.constant);
    for (const auto& bound : skew.bounds) {
      const auto offset_of = [&](HostIndex host) {
        return run.offsets[std::stoul(hosts.name(host).substr(1))];
      };
      const Duration truth = offset_of(bound.to) - offset_of(bound.from);
      INFO("seed " << seed);
      REQUIRE(bound.lower);
      REQUIRE(bound.upper);
      CHECK(*bound.lower <= truth);
      CHECK(truth <= *bound.upper);
    }
  }
}

TEST_CASE("skew: hosts that never spoke are unbounded, and logs without wall times say so") {
  HostTable hosts;
  const EventLog log =
      loaded({"a {\"a\":1} @2026-01-01T00:00:10Z x\n", "b {\"b\":1} @2026-01-01T00:00:10Z y\n"}, hosts);
  const auto skew = measure_skew(log).value();
  REQUIRE(skew.bounds.size() == 1);
  CHECK_FALSE(skew.bounds[0].lower);
  CHECK_FALSE(skew.bounds[0].upper);
  HostTable bare_hosts;
  CHECK(measure_skew(loaded(diagram, bare_hosts)).error().kind == ErrorKind::data);
}

TEST_CASE("discard: nothing goes before all are known to know it") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::size_t hosts_in_run = 3;
    const Run run = random_run(seed, hosts_in_run, 150, ClockKind::matrix);
    HostTable hosts;
    LineParser parser(hosts);
    DiscardFinder finder(hosts);
    LogLine line;
    std::map<std::string, std::map<std::string, std::uint64_t>> knows;  // the truth at the end
    for (const auto& raw : lines_of(run.all)) {
      REQUIRE(parser.parse(raw, line) == nullptr);
      CHECK(finder.add(line));
      for (const auto& entry : line.clock.entries)
        knows[hosts.name(line.host)][hosts.name(entry.host)] = entry.count;
    }
    bool any = false;
    for (const auto& item : finder.find({})) {
      any = any || item.up_to > 0;
      for (const auto& [host, known] : knows)
        CHECK(item.up_to <= (known.count(item.origin) ? known.at(item.origin) : 0));
    }
    CHECK(any);
    for (const auto& item : finder.find({"h0", "h1", "h2", "never heard of"})) CHECK(item.up_to == 0);
  }
}

TEST_CASE("discard: vector logs answer as an observer of all of them") {
  HostTable hosts;
  LineParser parser(hosts);
  DiscardFinder finder(hosts);
  LogLine line;
  for (const auto& text : diagram) {
    for (const auto& raw : lines_of(text)) {
      REQUIRE(parser.parse(raw, line) == nullptr);
      CHECK(finder.add(line));
    }
  }
  const auto found = finder.find({});
  REQUIRE(found.size() == 3);
  CHECK(found[0].holder == "");
  CHECK(found[0].up_to == 0);  // P1: nobody else knows
  CHECK(found[1].up_to == 0);  // P2: P3 knows nothing of it
  CHECK(found[2].origin == "P3");
  CHECK(found[2].up_to == 2);  // all know h
  REQUIRE(parser.parse("P1 {\"@lamport\":3} x", line) == nullptr);
  CHECK_FALSE(finder.add(line));
}
