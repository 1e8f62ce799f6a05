// SPDX-License-Identifier: MIT
// The algorithms for detecting deadlocks, as dsim knows them.
#include "catalogue/deadlock_model.hpp"
#include "catalogue/families.hpp"
#include "catalogue/runner.hpp"

namespace coord::catalogue {

namespace {

// In a ring: every process asks the next one, a millisecond after the one before; the last one closes it.
void in_a_ring(Setup& setup) {
  setup.options["waits"] = "ring";
  for (std::size_t i = 1; i <= setup.nodes; ++i)
    setup.asks.push_back({Instant{} + std::chrono::milliseconds(i), NodeId{i}, {}});
}

// The same among the processes besides the coordinator.
void in_a_ring_without_the_first(Setup& setup) {
  in_a_ring(setup);
  setup.asks.erase(setup.asks.begin());
}

Theory in_all(std::string formula, std::vector<std::string> types, void (*prepare)(Setup&),
              double (*value)(std::size_t)) {
  return {Theory::Measure::all_messages,
          Load::spread,
          std::move(formula),
          [value](std::size_t n) {
            return Range{value(n), value(n)};
          },
          std::move(types),
          prepare};
}

template <class Of, deadlock::Needs how_many, std::uint64_t collector = 0>
struct Waits {
  using Algorithm = Of;
  static constexpr deadlock::Needs needs = how_many;
  static constexpr NodeId coordinator{collector};
};

Protocol probes() {
  Protocol p = named(classical::Probes::identity);
  p.rules = {"cmh_edge_is_there", "cmh_one_canonical_victim", "cmh_new_round_new_flag",
             "cmh_probe_carries_the_youngest"};
  p.theory = {in_all("N probes find a cycle of N", {"probe"}, in_a_ring,
                     [](std::size_t n) { return static_cast<double>(n); })};
  return describe<DeadlockModel<Waits<classical::Probes, deadlock::Needs::all>>>(std::move(p));
}

Protocol queries() {
  Protocol p = named(classical::Queries::identity);
  p.rules = {"or_who_goes_on_answers_nobody", "or_all_answers_are_needed", "or_one_canonical_victim"};
  p.theory = {in_all("2N in a cycle of N", {"query", "answer"}, in_a_ring,
                     [](std::size_t n) { return 2 * static_cast<double>(n); })};
  return describe<DeadlockModel<Waits<classical::Queries, deadlock::Needs::any>>>(std::move(p));
}

Protocol central_graph() {
  Protocol p = named(classical::CentralGraph::identity);
  p.rules = {"graph_cycle_is_confirmed", "graph_no_answer_on_its_way", "graph_kill_names_its_wait",
             "graph_all_say_yes", "graph_youngest_gives_up"};
  p.theory = {in_all("2K+1 for a cycle of K = N-1", {"still", "confirm", "kill"}, in_a_ring_without_the_first,
                     [](std::size_t n) { return 2 * static_cast<double>(n) - 1; }),
              in_all("2 reports for each of N-1 waits", {"waits"}, in_a_ring_without_the_first,
                     [](std::size_t n) { return 2 * static_cast<double>(n) - 2; })};
  return describe<DeadlockModel<Waits<classical::CentralGraph, deadlock::Needs::all, 1>>>(std::move(p));
}

}  // namespace

std::vector<Protocol> deadlock_detection() {
  std::vector<Protocol> protocols = {probes(), queries(), central_graph()};
  for (Protocol& protocol : protocols) {
    protocol.family = "deadlock detection";
    protocol.least_nodes = std::max<std::size_t>(protocol.least_nodes, 3);
    protocol.stands.kinds = Stands::of_time();
    protocol.stands.reordering = false;
  }
  return protocols;
}

}  // namespace coord::catalogue
