// SPDX-License-Identifier: MIT
// What one run of a protocol is: how many nodes, which seed, what the links are like, what is asked of it and
// what goes wrong. A Setup is a value; the same one gives the same run on every machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sim/faults.hpp"
#include "sim/network.hpp"
#include "sim/trace.hpp"

namespace coord::catalogue {

// How operations follow each other.
enum class Load : std::uint8_t {
  spread,      // at random times, by random nodes
  one_by_one,  // the next when nothing is left to do for the one before: no contention; nodes take turns
  together,    // all nodes at once, and again as soon as their own is over: all the contention there can be
};

// An operation at a given time, for scenarios.
struct Ask {
  Instant at;
  NodeId node;
  Duration hold{};  // how long what is granted is kept, where the protocol grants anything
};

struct Setup {
  Setup();
  Setup(const Setup&);
  Setup(Setup&&) noexcept;
  Setup& operator=(const Setup&);
  Setup& operator=(Setup&&) noexcept;
  ~Setup();

  std::size_t nodes = 5;
  std::uint64_t seed = 1;
  std::uint64_t operations = 20;
  Load load = Load::spread;
  Duration mean_gap = std::chrono::milliseconds(40);  // spread: from one operation to the next
  Duration hold_low{};                                // what is granted is kept for [hold_low, hold_high]
  Duration hold_high = std::chrono::milliseconds(40);
  std::vector<Ask> asks;  // if there are any: these, in place of `operations` and `load`

  sim::Link link;
  std::map<std::pair<NodeId, NodeId>, Duration> delays;  // exact ones of single directions
  Duration clock_start_high{};
  std::int64_t clock_rate_spread_ppm = 0;

  std::vector<sim::Fault> faults;
  Instant quiet_from;                                // nothing is wrong from here on
  Duration patience = std::chrono::seconds(60);      // after that, for what is promised to happen in the end
  Duration settle = std::chrono::milliseconds(200);  // after the last operation, for what it still causes
  std::map<NodeId, std::string> byzantine;           // who does not follow the protocol, and in what way

  std::map<std::string, std::string> options;  // what a model knows besides, for its counts and scenarios

  sim::Trace* trace = nullptr;  // not owned; nullptr: none
};

}  // namespace coord::catalogue
