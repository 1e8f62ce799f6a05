// SPDX-License-Identifier: MIT
// A bank of three processes at a consistent cut: P1 has sent two payments that P2 has not received.
#pragma once

#include <cstdint>

#include "snapshot/record.hpp"

namespace coord::test {

inline record::VectorClock vector(std::initializer_list<std::pair<const std::string, std::uint64_t>> counts) {
  return record::VectorClock(record::VectorClock::Counts(counts));
}

// P1 sends 1 to P2 (received), 2 and 3 to P2 (on their way); P2 sends 1 to P3 (received).
inline record::Snapshot bank() {
  record::Snapshot s;
  s.id = "bank-7-1";
  s.group = "bank";
  s.view = 7;
  s.at = WallTime{1'795'922'835'123'456'789};
  s.members = {{"P1", 41, "a"}, {"P2", 42, "b"}, {"P3", 43, "b"}};
  s.processes = {{"P1", "sum=40", vector({{"P1", 3}}), false, {{"P2", 3}}, {}},
                 {"P2", "sum=25", vector({{"P1", 1}, {"P2", 2}}), false, {{"P3", 1}}, {{"P1", 1}}},
                 {"P3", "sum=30", vector({{"P1", 1}, {"P2", 2}, {"P3", 1}}), false, {}, {{"P2", 1}}}};
  s.channels = {{"P1", "P2", {{2, "pay=2", vector({{"P1", 2}})}, {3, "pay=3", vector({{"P1", 3}})}}}};
  return s;
}

}  // namespace coord::test
