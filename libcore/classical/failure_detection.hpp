// SPDX-License-Identifier: MIT
// Failure detectors.
#pragma once

#include <array>
#include <string>

#include "classical/traits.hpp"
#include "protocol/membership/detector.hpp"
#include "protocol/membership/swim.hpp"

namespace coord::classical {

template <membership::Detector::Rule rule>
struct Detector {
  using Core = membership::Detector;
  using Rule = Core::Rule;
  static constexpr Identity identity =
      rule == Rule::time_out
          ? Identity{"heartbeat", "failure detection",
                     "silent for a fixed time: suspected (Chandra and Toueg 1996)", 3, true}
      : rule == Rule::phi_normal
          ? Identity{"phi-normal", "failure detection",
                     "suspected when silence surprises (Hayashibara et al. 2004)", 3, true}
          : Identity{"phi-exponential", "failure detection",
                     "the same with exponential intervals, as Cassandra does", 3, true};
  static constexpr std::array options{
      duration_option("interval_ms", 1, 100, "from one heartbeat to the next"),
      duration_option("time_out_ms", 1, 500, "heartbeat: silence for so long is suspicious"),
      number_option("threshold", 1, 1000, 8, "phi: the suspicion at which a node is suspected")};
  static constexpr std::array<std::string_view, 1> types = {"heartbeat"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    Core::Config config;
    config.group = setup.group;
    config.rule = rule;
    config.interval = given.duration("interval_ms");
    config.own_pause = 10 * config.interval;
    config.excuse = 5 * config.interval;
    config.time_out = given.duration("time_out_ms");
    config.threshold = static_cast<double>(given.number("threshold"));
    return Core(setup.now, config);
  }
  static std::string_view type_of(const Core::Message&) { return types[0]; }
  static std::string describe(const Core::Message&) { return std::string(types[0]); }
  static std::optional<Told> told(const Core::Suspects& what) { return Suspected{what.node}; }
  static std::optional<Told> told(const Core::Trusts& what) { return Trusted{what.node}; }
  static std::string state(const Core& core) { return list("suspects", core.suspected()); }
};

// Its user is told of deaths, of members that left, and of who is back; a suspicion is the protocol's own.
struct Swim {
  using Core = membership::Swim;
  static constexpr Identity identity{
      "swim", "failure detection", "pings by turns, helpers, rumours (Das et al. 2002; Lifeguard)", 2, true};
  static constexpr std::array options{
      number_option("founders", 0, nodes_limit, 0,
                    "how many of the nodes know each other from the start; 0: all"),
      duration_option("period_ms", 2, 250, "from one probe to the next"),
      duration_option("time_out_ms", 1, 100, "of a direct ping; less than a period"),
      duration_option("gossip_ms", 1, 100, "from one round of news to the next"),
      duration_option("compare_ms", 1, 10'000, "from one comparison of all that is held to the next"),
      number_option("helpers", 0, 16, 3, "how many are asked to ping for it"),
      number_option("stream_ping", 0, 1, 1, "1: a silent member is asked by stream too")};
  static constexpr std::array<std::string_view, 9> types = {
      "ping", "ack", "ping-request", "nack", "gossip", "stream-ping", "stream-ack", "compare", "table"};
  using Durable = membership::Incarnation;
  using Record = std::variant<Core::Persist>;
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored);
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Swim>(message); }
  static std::string describe(const Core::Message& message) { return membership::text(message); }
  static Core::Event event(const Leave&) { return Core::Leave{}; }
  static std::optional<Told> told(const Core::Changed& what);
  static std::optional<Told> told(const Core::Departed&) { return Completed{}; }
  static std::string state(const Core& core);
  static std::string key(const Core::Persist&) { return "incarnation"; }
  static void apply(Durable& durable, const Core::Persist& what) { durable = what.incarnation; }
};

}  // namespace coord::classical
