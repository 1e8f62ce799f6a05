// SPDX-License-Identifier: MIT
// Linearizability of a register into which each value is written once, without a search.
//
// The problem: with many writes at once the search tries their orders, of which there are as many as there
// are permutations, and what a read gives rules few of them out. The solution: with distinct values each read
// says which write it belongs to. A write and its reads are a cluster, and between the first and the last of
// a cluster nothing else may be written. Cluster a must come before b if one of its operations ended before
// one of b's started; a history is linearizable exactly if no read ended before its write started, and no two
// clusters must each come before the other (Gibbons and Korach, "Testing Shared Memories", SIAM Journal on
// Computing 26(4), 1997, section 4.1: zones). Let f be the first end in a cluster and s the last start: with
// f < s it is a forward zone, else a backward one. Two clusters are at odds if two forward zones overlap or a
// forward zone holds a backward one; that takes a sort and a look at neighbours.
//
// A write without an answer counts if its value was read, and may last for ever; else it is left out.
#pragma once

#include <optional>
#include <vector>

#include "sim/linearizability.hpp"

namespace coord::sim {

// Of these operations of one register, indices into the history. Nothing: it cannot tell (a value was written
// twice, or 0, which is there at first; compare and swap): search. O(n log n).
std::optional<LinearizabilityVerdict> check_distinct_register(const std::vector<Operation>& history,
                                                              const std::vector<std::size_t>& operations);

}  // namespace coord::sim
