// SPDX-License-Identifier: MIT
// Global states: snapshots, and whether all work is done.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/traits.hpp"
#include "protocol/snapshot/chandy_lamport.hpp"
#include "protocol/snapshot/four_counters.hpp"
#include "protocol/snapshot/lai_yang.hpp"

namespace coord::classical {

inline constexpr Option balance_option =
    number_option("balance", 0, (std::uint64_t{1} << 53U) - 1, 100, "the first amount of this node");

template <class Derived, class Process>
struct Recorder {
  using Core = Process;
  static constexpr std::array options{balance_option};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core(setup.group, given.number("balance"));
  }
  static std::string_view type_of(const typename Core::Message& message) {
    return type_by_index<Derived>(message);
  }
  static std::string describe(const typename Core::Message& message) { return text(message); }
  static typename Core::Event event(const Begin&) { return typename Core::Begin{}; }
  static typename Core::Event event(const Hand& wish) { return snapshot::Hand{wish.to, wish.amount}; }
  static std::optional<Told> told(const snapshot::Handed& what) { return Handed{what.from, what.amount}; }
  static std::optional<Told> told(const snapshot::Recorded& what) {
    Recorded recorded{text(what.snapshot), what.state, 0, 0};
    for (const auto& [from, amounts] : what.on_way) {
      recorded.messages += amounts.size();
      for (const snapshot::Amount amount : amounts) recorded.on_way += amount;
    }
    return recorded;
  }
  static std::string state(const Core& core) { return "has " + std::to_string(core.balance()); }
};

struct ChandyLamport : Recorder<ChandyLamport, snapshot::ChandyLamport> {
  static constexpr Identity identity{"chandy-lamport", "global states",
                                     "markers part the messages before from those after (1985)", 2};
  static constexpr std::array<std::string_view, 2> types = {"payment", "marker"};
};

struct LaiYang : Recorder<LaiYang, snapshot::LaiYang> {
  static constexpr Identity identity{"lai-yang", "global states",
                                     "messages have colours, links need no order (Lai, Yang 1987)", 2};
  static constexpr std::array<std::string_view, 2> types = {"payment", "count"};
};

struct FourCounters {
  using Core = snapshot::FourCounters;
  static constexpr Identity identity{"four-counters", "global states",
                                     "all work is done: counted in two waves (Mattern 1987)", 2};
  static constexpr std::array options{
      number_option("work", 0, (std::uint64_t{1} << 53U) - 1, 0, "units that this node has at first"),
      duration_option("period_ms", 1, 100, "from one wave to the next, while there is work")};
  static constexpr std::array<std::string_view, 3> types = {"work", "ask", "answer"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core({setup.group, given.number("work"), given.duration("period_ms")});
  }
  static std::string_view type_of(const Core::Message& message) {
    return type_by_index<FourCounters>(message);
  }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Begin&) { return Core::Begin{}; }
  static Core::Event event(const Leave&) { return Core::Finish{}; }
  static Core::Event event(const Hand& wish) { return snapshot::Hand{wish.to, wish.amount}; }
  static std::optional<Told> told(const snapshot::Handed& what) { return Handed{what.from, what.amount}; }
  static std::optional<Told> told(const Core::Terminated&) { return Completed{}; }
  static std::string state(const Core& core) {
    return core.work() == 0 ? "idle" : "has " + std::to_string(core.work()) + " to do";
  }
};

}  // namespace coord::classical
