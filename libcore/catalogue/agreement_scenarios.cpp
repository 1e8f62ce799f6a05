// SPDX-License-Identifier: MIT
// Stories of agreeing: on a value, on a transaction's outcome, among liars, and never.
#include <algorithm>
#include <optional>

#include "base/format.hpp"
#include "catalogue/scenario.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

const NodeId one{1}, two{2}, three{3};

std::string ms(Duration time) {
  return fmt::format("{:.0f} ms", static_cast<double>(time.count()) / 1e6);
}

Setup on_links_of(std::size_t nodes, Duration delay) {
  Setup setup;
  setup.nodes = nodes;
  setup.link.delay_low = setup.link.delay_high = delay;
  setup.settle = 500ms;
  setup.patience = 3s;
  return setup;
}

void both_ways(Setup& setup, NodeId a, NodeId b, Duration delay) {
  setup.delays[{a, b}] = delay;
  setup.delays[{b, a}] = delay;
}

void strike(Setup& setup, sim::FaultKind kind, std::vector<NodeId> nodes, Duration at, Duration length) {
  sim::Fault fault;
  fault.kind = kind;
  fault.at = Instant{} + at;
  fault.length = length;
  fault.nodes = std::move(nodes);
  setup.faults.push_back(fault);
  setup.quiet_from = fault.at + length;
}

// What `node` received that begins so, in the order of time.
std::vector<sim::TraceRecord> received(const Story& story, NodeId node, std::string_view begins) {
  std::vector<sim::TraceRecord> all;
  for (const auto& record : story.trace.records()) {
    if (record.kind == sim::TraceRecord::Kind::received && record.node == node &&
        record.text.starts_with(begins)) {
      all.push_back(record);
    }
  }
  return all;
}

std::string time_of(const std::vector<sim::TraceRecord>& records) {
  return records.empty() ? "never" : ms(records.back().time - Instant{});
}

// ---- four nodes, links of 15, 32 and 28 ms

Story consensus_of_four() {
  Setup setup = on_links_of(4, 10ms);
  both_ways(setup, one, two, 15ms);
  both_ways(setup, one, three, 32ms);
  both_ways(setup, one, NodeId{4}, 28ms);
  setup.asks = {{Instant{}, one, {}}};
  Report exchange, paxos;
  Story story = story_of("promise-exchange", setup, exchange);
  static_cast<void>(story_of("paxos", setup, paxos));
  const auto promises = received(story, one, "promise");
  const auto& deciding = promises.at(1);  // with node 1 itself and the first, three of four
  story.facts = {
      fmt::format("A majority of four is three: node 1 and two others. The promise of node {} at {} decides, "
                  "not the slowest at {}.",
                  deciding.from.value, ms(deciding.time - Instant{}), time_of(promises)),
      fmt::format("Decided after {}, complete with the last acknowledgement after {}; {} messages: 4(N-1).",
                  ms(exchange.delays.front()), time_of(received(story, one, "acknowledge")),
                  exchange.all_messages),
      fmt::format("Right with one proposer only: a promise does not name earlier promises. Paxos "
                  "asks, and takes {}.",
                  ms(paxos.delays.front())),
  };
  return story;
}

// ---- the same exchange with a second proposer

Story exchange_splits() {
  Setup setup = on_links_of(3, 10ms);
  both_ways(setup, one, two, 5ms);
  setup.options["rivals"] = "two";
  setup.asks = {{Instant{}, one, {}}, {Instant{} + 30ms, three, {}}};
  strike(setup, sim::FaultKind::partition, {one}, 12ms, 1s);
  Report exchange, paxos;
  Story story = story_of("promise-exchange", setup, exchange);
  static_cast<void>(story_of("paxos", setup, paxos));
  const auto promises = [&](NodeId node) { return time_of(received(story, node, "promise")); };
  const bool two_values = !exchange.violations.empty() && exchange.violations.front().check == "agreement";
  story.facts = {
      fmt::format("Node 1 has a majority, itself and 2, at {} and decides v0. It is cut off before anybody "
                  "hears of that.",
                  promises(one)),
      fmt::format("Node 3 proposes v1 in the next term. Node 2 promises that too, and does not name its "
                  "earlier promise: at {} node 3 decides {}",
                  promises(three), two_values ? "v1. There are two decisions." : "nothing else."),
      fmt::format("Paxos in the same partition: {} Promises decide nothing there, and name the values that "
                  "were accepted before.",
                  paxos.violations.empty() ? "one decision." : "two decisions."),
  };
  return story;
}

// ---- atomic commitment: the coordinator dies when the votes are on their way to it

Setup coordinator_dies(Duration length) {
  Setup setup = on_links_of(3, 10ms);
  setup.asks = {{Instant{}, one, {}}};
  strike(setup, sim::FaultKind::process_crash, {one}, 15ms, length);
  return setup;
}

Story two_phase_blocks() {
  Report report;
  Story story = story_of("2pc", coordinator_dies(700ms), report);
  story.facts = {
      "Nodes 2 and 3 voted yes: neither may commit, for the other may have voted no, nor abort, for the "
      "coordinator may have said commit before it died. They ask each other in vain and wait until it is "
      "back.",
      fmt::format("It finds nothing in its log, so it cannot have said commit: abort, after {}.",
                  time_of(received(story, two, "abort"))),
  };
  return story;
}

