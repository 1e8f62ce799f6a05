// SPDX-License-Identifier: MIT
// Detection of deadlocks among nodes that wait for each other.
#pragma once

#include <array>
#include <string>

#include "classical/traits.hpp"
#include "protocol/deadlock/central_graph.hpp"
#include "protocol/deadlock/probes.hpp"
#include "protocol/deadlock/queries.hpp"

namespace coord::classical {

inline constexpr Option wait_patience_option =
    duration_option("patience_ms", 1, 100, "how long a wait takes before it is looked into");

template <class Derived, class Process>
struct Waiter {
  using Core = Process;
  static std::string_view type_of(const typename Core::Message& message) {
    return type_by_index<Derived>(message);
  }
  static typename Core::Event event(const WaitFor& wish) { return deadlock::Ask{wish.nodes}; }
  static typename Core::Event event(const Serve& wish) { return deadlock::Serve{wish.node}; }
  static std::optional<Told> told(const deadlock::Wanted& what) { return Wanted{what.by}; }
  static std::optional<Told> told(const deadlock::GoesOn&) { return GoesOn{}; }
  static std::optional<Told> told(const deadlock::GivesUp&) { return GivesUp{}; }
  static std::string state(const Core& process) {
    return process.waits() ? list("waits for", process.waits_for()) : "goes on";
  }
};

struct Probes : Waiter<Probes, deadlock::Probes> {
  static constexpr Identity identity{"cmh-and", "deadlock detection",
                                     "waits for all, found by probes (Chandy, Misra, Haas 1983)", 2};
  static constexpr std::array options{wait_patience_option};
  static constexpr std::array<std::string_view, 4> types = {"request", "reply", "cancel", "probe"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core(setup.group.self, given.duration("patience_ms"));
  }
  static std::string describe(const Core::Message& message) {
    const auto* probe = std::get_if<deadlock::Probe>(&message);
    return probe ? "probe of " + std::to_string(probe->initiator.value) + ", youngest " +
                       std::to_string(probe->youngest.process.value)
                 : std::string(type_of(message));
  }
};

struct Queries : Waiter<Queries, deadlock::Queries> {
  static constexpr Identity identity{"cmh-or", "deadlock detection",
                                     "waits for any, found by queries (Chandy, Misra, Haas 1983)", 2};
  static constexpr std::array options{wait_patience_option};
  static constexpr std::array<std::string_view, 5> types = {"request", "reply", "cancel", "query", "answer"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core(setup.group.self, given.duration("patience_ms"));
  }
  static std::string describe(const Core::Message& message) {
    if (const auto* query = std::get_if<deadlock::Query>(&message))
      return "query of " + std::to_string(query->initiator.value);
    if (const auto* answer = std::get_if<deadlock::Answer>(&message))
      return "answer to " + std::to_string(answer->initiator.value);
    return std::string(type_of(message));
  }
};

struct CentralGraph : Waiter<CentralGraph, deadlock::CentralGraph> {
  static constexpr Identity identity{"wait-graph", "deadlock detection",
                                     "one node collects the graph (Gray 1978, Knapp 1987)", 3};
  static constexpr std::array options{
      wait_patience_option,
      node_option("coordinator", "the node that collects the graph and does not wait itself; 0: the first")};
  static constexpr std::array<std::string_view, 7> types = {"request", "reply",   "cancel", "waits",
                                                            "still",   "confirm", "kill"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const NodeId coordinator =
        given.flag("coordinator") ? given.node("coordinator") : setup.group.nodes.front();
    if (!setup.group.knows(coordinator))
      return Error{ErrorKind::usage, std::string(identity.name), "its coordinator is none of its nodes",
                   "name one of them"};
    return Core(setup.group.self, coordinator, given.duration("patience_ms"));
  }
  static std::string describe(const Core::Message& message) { return std::string(type_of(message)); }
};

}  // namespace coord::classical
