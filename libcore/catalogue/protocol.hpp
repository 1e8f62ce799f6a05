// SPDX-License-Identifier: MIT
// One protocol as dsim, the sweeps and the counts know it: what it is called, what it costs by its paper,
// what it promises to stand, and how it is run. Made by describe() in runner.hpp from a model (model.hpp).
// Large values are copied and destroyed by functions of protocol.cpp: inline, they were a tenth of all that
// the catalogue's files compile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalogue/book.hpp"
#include "catalogue/setup.hpp"
#include "classical/traits.hpp"
#include "sim/world_core.hpp"

namespace coord::catalogue {

// What came of a run.
struct Report {
  Report();
  Report(const Report&);
  Report(Report&&) noexcept;
  Report& operator=(const Report&);
  Report& operator=(Report&&) noexcept;
  ~Report();

  std::string protocol;
  std::size_t nodes = 0;
  std::uint64_t seed = 0;
  std::uint64_t operations = 0;  // that were answered
  std::uint64_t lost = 0;        // asked of a node that crashed before it answered
  std::map<std::string, std::uint64_t> messages;
  std::uint64_t all_messages = 0;
  std::vector<Duration> delays;      // of the answered operations, sorted
  std::vector<Duration> hand_overs;  // see Book::hand_overs()
  std::vector<sim::Violation> violations;
  sim::FaultCounts faults;
  sim::WorldStatistics statistics;
  std::uint64_t fingerprint = 0;
  Instant end;
  std::vector<Span> spans;
  std::map<NodeId, NodeId> parents;
  std::vector<std::string> remarks;     // what a person should know of the end: who still waits for whom, ...
  std::vector<std::string> situations;  // brought about besides the faults

  double messages_per_operation() const;
};
// The smallest value that at least this share of the sorted values does not exceed; 0 of none.
Duration percentile(const std::vector<Duration>& sorted, double share);

// What the literature says of the costs, as a range: exact where both ends are equal, a bound from above
// where `low` is 0.
struct Range {
  double low = 0, high = 0;
};
struct Theory {
  enum class Measure : std::uint8_t {
    messages,      // for each operation
    all_messages,  // of the whole run
    hand_over,     // from one user to the next one that waits, in message delays
    delay,         // from asked to answered, in message delays
  } measure = Measure::messages;
  Load load = Load::one_by_one;  // under which it is measured
  std::string formula;           // as it is printed: "2(N-1)"
  std::function<Range(std::size_t nodes)> value;
  std::vector<std::string> types{};       // of messages that are counted; empty: all
  std::function<void(Setup&)> prepare{};  // changes the setup that is measured: who asks when, options
};

// Which faults it promises to stand, and so which ones the sweep gives it.
struct Stands {
  std::set<sim::FaultKind> kinds;  // of sim::FaultConfig: partition, pause, process_crash, ...
  bool lossy_links = false;        // single messages lost and doubled
  bool reordering = true;          // false: links are FIFO
  // Of n nodes so many may be Byzantine, each of one of these kinds; none: the
  // protocol knows nothing of such.
  std::vector<std::string> byzantine;
  std::function<std::size_t(std::size_t nodes)> byzantine_limit;

  static std::set<sim::FaultKind> of_time();   // delays, pauses, clocks that run wrong: nothing is lost
  static std::set<sim::FaultKind> of_links();  // these, and links that are cut or lose messages
  static Stands of_crashes_and_links();        // all of these, crashes in the middle of a step, lossy links
};

struct Protocol {
  Protocol();
  Protocol(const Protocol&);
  Protocol(Protocol&&) noexcept;
  Protocol& operator=(const Protocol&);
  Protocol& operator=(Protocol&&) noexcept;
  ~Protocol();

  std::string name;     // as on the command line
  std::string family;   // "mutual exclusion"
  std::string summary;  // one line, with the paper
  Stands stands;
  std::vector<Theory> theory;
  std::vector<std::string> rules;  // COORD_RULEs that can be removed, and whose removal a sweep finds
  std::size_t least_nodes = 1, most_nodes = 1000;
  std::size_t sweep_most = 6;                          // nodes in a sweep
  std::vector<std::size_t> sizes = {4, 5, 9, 16, 25};  // that `count` shows
  std::function<bool(std::size_t nodes)> takes;        // further limits; empty: none
  std::function<Report(const Setup&)> run;

  bool can_have(std::size_t nodes) const {
    return nodes >= least_nodes && nodes <= most_nodes && (!takes || takes(nodes));
  }
};

// With what an algorithm says of itself.
Protocol named(const classical::Identity& identity);

// All of them, in the order of `dsim list`.
const std::vector<Protocol>& all();
const Protocol* find(std::string_view name);  // nullptr: none

// One line of `dsim count`.
struct Count {
  const Theory* theory = nullptr;
  std::size_t nodes = 0;
  double measured = 0;
  Range expected;
  bool agrees = false;
};
std::vector<Count> count(const Protocol& protocol, const std::vector<std::size_t>& sizes);

}  // namespace coord::catalogue