Story three_phase_goes_on() {
  Report report;
  Story story = story_of("3pc", coordinator_dies(2s), report);
  story.facts = {
      fmt::format("The same crash with three phases. Node 2 hears nothing for six times the longest delay, "
                  "takes over and asks for states. Nobody is pre-committed, so nobody can have committed: "
                  "abort, after {}, long before node 1 is back.",
                  time_of(received(story, three, "abort"))),
      "This rests on silence being a crash: see three-phase-splits.",
  };
  return story;
}

Story three_phase_splits() {
  Setup setup = on_links_of(4, 10ms);
  both_ways(setup, one, two, 5ms);
  setup.asks = {{Instant{}, one, {}}};
  strike(setup, sim::FaultKind::partition, {one, two}, 26ms, 3s);
  Report report, majority;
  Story story = story_of("3pc", setup, report);
  static_cast<void>(story_of("majority-commit", setup, majority));
  story.facts = {
      "The network parts when node 2 is pre-committed and 3 and 4 are not. Each side takes the other for "
      "dead:",
      fmt::format("one side commits after {}, the other aborts. Three phases are wrong in a partition.",
                  time_of(received(story, two, "commit"))),
      std::string("A decision that a majority stores is not: majority-commit in the same partition has ") +
          (majority.violations.empty() ? "one outcome." : "two."),
  };
  return story;
}

// ---- Byzantine generals: node 1 commands, node 3 lies

Story generals(std::size_t count) {
  Setup setup = on_links_of(count, 10ms);
  setup.options["order"] = "attack";
  setup.asks = {{Instant{}, one, {}}};
  setup.byzantine[three] = "lying";
  Report report;
  Story story = story_of("oral-messages", setup, report);
  const auto orders = received(story, two, "");
  const std::string ordered =
      orders.empty() ? "" : orders.front().text.substr(0, orders.front().text.find(' '));
  std::string decided;
  for (const auto& record : story.trace.records()) {
    if (record.node == two && record.text.starts_with("decides to ")) decided = record.text.substr(11);
  }
  story.facts = {
      fmt::format("The commander says {}. General 3 is a traitor and tells the others the opposite.",
                  ordered),
      fmt::format("General 2 decides to {}: {}", decided,
                  decided == ordered
                      ? "the loyal ones outvote the lie."
                      : "he cannot tell whether the commander or 3 lies, and takes the default."),
      count > 3 ? "Four generals stand one traitor: N > 3m."
                : "Three generals cannot stand one traitor: N > 3m."};
  return story;
}

// ---- Fischer, Lynch, Paterson: a schedule that never decides

Story two_proposers_for_ever() {
  Setup setup = on_links_of(4, 10ms);
  both_ways(setup, one, two, 5ms);
  setup.asks = {{Instant{}, one, {}}, {Instant{} + 10ms, two, {}}};
  setup.options["rivals"] = "two";
  setup.options["backoff"] = "none";
  setup.patience = 60ms;
  setup.settle = 0ms;
  Report duel, longer, calm;
  Story story = story_of("paxos", setup, duel);
  setup.patience = 60s;
  static_cast<void>(story_of("paxos", setup, longer));
  setup.options["backoff"] = "random";
  static_cast<void>(story_of("paxos", setup, calm));
  const auto ballots = [](Report& report) { return std::to_string(report.messages["prepare"] / 3); };
  story.facts = {
      fmt::format("Nodes 1 and 2 propose. Each prepares a higher ballot just before the other's values "
                  "arrive. No message is lost, nobody crashes: after 60 ms {} ballots, after 60 s {}, and {}",
                  ballots(duel), ballots(longer), longer.operations == 0 ? "nothing decided." : "decided."),
      "Fischer, Lynch, Paterson: some schedule does that to every deterministic protocol that stands a "
      "crash.",
      fmt::format("With a random backoff, the only difference: decided after {}, with {} ballots.",
                  calm.delays.empty() ? std::string("-") : ms(calm.delays.front()), ballots(calm)),
  };
  return story;
}

}  // namespace

std::vector<Scenario> agreement_scenarios() {
  const auto space_time = Drawing::space_time;
  return {
      {"consensus-of-four", "propose, promise, commit on links of 15, 32 and 28 ms", space_time,
       consensus_of_four},
      {"exchange-splits", "the same with a second proposer: two values are decided", space_time,
       exchange_splits},
      {"two-phase-blocks", "the coordinator crashes after the votes: all wait for it", space_time,
       two_phase_blocks},
      {"three-phase-goes-on", "the same crash with three phases: the others decide", space_time,
       three_phase_goes_on},
      {"three-phase-splits", "in a partition one side commits, the other aborts", space_time,
       three_phase_splits},
      {"generals-of-three", "one liar among three generals: the loyal one disobeys", space_time,
       [] { return generals(3); }},
      {"generals-of-four", "one liar among four generals: the loyal ones agree", space_time,
       [] { return generals(4); }},
      {"never-decided", "a schedule that keeps two proposers undecided (FLP)", space_time,
       two_proposers_for_ever},
  };
}

}  // namespace coord::catalogue
